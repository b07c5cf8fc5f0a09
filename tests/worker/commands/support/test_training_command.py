"""The commands that train: from a file to a folder, and to a version of the studio where that is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.services.versions import versions
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER, CheckpointStore
from tests.scorer_cache import share_cache
from tests.studio import parts
from tests.tiny.llama import build_tiny_llama
from worker.cli import main
from worker.commands import sft

PAIRS = "source\ttarget\n" + "".join(f"you fool {number}\tyou {number}\n" for number in range(12))
QUICK = ["--max_steps", "2", "--learning_rate", "0.01", "--dev_split", "4", "--use_peft"]


@pytest.fixture
def environment(app: Flask, few_texts: int, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    share_cache(parts(app).settings.home)
    for name in ("DATABASE_URL", "MELLOW_STORE", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    path = tmp_path / "pairs.tsv"
    path.write_text(PAIRS, encoding="utf-8")
    return str(path)


def test_a_version_of_the_studio_is_trained_on_and_published_without_serving(
    environment: pytest.MonkeyPatch,
    app: Flask,
    session: Session,
    version_1: int,
    pairs: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    command = ["dpo", "--model_name_or_path", "version:1", "--train_file", pairs, "--publish", *QUICK]

    assert main([*command, "--output_dir", str(out)]) == 0

    said = capsys.readouterr().out
    assert said.startswith("dpo: 2 steps in ")
    assert "Version 2 is published and does not serve yet" in said
    store: CheckpointStore = parts(app).store
    manifest = store.verify(2)
    assert (manifest.method, manifest.parent) == ("dpo", 1)
    assert manifest.config["beta"] == 0.1
    assert manifest.metrics["parity"] < 1e-3
    assert manifest.metrics["held_out"]["after"]["implicit_reward_margin"]["value"] != 0
    assert (store.folder(2) / ADAPTER_FOLDER / "adapter_config.json").exists()
    assert versions.serving_number(session) == 1
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert result["model"] == str(store.folder(1) / MODEL_FOLDER)


def test_a_complete_result_is_not_overwritten(
    environment: pytest.MonkeyPatch, version_1: int, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "model").mkdir(parents=True)
    command = ["orpo", "--model_name_or_path", "version:1", "--train_file", pairs, *QUICK]

    assert main([*command, "--output_dir", str(tmp_path / "out")]) == 1

    assert capsys.readouterr().err.endswith("is there already: choose another output folder.\n")


def test_a_first_attempt_that_failed_keeps_nobody_from_the_folder(
    environment: pytest.MonkeyPatch, version_1: int, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["dpo", "--train_file", pairs, *QUICK, "--output_dir", str(tmp_path / "out")]
    attempts = [
        (["--model_name_or_path", str(tmp_path)], "No model could be loaded from"),
        (
            ["--lora_target_modules", "nope"],
            "lora_target_modules: the model has no layer nope; its linear layers are k, ",
        ),
        (["--dtype", "float16", "--no-use_peft"], "Weights in float16 cannot be trained"),
        (["--report_to", "nope"], "Training cannot report to nope: nope is not supported"),
    ]
    for arguments, sentence in attempts:
        assert main([*command, "--model_name_or_path", "version:1", *arguments]) == 1
        assert capsys.readouterr().err.splitlines()[-1].startswith(sentence)

    assert main([*command, "--model_name_or_path", "version:1"]) == 0


def test_without_a_reward_model_there_is_nothing_to_learn_from(
    pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ppo", "--train_file", pairs, "--output_dir", str(tmp_path / "out")]) == 1

    said = "reward_model_path is missing: name the output folder of a training with `reward`.\n"
    assert capsys.readouterr().err == said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--train_file", "a", "--dataset_name", "b"], "Name the data with --train_file or with --dataset_name"),
        ([], "Name the data with --train_file or with --dataset_name"),
        (["--train_file", "none.tsv", "--beta", "-1"], "beta must be between 0.0001 and 10, not -1."),
        (["--model_name_or_path", "version:x", "--train_file", "a"], "version:x names no version"),
        (["--model_name_or_path", "version:9", "--train_file", "a"], "Version 9"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_sentence(
    environment: pytest.MonkeyPatch,
    version_1: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert main(["dpo", *arguments, "--output_dir", str(tmp_path / "out")]) == 1

    assert capsys.readouterr().err.startswith(sentence)


def test_only_models_that_the_studio_can_serve_are_published(
    environment: pytest.MonkeyPatch, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    llama = build_tiny_llama(tmp_path / "llama")
    command = ["kto", "--model_name_or_path", str(llama), "--train_file", pairs, "--publish"]

    assert main([*command, "--output_dir", str(tmp_path / "out")]) == 1

    assert capsys.readouterr().err.endswith(
        f"{llama} cannot be served by the studio: it is a llama, not a T5 or mT5.\n"
    )


def test_sft_of_a_decoder_only_model_is_the_command_for_chat_models(
    environment: pytest.MonkeyPatch, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    llama = build_tiny_llama(tmp_path / "llama")
    command = ["sft", "--model_name_or_path", str(llama), "--train_file", pairs, "--max_length", "64"]

    assert main([*command, *QUICK, "--output_dir", str(tmp_path / "out")]) == 0

    assert "perplexity" in capsys.readouterr().out
    assert (tmp_path / "out" / "model" / "model.safetensors").exists()
    assert sft._command_for(["--train_file", pairs]) == "sft"


def test_a_settings_file_is_read_before_the_flags(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("betta: 1\n", encoding="utf-8")

    assert main(["dpo", "--config", str(file), "--output_dir", str(tmp_path / "out")]) == 1

    assert capsys.readouterr().err == f"betta in {file} is not a setting of this command.\n"
