"""A full disk: what cannot be stored is refused with 507, what was acknowledged stays, and it works again with room."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Judgment, Prompt, User, Version, now, write_transaction
from app.extensions import db
from app.services.system import system
from tests import factories
from tests.studio import Person, parts, rows
from tests.trouble.full_disks import full, run_on_small_disk, small_disks_are_possible

SENTENCE = "The disk is full, so nothing of this was stored. Try again once there is room."


Disk = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def disk(app: Flask, session: Session) -> Disk:
    """Call it to have a disk on which the database cannot grow."""
    with app.app_context():
        engine = db.engine
    return partial(full, engine)


@pytest.mark.sqlite
def test_a_click_that_cannot_be_stored_is_refused_and_stored_when_it_is_sent_again(
    session: Session, annotator: Person, disk: Disk
) -> None:
    screens = [factories.generation(session, annotator.id) for _ in range(30)]
    clicks: list[dict[str, Any]] = [
        {
            "generation_id": screen.id,
            "verdict": "edited",
            "edited_text": f"{number} " + "kind " * 150,
            "client_key": str(uuid4()),
        }
        for number, screen in enumerate(screens)
    ]
    session.rollback()
    with disk():
        answers = [annotator.post("/judgments", click) for click in clicks]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert refused, "the disk was not full"
        assert {answer.status_code for answer in refused} == {507}
        assert refused[0].content_type == "application/problem+json"
        assert refused[0].json == {
            "type": "about:blank",
            "title": "Insufficient Storage",
            "status": 507,
            "detail": SENTENCE,
        }
        acknowledged = {answer.json["id"] for answer in answers if answer.status_code == 201 and answer.json}
    assert {judgment.id for judgment in rows(session, Judgment)} == acknowledged
    again = [annotator.post("/judgments", click) for click in clicks]
    assert {answer.status_code for answer in again} <= {200, 201}
    assert len(rows(session, Judgment)) == len(clicks)


@pytest.mark.sqlite
def test_a_form_that_cannot_be_stored_answers_with_a_page(session: Session, admin: Person, disk: Disk) -> None:
    for number in range(1, 6):
        factories.version(session, number)
    session.rollback()
    browser = admin.browser()
    with disk():
        answers = [
            browser.submit(f"/admin/versions/{number}/note", {"note": "note " * 390}, page="/annotate")
            for number in range(1, 6)
        ]
    assert answers[-1].status_code == 507
    assert SENTENCE in answers[-1].text
    stored = [bool(version.note) for version in rows(session, Version)]
    assert stored == [answer.status_code == 302 for answer in answers]


@pytest.mark.sqlite
def test_pages_are_shown_on_a_full_disk_though_who_is_there_cannot_be_noted(
    session: Session, annotator: Person, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = annotator.browser()
    with write_transaction(session):
        session.get_one(User, annotator.id).last_seen_at = now() - timedelta(hours=1)
    with disk() as _, monkeypatch.context() as patch:
        patch.setattr("app.services.people.accounts.write_with_others", _grow)
        assert browser.get("/annotate").status_code == 200


def _grow(session: Session, _write: object) -> None:
    with Session(session.get_bind()) as another:
        another.add(Prompt(text="x" * 10_000, sha256="0" * 64, source="test"))
        another.commit()


def test_a_process_is_not_ready_while_a_disk_is_full(
    app: Flask, version_1: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> tuple[int, Any]:
        answer = app.test_client().get("/readyz")
        return answer.status_code, (answer.json or {})["checks"]["disk"]

    assert asked() == (200, "ok")
    with monkeypatch.context() as patch:
        patch.setattr(system, "has_room", lambda folder, _margin: folder != parts(app).settings.store)
        assert asked() == (503, "The disk is full: there is no room for the versions.")
    assert asked() == (200, "ok")


ON_A_SMALL_DISK = """
import json, shutil, sys
from pathlib import Path
from app import create_app
from app.config import Settings
from app.extensions import db
from app.services.system import backups, system
BALLAST = "mellow-20261121-225319-1f0a.zip"
system.LEAST_DISK_BYTES = 100_000
folder, database = map(Path, sys.argv[1:])
home = folder / "home"
(home / "backups").mkdir(parents=True)
(home / "backups" / BALLAST).write_bytes(bytes(1_000_000))
shutil.copyfile(database, home / "mellow.db")
app = create_app(Settings.from_env({"MELLOW_HOME": str(home), "REDIS_URL": "unix:///nowhere/valkey.sock"}))
from tests import factories
from app.db import Role
with app.app_context():
    by = factories.user(db.session(), role=Role.ADMIN, token="token").id
    db.session.remove()
client = app.test_client()
def send(number):
    texts = [f"{number} {line} " + "rude " * 100 for line in range(40)]
    headers = {"Authorization": "Bearer token"}
    return client.post("/api/v1/prompts", json=texts, headers=headers).status_code
def disk():
    return client.get("/readyz").json["checks"]["disk"]
def stored():
    with app.app_context():
        return db.session.scalar(db.text("SELECT count(*) FROM prompts"))
said = {"before": disk(), "statuses": []}
for number in range(400):
    said["statuses"].append(send(number))
    if said["statuses"][-1] != 201:
        break
said |= {"full": disk(), "stored": stored(), "still": send(1000)}
with app.app_context():
    backups.remove(db.session(), Settings.from_env({"MELLOW_HOME": str(home)}), BALLAST, by)
    db.session.remove()
said |= {"after": disk(), "again": send(number), "stored_after": stored()}
print(json.dumps(said))
"""


@pytest.mark.long
@pytest.mark.skipif(not small_disks_are_possible(), reason="This user may not mount a small file system.")
def test_a_real_disk_that_is_full_refuses_and_goes_on_once_a_backup_made_room(
    tmp_path: Path, migrated_database: Path
) -> None:
    said = json.loads(run_on_small_disk(tmp_path, "4m", ON_A_SMALL_DISK, [str(migrated_database)]))
    *acknowledged, refused = said["statuses"]
    assert (said["before"], said["after"]) == ("ok", "ok")
    assert set(acknowledged) == {201}
    assert (refused, said["still"]) == (507, 507)
    assert said["full"] == "The disk is full: there is no room for the home folder and the versions and the database."
    assert said["stored"] == 40 * len(acknowledged)
    assert (said["again"], said["stored_after"]) == (201, said["stored"] + 40)
