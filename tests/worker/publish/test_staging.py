"""A staged version is completed with the form that is served, and refused if that computes something else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models.serving.engine import Engine
from models.serving.shortlist import SHORTLIST_FILE, read_shortlist
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER, SERVING_FOLDER
from tests.worker.publish.taught import ENOUGH, OF_ENOUGH, words
from worker.publish import shortlist as module
from worker.publish import staging
from worker.publish.convert import convert_to_ctranslate2
from worker.publish.shortlist import Taught
from worker.training.shared.training_errors import ParityError


@pytest.fixture(autouse=True)
def every_vocabulary_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE_VOCABULARY", 0)


def test_a_version_gets_its_own_list_hands_it_on_and_says_so(tiny_t5: Path, tmp_path: Path) -> None:
    versions = [tmp_path / name for name in ("parent", "child", "stranger")]
    for staged in versions:
        shutil.copytree(tiny_t5, staged / MODEL_FOLDER)
    parent = versions[0] / SERVING_FOLDER
    data: list[list[Taught]] = [ENOUGH, [("so dumb", "so wrong", "wrong")], [("damn", "this movie is not good")]]
    said: list[str] = []
    for staged, taught in zip(versions, data, strict=True):
        staging.prepare(staged, taught, parent if staged != versions[0] else None, said.append)

    assert [words(read_shortlist(staged / SERVING_FOLDER)) for staged in versions] == [OF_ENOUGH, OF_ENOUGH, set()]
    size = len(read_shortlist(parent))
    told = [line for line in said if line.startswith("It writes")]
    assert told == [f"It writes with the tokens of the text and {size} of all 364, which its data needs."] * 2 + [
        "It writes with all its tokens: the shortlist of the version it comes from would miss too many."
    ]


def test_few_data_leave_a_version_all_its_words(tiny_t5: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_t5, tmp_path / MODEL_FOLDER)
    said: list[str] = []

    staging.prepare(tmp_path, [("stop", "please go")], log=said.append)

    assert not (tmp_path / SERVING_FOLDER / SHORTLIST_FILE).exists()
    assert [line for line in said if line.startswith("It writes")] == []


def test_a_staged_model_is_given_the_form_that_is_served(each_t5: Path, tmp_path: Path) -> None:
    shutil.copytree(each_t5, tmp_path / MODEL_FOLDER)
    said: list[str] = []

    parity = staging.prepare(tmp_path, log=said.append)

    assert 0 <= parity < 1e-3
    assert said == [f"The served form agrees with the trained one to {parity:.1e} nats a token."]
    engine = Engine(tmp_path / SERVING_FOLDER, compute_type="float32", threads=1, seed=7)
    (score,) = engine.log_probabilities(["you are stupid"], ["you are wrong"])
    assert score < 0


def test_an_adapter_is_kept_beside_the_model_and_not_in_it(tiny_t5: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_t5, tmp_path / MODEL_FOLDER)
    adapter = tmp_path / MODEL_FOLDER / ADAPTER_FOLDER
    adapter.mkdir()
    (adapter / "weights").write_bytes(b"an adapter")

    staging.prepare(tmp_path)

    assert not adapter.exists()
    assert (tmp_path / ADAPTER_FOLDER / "weights").read_bytes() == b"an adapter"


def test_a_served_form_that_computes_something_else_is_refused(
    tiny_t5: Path, tiny_t5_v1_1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_t5, tmp_path / MODEL_FOLDER)
    monkeypatch.setattr(
        staging, "convert_to_ctranslate2", lambda _, serving: convert_to_ctranslate2(tiny_t5_v1_1, serving)
    )

    with pytest.raises(ParityError):
        staging.prepare(tmp_path)
