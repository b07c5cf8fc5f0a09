"""The program from its command line."""

import json
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM

from worker.base.pretrain import __main__ as program
from worker.base.pretrain import starting


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    """Run the program with these arguments."""
    monkeypatch.setattr(sys, "argv", ["pretrain", "--device", "cpu", *map(str, arguments)])
    program.main()


def tokenizer_of(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_a_run_leaves_a_checkpoint_like_the_one_it_began_with(
    data: Path, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    call(monkeypatch, "--data", data, "--work", work, "--model", checkpoint, "--tokens", "1000", "--tokens-each", "300")

    out = work / "checkpoint"
    assert {path.name for path in out.iterdir()} == {path.name for path in checkpoint.iterdir()}
    assert tokenizer_of(out).get_vocab() == tokenizer_of(checkpoint).get_vocab()
    began, ended = (load_file(folder / "model.safetensors") for folder in (checkpoint, out))
    assert {name: (w.shape, w.dtype) for name, w in ended.items()} == {n: (w.shape, w.dtype) for n, w in began.items()}
    assert any((ended[name] != began[name]).any() for name in began)


def test_a_new_shape_begins_with_random_weights_and_is_resumed(
    data: Path, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--data", data, "--work", tmp_path / "work", "--model", checkpoint, "--tokens-each", "300")
    call(monkeypatch, *options, "--new", "2", "1", "32", "48", "2", "--tokens", "600")
    call(monkeypatch, *options, "--tokens", "1200")

    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "work" / "checkpoint", local_files_only=True)
    config = model.config
    assert (config.num_layers, config.num_decoder_layers, config.d_model, config.d_ff, config.num_heads) == (
        (2, 1, 32, 48, 2)
    )
    line = json.loads((tmp_path / "work" / "log.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert line["held_out"]["corruption"]["all"] > 4  # about the logarithm of the vocabulary


def test_a_grown_checkpoint_begins_where_the_one_that_was_grown_stood(
    data: Path, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--data", data, "--model", checkpoint, "--tokens-each", "300", "--tokens", "300")
    shape = AutoModelForSeq2SeqLM.from_pretrained(checkpoint, local_files_only=True).config
    call(monkeypatch, *options, "--work", tmp_path / "as-it-is")
    layers = (str(shape.num_layers + 2), str(shape.num_decoder_layers + 1))
    call(monkeypatch, *options, "--work", tmp_path / "grown", "--layers", *layers)

    grown = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "grown" / "checkpoint", local_files_only=True).config
    assert (str(grown.num_layers), str(grown.num_decoder_layers)) == layers
    began = [
        json.loads((tmp_path / work / "log.jsonl").read_text(encoding="utf-8").splitlines()[0])["held_out"]
        for work in ("as-it-is", "grown")
    ]
    assert began[1]["corruption"]["all"] == pytest.approx(began[0]["corruption"]["all"], abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--layers", "0", "1"], "it cannot be grown to fewer"),
        (["--layers", "3", "3"], "parameters; at most 60,000 are allowed"),
        (["--new", "1", "1", "48", "64", "2"], "parameters; at most 60,000 are allowed"),
        (["--model", "nowhere"], "nowhere is no checkpoint"),
        (["--cool-down", "1000"], "has no training to cool down"),
    ],
)
def test_bad_input_gives_one_sentence(
    data: Path,
    tmp_path: Path,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.setattr(starting, "LARGEST", 60_000)  # making a model beyond the real bound takes seconds
    with pytest.raises(SystemExit):
        call(monkeypatch, "--data", data, "--work", tmp_path / "work", "--model", checkpoint, *arguments)

    assert reason in capsys.readouterr().err
