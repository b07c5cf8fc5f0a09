"""A project whose task is answering: a tiny chat model serves as version 1, and people have judged its answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import ANSWERING, Generation, Project, Prompt, TrainingRun, write_transaction
from app.services.prompts import prompts
from app.services.training import runs
from models.chat.versions import CHAT_BASE
from models.formats.splitting import held_out_keys
from models.store.store import MODEL_FOLDER, CheckpointStore
from tests import factories
from tests.studio import Person, parts, rows
from tests.tiny.chat import build_tiny_chat
from worker.publish import release
from worker.studio.studio import Studio

SYSTEM = "Be brief."
TURNS = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello, what is it?"}]
QUICK = {"num_train_epochs": 2, "per_device_train_batch_size": 4, "learning_rate": 3e-3}
ASKED = [text for number in range(40) if not held_out_keys([text := f"What is {number}?"], 10)][:4]
HELD_OUT = next(text for number in range(400) if held_out_keys([text := f"And what is {number}?"], 10))


@pytest.fixture
def environment(app: Flask, queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's settings come from its environment; they are the studio's."""
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("REDIS_URL", queue_url)
    monkeypatch.setenv("SERVING_COMPUTE_TYPE", "float32")
    for name in ("MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with a chat template."""
    return build_tiny_chat(tmp_path_factory.mktemp("tiny-chat") / "model")


@pytest.fixture
def store(app: Flask) -> CheckpointStore:
    return parts(app).store


@pytest.fixture
def base(environment: None, app: Flask, session: Session, store: CheckpointStore, tiny_chat: Path) -> int:
    """The base as version 1, which serves."""
    with write_transaction(session):
        session.get_one(Project, 1).task = ANSWERING
    with store.stage() as staged:
        shutil.copytree(tiny_chat, staged / MODEL_FOLDER)
        manifest = release.seal(
            store,
            staged,
            number=1,
            parent=None,
            run_id=None,
            method=CHAT_BASE,
            config={CHAT_BASE: 1},
            data_sha256="",
            metrics={},
        )
        store.publish(staged, 1)
    release.record(Studio.of(parts(app).settings), manifest, note=None)
    return 1


def screen(
    session: Session, annotator: Person, text: str, answers: list[str], *, turns: bool = False, system: str = ""
) -> Generation:
    """A screen with these answers, drawn with the system message."""
    before = TURNS if turns else []
    asked: Prompt = prompts.find_or_add(session, text, "test", before)
    session.commit()
    return factories.generation(session, annotator.id, answers, prompt=asked, sampling={"system": system})


@pytest.fixture
def clicks(base: int, session: Session, annotator: Person) -> None:
    """Four screens whose first answer was chosen, one of them with turns and two with a system message."""
    for place, text in enumerate(ASKED):
        system = SYSTEM if place % 2 else ""
        of = screen(session, annotator, text, [f"good {place}", f"no {place} no no"], turns=place == 3, system=system)
        factories.judgment(session, of)


def ask(session: Session, method: str, **config: object) -> int:
    run, is_new = runs.request(session, None, method, {**QUICK, **config})
    assert is_new
    return run.id


def run_of(session: Session, number: int) -> TrainingRun:
    return next(run for run in rows(session, TrainingRun) if run.id == number)
