"""What happens in the demo, on a studio with a tiny model: people are invited, sign in and judge as people do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app.db import Generation, Invitation, Judgment, RunStatus, User, now
from app.launch import LaunchError
from app.launch.demo import story
from app.launch.demo.people import PEOPLE, Reader, judgment
from app.launch.demo.story import Story
from tests import factories
from tests.studio import Person, rows


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    """The application, listening."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tell(
    version_1: int, url: str, session: Session, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """What tells the story of a studio whose training is over already, as each start of the demo does."""
    monkeypatch.setattr(story, "TEXTS", 2)
    monkeypatch.setattr(story, "MORE_TEXTS", 1)
    factories.run(session, RunStatus.SUCCEEDED, produced_version=1, finished_at=now())
    return lambda: Story(url, tmp_path, admin.email, lambda email: factories.PASSWORD).tell()


def test_people_join_by_invitation_and_judge_the_same_texts(
    tell: Callable[[], None], session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    tell()
    names = {user.id: user.name for user in rows(session, User)}
    assert {reader.name for reader in PEOPLE} <= set(names.values())
    assert all(invitation.used_at for invitation in rows(session, Invitation))
    judged = [names[one.user_id] for one in rows(session, Judgment)]
    assert sorted(judged) == sorted(reader.name for reader in PEOPLE for _ in range(3))
    assert len({screen.prompt_id for screen in rows(session, Generation)}) == 3
    out = capsys.readouterr().out
    assert f"with the password {factories.PASSWORD}" in out
    assert "The demo is complete" in out


def test_told_again_nothing_happens_twice(tell: Callable[[], None], session: Session) -> None:
    tell()
    tell()
    assert len(rows(session, Judgment)) == 9
    assert len(rows(session, Invitation)) == len(PEOPLE)


def test_what_was_cut_off_goes_on(
    tell: Callable[[], None],
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chances = iter(range(4))

    def four_times(reader: Reader, screen: Mapping[str, Any]) -> dict[str, Any]:
        if next(chances, None) is None:
            raise LaunchError("The disk is full.")
        return judgment(reader, screen)

    with monkeypatch.context() as cut:
        cut.setattr(story, "judgment", four_times)
        tell()
    assert len(rows(session, Judgment)) == 4
    assert capsys.readouterr().err == "The demo is not complete: The disk is full. make demo goes on with it.\n"
    tell()
    assert len(rows(session, Judgment)) == 9
    assert len(rows(session, Invitation)) == len(PEOPLE)


def test_a_studio_that_is_gone_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Story("http://127.0.0.1:9", tmp_path, "demo@example.org", str).tell()
    assert capsys.readouterr().err == (
        "The demo is not complete: The studio does not answer any more. make demo goes on with it.\n"
    )
