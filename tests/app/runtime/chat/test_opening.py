"""A project whose answers come from a server of others: a real one on loopback that a test tells what to say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import Candidate, Project, enter
from app.runtime.chat.opening import open_version
from models.model_errors import LoadError
from tests.app.runtime.chat.test_openai_writer import KEY, Handler, Server
from tests.studio import Person, parts, rows


def answer(handler: Handler) -> None:
    handler.begin()
    for place in range(handler.said["n"]):
        handler.piece(place, f"answer {place}", "stop")
    handler.event("[DONE]")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(answer) as running:
        yield running


@pytest.fixture
def settings(settings: Settings, server: Server) -> Settings:
    return dataclasses.replace(settings, chat_server=server.base, chat_server_key=KEY, chat_server_model="large")


def test_a_project_begins_with_a_server_of_others_and_is_not_trained(
    app: Flask, session: Session, version_1: int, admin: Person, server: Server
) -> None:
    made = admin.post("/projects", {"name": "Help", "task": "answering"})
    assert made.status_code == 201, made.text
    headers = {"Authorization": f"Bearer {admin.token}"}
    client = app.test_client()
    screen = client.post("/p/help/api/v1/generations", json={"text": "Why?"}, headers=headers)
    assert screen.status_code == 201, screen.text
    assert screen.json is not None
    assert [card["text"] for card in screen.json["candidates"]] == ["answer 0", "answer 1", "answer 2"]
    assert [(path, key, said["model"]) for path, key, said in server.asked] == [
        ("/v1/chat/completions", f"Bearer {KEY}", "large")
    ]
    store = parts(app).store
    assert store.verify(2).config == {"chat_server": server.base, "model": "large"}
    assert KEY not in (store.folder(2) / "server.json").read_text()

    said = {"generation_id": screen.json["id"], "verdict": "chosen", "candidate_id": screen.json["candidates"][0]["id"]}
    assert client.post("/p/help/api/v1/judgments", json=said, headers=headers).status_code == 201
    refused = client.post("/p/help/api/v1/training-runs", json={"method": "dpo"}, headers=headers)
    assert (refused.status_code, "cannot be trained here" in refused.text) == (409, True), refused.text
    enter(session, session.query(Project.id).filter_by(slug="help").scalar())
    assert {(one.version_number, one.log_probability) for one in rows(session, Candidate)} == {(2, 0.0)}

    with pytest.raises(LoadError, match="CHAT_SERVER must name it"):
        open_version(dataclasses.replace(parts(app).settings, chat_server="http://other/v1"), store, store.manifest(2))
    assert open_version(parts(app).settings, store, store.manifest(1)) is None
