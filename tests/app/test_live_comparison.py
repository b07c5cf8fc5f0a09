"""The whole way of a live comparison: published by a run, judged on mixed screens, decided, carried out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, Candidate, LiveComparison
from app.services.prompts import studio_settings
from app.services.versions import live_comparison, versions
from app.services.versions.live_comparison_verdict import look
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, make_person, parts, rows
from worker.publish import release
from worker.publish.release import Facts
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio

MOST = 60


def retrain(app: Flask, session: Session, published: CheckpointStore, staged: Path) -> None:
    """Publish the second tiny version as a run does that has trained it."""
    studio = Studio.of(parts(app).settings)
    attempt = Attempt.claim(studio.sessions, factories.run(session, total_steps=9).id)
    shutil.copytree(published.folder(2), staged, ignore=shutil.ignore_patterns("manifest.json"), dirs_exist_ok=True)
    facts = Facts(parent=1, method="dpo", config={}, data_sha256="", metrics={})
    assert release.release(studio, staged, facts, None, attempt).number == 2
    studio.sessions.kw["bind"].dispose()
    for holder in (parts(app).serving, parts(app).companion):
        holder.refresh()


def judge(session: Session, person: Person, version: int, number: int, serving: int) -> None:
    """Ask for a screen, and if two versions wrote it choose a card of that one, which a person could not tell."""
    answer = person.post("/generations", {"text": f"you are stupid, number {number}"}).json
    assert answer is not None
    ids = [card["id"] for card in answer["candidates"]]
    session.rollback()
    cards = [session.get_one(Candidate, card) for card in ids]
    if {card.version_number for card in cards} != {1, 2}:
        return
    assert answer["version"] == serving, "whatever wrote the first card"
    chosen = next(card.id for card in cards if card.version_number == version)
    judgment = {"generation_id": answer["id"], "verdict": "chosen", "candidate_id": chosen}
    assert person.post("/judgments", judgment).status_code == 201


@pytest.mark.parametrize("prove_first", [False, True])
@pytest.mark.parametrize("liked", [1, 2])
def test_what_people_like_serves_in_the_end(
    app: Flask,
    session: Session,
    published: CheckpointStore,
    version_1: int,
    admin: Person,
    liked: int,
    *,
    prove_first: bool,
) -> None:
    studio_settings.change(session, admin.id, {"prove_first": prove_first})
    parts(app).serving.refresh()
    with parts(app).store.stage() as staged:
        retrain(app, session, published, staged)
    session.rollback()
    serving = 1 if prove_first else 2
    assert versions.serving_number(session) == serving
    people = [make_person(app, session) for _ in range(2)]
    for number in range(MOST):
        if live_comparison.running(session) is None:
            break
        judge(session, people[number % 2], liked, number, serving)
        look(session)  # as the thread does that each click wakes
    session.rollback()
    (comparison,) = rows(session, LiveComparison)
    assert (comparison.state, comparison.outcome) == ("decided", {1: "old", 2: "new"}[liked])
    assert versions.serving_number(session) == liked
    actions = [event.action for event in rows(session, AuditEvent)]
    moves = actions.count("alias.moved") - (not prove_first)
    assert moves == (liked == (2 if prove_first else 1)), "the alias moves only if another one is to serve"
    assert "comparison.decided" in actions
    parts(app).serving.refresh()
    parts(app).companion.refresh()
    screen = people[0].post("/generations", {"text": "you are an idiot"}).json
    assert screen is not None
    session.rollback()
    written = {session.get_one(Candidate, card["id"]).version_number for card in screen["candidates"]}
    assert written == {liked}, "afterwards the winner writes alone"
