"""`python -m worker sft`: from a file to a version that serves, and every way in which it does not come to that."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import Version
from app.services.versions import versions
from models.store.locks import try_lock
from models.store.store import MODEL_FOLDER, CheckpointStore
from tests.scorer_cache import share_cache
from tests.studio import parts, rewriter, rows
from worker.cli import main
from worker.publish import staging
from worker.studio import patience

PAIRS = "source\ttarget\n" + "".join(f"you fool {number}\tyou {number}\n" for number in range(12))
QUICK = ["--num_train_epochs", "1", "--per_device_train_batch_size", "4", "--dev_split", "4"]


@pytest.fixture
def base_model(published: CheckpointStore) -> Path:
    return published.folder(1) / MODEL_FOLDER


@pytest.fixture
def environment(app: Flask, base_model: Path, few_texts: int, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("REDIS_URL", parts(app).settings.redis_url)
    monkeypatch.setenv("BASE_MODEL", str(base_model))
    for name in ("DATABASE_URL", "MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    path = tmp_path / "pairs.tsv"
    path.write_text(PAIRS)
    return str(path)


def staging_of(app: Flask) -> list[str]:
    folder = parts(app).store.root / ".staging"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def test_a_file_becomes_version_1_and_serves(
    environment: pytest.MonkeyPatch,
    app: Flask,
    session: Session,
    base_model: Path,
    pairs: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sft", "--train_file", pairs, *QUICK]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("Version 1 is published. It serves from now on, dev loss ")
    assert "The training data has 12 rows and 12 pairs.\n" in said.err
    manifest = parts(app).store.verify(1)
    assert (manifest.method, manifest.parent, manifest.run_id) == ("sft", None, None)
    assert manifest.config["base_model"] == str(base_model)
    assert manifest.config["data"] == pairs
    assert manifest.config["num_train_epochs"] == 1
    assert manifest.metrics["parity"] < 1e-3
    assert manifest.metrics["heldout_quality"] > 0
    assert set(manifest.metrics["evaluation"]["systems"]) > {"version", "people"}
    assert len(manifest.data_sha256) == 64
    assert versions.serving_number(session) == 1
    assert len(rewriter(app).generate("you fool", parts(app).sampling).candidates) == 3
    assert staging_of(app) == []


def test_no_serve_publishes_the_next_version_and_leaves_the_alias(
    environment: pytest.MonkeyPatch, session: Session, version_1: int, pairs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sft", "--train_file", pairs, "--no_serve", *QUICK]) == 0
    assert capsys.readouterr().out == (
        "Version 2 is published. The version was published and is not live, as was asked.\n"
    )
    assert [version.number for version in rows(session, Version)] == [1, 2]
    assert versions.serving_number(session) == 1


def test_a_first_version_that_is_not_to_serve_leaves_number_1_to_the_base_model(
    environment: pytest.MonkeyPatch,
    session: Session,
    base_model: Path,
    pairs: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sft", "--train_file", pairs, "--no_serve", *QUICK]) == 0
    assert main(["publish-base"]) == 0
    assert capsys.readouterr().out.endswith(f"Version 1 serves, made from {base_model}.\n")
    assert [version.number for version in rows(session, Version)] == [1, 2]


def test_an_interrupted_command_goes_on_when_it_is_given_again(
    environment: pytest.MonkeyPatch, app: Flask, pairs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "prepare", interrupt)
        assert main(["sft", "--train_file", pairs, *QUICK]) == 130
    assert capsys.readouterr().err.endswith("Stopped. The same command goes on from the last checkpoint.\n")
    assert len(staging_of(app)) == 1
    assert main(["sft", "--train_file", pairs, *QUICK]) == 0
    assert "Training goes on from step " in capsys.readouterr().err
    assert staging_of(app) == []


def test_the_model_is_also_kept_where_an_output_folder_is_named(
    environment: pytest.MonkeyPatch, app: Flask, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["sft", "--train_file", pairs, "--output_dir", str(out), *QUICK]
    assert main(command) == 0
    assert (out / "model" / "model.safetensors").read_bytes() == (
        parts(app).store.folder(1) / MODEL_FOLDER / "model.safetensors"
    ).read_bytes()
    assert list(out.glob("checkpoint-*")) == []
    assert main(command) == 1
    assert capsys.readouterr().err.endswith(f"{out / 'model'} is there already: choose another output folder.\n")
    assert parts(app).store.numbers() == [1]


def test_a_model_of_ones_own_is_only_written(
    environment: pytest.MonkeyPatch, app: Flask, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["sft", "--train_file", pairs, "--output_dir", str(out), "--no_publish", "--source_prefix", "say: "]
    assert main([*command, *QUICK]) == 0
    assert capsys.readouterr().out.endswith(f"is in {out / 'model'}.\n")
    assert parts(app).store.numbers() == []
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".out")) == []


@pytest.mark.slow
def test_a_validation_file_and_lora_are_understood(
    environment: pytest.MonkeyPatch, app: Flask, pairs: str, tmp_path: Path
) -> None:
    dev = tmp_path / "dev.csv"
    dev.write_text("before,after\nyou idiot,you\n")
    options = ["--validation_file", str(dev), "--source_column", "", "--use_peft", "--lora_r", "4"]
    assert main(["sft", "--train_file", pairs, *options, *QUICK]) == 0
    assert parts(app).store.manifest(1).metrics["dev_sources"] == 1
    assert (parts(app).store.folder(1) / "adapter" / "adapter_model.safetensors").is_file()


def test_a_dataset_of_the_hub_is_read_by_its_name(
    environment: pytest.MonkeyPatch, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "dataset"
    folder.mkdir()
    lines = [f'{{"en_toxic_comment": "fool {n}", "en_neutral_comment": "you {n}"}}' for n in range(12)]
    (folder / "train.jsonl").write_text("\n".join(lines))
    assert main(["sft", "--dataset_name", str(folder), *QUICK]) == 0
    assert parts(app).store.manifest(1).config["data"] == f"{folder}[train]"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--learning_rate", "7"], "learning_rate must be between 0 and 0.1, not 7."),
        (["--no_publish"], "--no_publish needs --output_dir, or the model would be lost."),
        (["--source_prefix", "x"], "--source_prefix needs --no_publish: the studio gives the model texts as they are "),
        (["--source_column", "x"], "There is no source column x with a target column of a known name: the columns are"),
        (["--model_name_or_path", "/nowhere"], "There is no model at /nowhere."),
        (["--report_to", "tensorbord"], "Training cannot report to tensorbord: "),
        (["--validation_file", "/nowhere.tsv"], "/nowhere.tsv: No such file or directory."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    environment: pytest.MonkeyPatch,
    app: Flask,
    pairs: str,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    sentence: str,
) -> None:
    assert main(["sft", "--train_file", pairs, *options]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith(sentence)
    assert parts(app).store.numbers() == []
    assert not any(name.startswith("tmp") for name in staging_of(app))


def test_a_file_of_which_most_is_bad_is_refused_with_its_lines(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.tsv"
    bad.write_text("source\ttarget\na\tb\n\tc\nd\t\n")
    assert main(["sft", "--train_file", str(bad), *QUICK]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "More than half of the rows cannot be used. 2 of 3 rows were left out: line 3 (the source is empty); "
        "line 4 (the target is empty)."
    )


def test_a_database_without_tables_is_found_out_before_the_training(
    environment: pytest.MonkeyPatch, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("MELLOW_HOME", str(tmp_path / "new"))
    assert main(["sft", "--train_file", pairs, *QUICK]) == 1
    said = capsys.readouterr().err
    assert said.splitlines()[-1] == "The database cannot be used yet: run `flask db upgrade` once, or `make run`."
    assert "Training" not in said


def test_a_version_that_serves_can_be_trained_further(
    environment: pytest.MonkeyPatch, app: Flask, session: Session, version_1: int, pairs: str, tmp_path: Path
) -> None:
    copied = shutil.copytree(parts(app).store.folder(1) / MODEL_FOLDER, tmp_path / "copy")
    assert main(["sft", "--train_file", pairs, "--model_name_or_path", str(copied), *QUICK]) == 0
    assert versions.serving_number(session) == 2


def test_help_explains_files_and_gives_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["sft", "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    for word in ("--num_train_epochs", "(default: 20)", "kill -9", "toxic/neutral1", "s-nlp/paradetox", "Adafactor"):
        assert word in said


def test_a_number_that_another_process_takes_meanwhile_costs_no_training(
    environment: pytest.MonkeyPatch, app: Flask, version_1: int, pairs: str, tmp_path: Path, rival: None
) -> None:
    out = tmp_path / "out"
    assert main(["sft", "--train_file", pairs, "--output_dir", str(out), *QUICK]) == 0
    assert parts(app).store.verify(3).number == 3
    assert (out / "model" / "model.safetensors").is_file()


def test_a_model_is_kept_only_once_it_is_published(
    environment: pytest.MonkeyPatch, pairs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("INSERT", None, sqlite3.OperationalError("database is locked"))

    out = tmp_path / "out"
    command = ["sft", "--train_file", pairs, "--output_dir", str(out), *QUICK]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "record_version", broken)
        assert main(command) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "The database cannot be used: database is locked. Give the same command again once it can."
    )
    assert not (out / "model").exists()
    assert main(command) == 0, "nothing is in the way of the same command"
    assert "Training goes on from step " in capsys.readouterr().err


def test_a_database_that_is_away_for_a_moment_at_the_end_costs_nothing(
    environment: pytest.MonkeyPatch, app: Flask, pairs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    next_number, failures = versions.next_number, [OperationalError("BEGIN", {}, Exception("away"))] * 2

    def away_twice(*arguments: Any) -> int:
        if failures:
            raise failures.pop()
        return next_number(*arguments)

    environment.setattr(versions, "next_number", away_twice)
    environment.setattr(patience, "_LOOK_SECONDS", 0.0)
    assert main(["sft", "--train_file", pairs, *QUICK]) == 0
    assert not failures
    assert "Version 1 is published." in capsys.readouterr().out


def test_what_other_commands_left_is_removed_after_a_week_unless_they_are_at_work(
    environment: pytest.MonkeyPatch, app: Flask, pairs: str
) -> None:
    store = parts(app).store
    for name in ("sft-old", "sft-new", "sft-busy", "7"):
        (store.run_folder(name) / "checkpoint-5").mkdir(parents=True)
    lock = try_lock(store.run_folder("sft-busy"))
    assert lock is not None
    for name in ("sft-old", "sft-busy", "7"):
        os.utime(store.run_folder(name), (0, 0))
    with lock:
        assert main(["sft", "--train_file", pairs, "--model_name_or_path", "/nowhere"]) == 1
    assert sorted(staging_of(app)) == ["run-7", "run-sft-busy", "run-sft-new"]


def test_a_model_of_ones_own_is_written_into_the_folder_one_is_in(
    environment: pytest.MonkeyPatch, pairs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert main(["sft", "--train_file", pairs, "--no_publish", "--output_dir", ".", *QUICK]) == 0
    assert (tmp_path / "here" / "model" / "model.safetensors").is_file()
