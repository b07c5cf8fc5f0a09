"""The stage from its command line, end to end on a few sentences: what it learns from, what it leaves and refuses."""

import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig

from models.manners import read_manners
from models.serving.generator import Generator
from worker.base.build.checkpoint import new_model, save_checkpoint
from worker.base.build.tokenizer import train_tokenizer
from worker.base.pretrain.state import load_state
from worker.base.rephrase.__main__ import main
from worker.base.rephrase.codes import MANNERS
from worker.base.texts.corpus import is_dev
from worker.publish.convert import convert_to_ctranslate2

THINGS = ["tea", "rain", "music", "work", "lunch", "traffic", "coding", "weather", "football", "reading"]
RUDE = [f"you are {how} wrong about the {thing}" for thing in THINGS for how in ("fucking", "damn")]
TALK = [f"I like the {thing} on {day} with my friends." for thing in THINGS for day in ("Monday", "Sunday")]
DEV = next(text for text in (f"you are damn late {n}" for n in count()) if is_dev(text))
PAIRS = {
    "simple": [(f"The {thing} was, as it were, bad.", f"The {thing} was bad.", "simplify") for thing in THINGS],
    "others": [(f"I like {thing}.", f"I am fond of {thing}.", "paraphrase") for thing in THINGS],
    "corrected": [(f"I likes the {thing} a lot.", f"I like the {thing} a lot.", "grammar") for thing in THINGS],
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep matrices this small from being spread over threads, which costs more than it saves."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of a handful of sentences, laid out as the real one."""
    folder = tmp_path / "data"
    rows = [*((text, text.replace(text.split()[2] + " ", "")) for text in RUDE), (DEV, "you are late, friend")]
    table = "".join(f"{toxic}\t{neutral}\t\t\n" for toxic, neutral in rows)
    (folder / "corpus").mkdir(parents=True)
    (folder / "pairs").mkdir()
    (folder / "paradetox.tsv").write_text(f"toxic\tneutral1\tneutral2\tneutral3\n{table}", encoding="utf-8")
    for name in ("topical_chat", "taskmaster", "jigsaw_comments", "paradetox_cannot_rewrite", "davidson_tweets"):
        write(folder / "corpus" / f"{name}.txt.gz", TALK)
    for name, pairs in PAIRS.items():
        write_pairs(folder, name, pairs)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A tiny untrained checkpoint."""
    tokenizer = train_tokenizer(iter([*TALK, *RUDE]), 400)
    torch.manual_seed(0)
    shape = new_model(tokenizer.get_vocab_size(), width=64, encoder_layers=1, decoder_layers=1)
    save_checkpoint(shape, tokenizer, tmp_path / "model")
    return tmp_path / "model"


def write(path: Path, lines: Sequence[str]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")


def write_pairs(data: Path, name: str, pairs: Sequence[tuple[str, str, str]]) -> None:
    write(data / "pairs" / f"{name}.tsv.gz", ["source\ttarget\tkind", *("\t".join(pair) for pair in pairs)])


def call(monkeypatch: pytest.MonkeyPatch, data: Path, work: Path, model: Path, *more: str) -> None:
    places = ["--data", str(data), "--work", str(work), "--model", str(model), "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["rephrase", *places, "--tokens-each", "40", *more])
    main()


def test_a_run_is_resumed_and_leaves_a_checkpoint_that_serves_in_manners(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    for tokens in ("600", "1200"):
        call(monkeypatch, data, work, model, "--tokens", tokens)
        state = load_state(work)
        assert state is not None
        assert int(tokens) <= state.progress.tokens < int(tokens) + 200

    [first, *_] = [json.loads(line) for line in (work / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert set(first["held_out"]) >= {"detox"}
    manners: dict[str, str] = AutoConfig.from_pretrained(work / "checkpoint").manners
    assert set(manners) == set(MANNERS)
    tokenizer = Tokenizer.from_file(str(work / "checkpoint" / "tokenizer.json"))
    assert None not in map(tokenizer.token_to_id, manners.values())
    convert_to_ctranslate2(work / "checkpoint", tmp_path / "serving")
    assert read_manners(tmp_path / "serving") == manners
    Generator(tmp_path / "serving", 1, threads=1, seed=1)


def test_selected_rewrites_with_a_text_that_is_held_out_are_refused_before_anything_is_trained(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leaky = tmp_path / "selected.jsonl"
    leaky.write_text(json.dumps(["You are late -- FRIEND!", "You come late, friend."]) + "\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        call(monkeypatch, data, tmp_path / "work", model, "--selected", str(leaky))

    assert 'selected.jsonl has the text "you are late, friend", which is held out' in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_folder_without_pairs_is_refused(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (data / "pairs").iterdir():
        path.unlink()
    with pytest.raises(SystemExit):
        call(monkeypatch, data, tmp_path / "work", model)
    assert "has no pairs/*.tsv.gz" in capsys.readouterr().err
