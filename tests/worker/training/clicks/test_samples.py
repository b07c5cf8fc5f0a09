"""Samples are drawn once, by whoever comes first, and found again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.config import EMBEDDED_BASE_MODEL
from models.serving.generator import Sampling, wording
from worker.publish.convert import convert_to_ctranslate2
from worker.training.clicks import samples
from worker.training.clicks.samples import Samples

TEXTS = ["You are a stupid idiot, go home.", "This shit plan will never work.", "What a dumb thing to say!"]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version") / "serving"
    convert_to_ctranslate2(EMBEDDED_BASE_MODEL, folder)
    return folder


def test_what_was_drawn_is_found_again(serving: Path, tmp_path: Path) -> None:
    drawn = Samples(serving, Sampling(), tmp_path)
    assert drawn.known(TEXTS[0]) is None
    drawn.draw(TEXTS)
    for text in TEXTS:
        pool = drawn.known(text)
        assert pool is not None
        assert len({wording(option.text) for option in pool}) == len(pool) > 0
        assert wording(text) not in {wording(option.text) for option in pool}
        assert all(0 <= option.quality <= 1 and option.features.any() for option in pool)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    Samples(serving, Sampling(), tmp_path).draw(TEXTS)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == files
    assert Samples(serving, Sampling(temperature=0.5), tmp_path).known(TEXTS[0]) is None, "drawn in another way"


def test_it_draws_no_longer_than_it_may(serving: Path, tmp_path: Path) -> None:
    drawn = Samples(serving, Sampling(), tmp_path)
    drawn.draw(TEXTS, seconds=0)
    assert [drawn.known(text) for text in TEXTS] == [None] * 3


def test_whoever_listens_may_end_it(serving: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Samples(serving, Sampling(), tmp_path).draw(TEXTS, check=stop)


def test_a_text_that_is_too_long_or_has_no_words_has_no_samples(serving: Path, tmp_path: Path) -> None:
    drawn = Samples(serving, Sampling(), tmp_path)
    hopeless = ["you idiot " * 400, "…!?"]
    drawn.draw(hopeless)
    assert [drawn.known(text) for text in hopeless] == [(), ()]


def test_a_damaged_file_is_as_none(serving: Path, tmp_path: Path) -> None:
    drawn = Samples(serving, Sampling(), tmp_path)
    drawn.draw(TEXTS[:1])
    [file] = tmp_path.rglob("*.safetensors")
    file.write_bytes(b"broken")
    assert drawn.known(TEXTS[0]) is None
    drawn.draw(TEXTS[:1])
    assert drawn.known(TEXTS[0])


@pytest.mark.parametrize("change", ["shortlist", "code"])
def test_what_was_drawn_by_another_shortlist_or_other_code_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    serving, cache = tmp_path / "serving", tmp_path / "cache"
    for folder in (serving, cache):
        folder.mkdir()
    (serving / "model.bin").write_text("weights")
    (serving / "vmap.txt").write_text("a")
    for _ in range(2):
        Samples(serving, Sampling(), cache)
    assert len(list(cache.iterdir())) == 1

    if change == "shortlist":
        (serving / "vmap.txt").write_text("b")
    else:
        monkeypatch.setattr(samples, "sampling_identity", lambda: "another release")
    Samples(serving, Sampling(), cache)
    assert len(list(cache.iterdir())) == 2


def test_what_other_versions_wrote_longest_ago_is_let_go(serving: Path, tmp_path: Path) -> None:
    for age, name in enumerate(("older", "old", "oldest", "ancient")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (age, age) if name != "older" else (100, 100))
    Samples(serving, Sampling(), tmp_path)
    assert {"older", "ancient"} < {path.name for path in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 3
