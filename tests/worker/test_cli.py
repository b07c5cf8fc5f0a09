"""`python -m worker`: what goes wrong is one sentence, and Ctrl-C is a word."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from flask import Flask

from tests.studio import parts
from worker.cli import main


@pytest.fixture
def environment(app: Flask, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    for name in ("DATABASE_URL", "REDIS_URL", "MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_setting_that_cannot_be_used_is_told_in_one_sentence(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("PORT", "many")
    assert main(["publish-base"]) == 1
    assert capsys.readouterr().err == "PORT must be a whole number, not 'many'.\n"


def test_a_database_without_tables_is_told_what_makes_them(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("MELLOW_HOME", str(tmp_path / "fresh"))
    assert main(["publish-base"]) == 1
    said = "The database has no tables yet: run `flask db upgrade` once, or `make run`.\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("place", ["worker.cli.main", "worker.cli.add_parsers"])
@pytest.mark.parametrize("as_another", [False, True])
def test_ctrl_c_at_any_time_is_a_word_and_the_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str, as_another: bool
) -> None:
    def interrupt(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as pressed:
            if as_another:  # as libraries written in C do
                raise ImportError("initialization failed") from pressed
            raise

    monkeypatch.setattr("sys.argv", ["worker", "data", "check", "a.tsv"])
    monkeypatch.setattr(place, interrupt)
    with pytest.raises(SystemExit) as end:
        runpy.run_module("worker", run_name="__main__")
    assert end.value.code == 130
    assert capsys.readouterr().err == "\nInterrupted.\n"


@pytest.mark.parametrize("place", ["worker.cli.main", "worker.cli.add_parsers"])
def test_an_error_that_nobody_expected_is_a_sentence_and_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero\nin some library")

    environment.setenv("MELLOW_HOME", str(tmp_path))
    environment.setattr("sys.argv", ["worker", "publish-base"])
    environment.setattr(place, fail)
    with pytest.raises(SystemExit) as end:
        runpy.run_module("worker", run_name="__main__")
    assert end.value.code == 1
    (log,) = (tmp_path / "logs").iterdir()
    assert capsys.readouterr().err == (
        f"This failed unexpectedly (ZeroDivisionError: division by zero). The details are in {log}.\n"
    )
    assert "in fail" in log.read_text()
    assert "in some library" in log.read_text()


def test_memory_that_ran_out_is_said(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    environment.setattr("worker.cli.add_parsers", fail)
    assert main(["publish-base"]) == 1
    assert capsys.readouterr().err.startswith("Memory ran out: lower per_device_train_batch_size")


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["conquer"])
    assert end.value.code == 2
    assert "publish-base" in capsys.readouterr().err
