"""Version 1: the first start, the second, one after an interruption, and one with a model that is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Version
from app.services.versions import versions
from models.store.store import MODEL_FOLDER, CheckpointStore
from tests import factories
from tests.studio import add_version, parts, rewriter, rows
from worker.cli import main
from worker.publish import staging


@pytest.fixture
def base_model(published: CheckpointStore) -> Path:
    return published.folder(1) / MODEL_FOLDER


@pytest.fixture
def environment(app: Flask, base_model: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("BASE_MODEL", str(base_model))
    for name in ("REDIS_URL", "MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_first_start_publishes_the_base_model_and_lets_it_serve(
    environment: pytest.MonkeyPatch, app: Flask, session: Session, base_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish-base"]) == 0
    assert capsys.readouterr().out == f"Version 1 serves, made from {base_model}.\n"
    manifest = parts(app).store.verify(1)
    assert (manifest.method, manifest.parent, manifest.run_id, manifest.data_sha256) == ("base", None, None, "")
    assert manifest.config == {"base_model": str(base_model)}
    assert manifest.metrics["parity"] < 1e-3
    (version,) = rows(session, Version)
    assert (version.number, version.sha256, version.method) == (1, manifest.sha256, "base")
    assert versions.serving_number(session) == 1
    screen = rewriter(app).generate("you are stupid", parts(app).sampling)
    assert len(screen.candidates) == 3


def test_where_another_machine_was_first_its_version_1_serves(
    environment: pytest.MonkeyPatch, app: Flask, session: Session, published: CheckpointStore
) -> None:
    shutil.copytree(published.folder(1), parts(app).store.place(1))
    environment.setattr(CheckpointStore, "numbers", lambda _store: [])  # as it was when this machine looked
    assert main(["publish-base"]) == 0
    (version,) = rows(session, Version)
    assert version.sha256 == published.manifest(1).sha256
    assert versions.serving_number(session) == 1


def test_the_second_start_finds_it_serving_and_touches_nothing(
    environment: pytest.MonkeyPatch, app: Flask, version_1: int, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("BASE_MODEL", "/nowhere")
    before = parts(app).store.manifest(1)
    assert main(["publish-base"]) == 0
    assert capsys.readouterr().out == "Version 1 serves.\n"
    assert parts(app).store.manifest(1) == before


def test_a_start_after_a_roll_back_leaves_the_alias_where_it_is(
    environment: pytest.MonkeyPatch, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        factories.version(session, number)
    factories.serving(session, 2)
    assert main(["publish-base"]) == 0
    assert capsys.readouterr().out == "Version 2 serves.\n"


def test_a_start_that_was_interrupted_after_publishing_goes_on_where_it_was(
    environment: pytest.MonkeyPatch,
    app: Flask,
    session: Session,
    published: CheckpointStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment.setenv("BASE_MODEL", "/nowhere")
    shutil.copytree(published.folder(1), parts(app).store.place(1))
    assert main(["publish-base"]) == 0
    assert capsys.readouterr().out == "Version 1 serves, made from a checkpoint.\n"
    assert versions.serving_number(session) == 1


def test_a_start_beside_that_of_another_machine_takes_what_the_other_published(
    environment: pytest.MonkeyPatch,
    app: Flask,
    session: Session,
    published: CheckpointStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare = staging.prepare

    def meanwhile(staged: Path) -> float:
        add_version(app, session, published, 1)
        return prepare(staged)

    environment.setattr(staging, "prepare", meanwhile)
    assert main(["publish-base"]) == 0
    assert capsys.readouterr().out == "Version 1 serves, made from a checkpoint.\n"
    assert parts(app).store.manifest(1) == published.manifest(1)
    assert versions.serving_number(session) == 1


def test_a_slow_start_beside_another_machine_leaves_what_was_made_live_there_since(
    environment: pytest.MonkeyPatch,
    app: Flask,
    session: Session,
    published: CheckpointStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare = staging.prepare

    def meanwhile(staged: Path) -> float:
        add_version(app, session, published, 1)
        factories.version(session, 2)
        factories.serving(session, 2)
        return prepare(staged)

    environment.setattr(staging, "prepare", meanwhile)
    assert main(["publish-base"]) == 0
    assert capsys.readouterr().out == "Version 2 serves.\n"
    assert versions.serving_number(session) == 2


@pytest.mark.parametrize("kind", ["missing", "empty", "no weights"])
def test_a_base_model_that_is_none_is_told_in_one_sentence(
    environment: pytest.MonkeyPatch,
    app: Flask,
    session: Session,
    base_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    folder = tmp_path / "model"
    if kind != "missing":
        folder.mkdir()
    if kind == "no weights":
        shutil.copytree(base_model, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
    environment.setenv("BASE_MODEL", str(folder))
    assert main(["publish-base"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(
        f"There is no model at {folder}."
        if kind == "missing"
        else f"No encoder-decoder model could be loaded from {folder}: "
    )
    assert said.err.count("\n") == 1
    assert rows(session, Version) == []
    assert parts(app).store.numbers() == []
    assert list((parts(app).store.root / ".staging").iterdir()) == []


def test_a_damaged_version_1_is_told_and_does_not_serve(
    environment: pytest.MonkeyPatch,
    app: Flask,
    session: Session,
    published: CheckpointStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = parts(app).store.place(1)
    shutil.copytree(published.folder(1), folder)
    (folder / "serving" / "model.bin").write_bytes(b"")
    assert main(["publish-base"]) == 1
    assert capsys.readouterr().err == "Version 1 is damaged: serving/model.bin differs from its manifest.\n"
    assert versions.serving_number(session) is None
