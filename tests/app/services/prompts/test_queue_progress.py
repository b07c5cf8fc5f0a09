"""Test that remembering how far people have come in the queue never changes what they are served."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy.orm import Session

from app import create_app
from app.db import Generation, Prompt, Role, write_transaction
from app.services.desk import judgments
from app.services.prompts import queue, queue_progress, retirement, search, studio_settings
from app.services.prompts.reservations import has_place
from tests import factories
from tests.app.random_studio import EVENTS, QUEUE, Event, RandomStudio
from tests.studio import Person, close, make_person, new_settings, parts


def waiting(session: Session, user_id: int) -> Prompt | None:
    return queue.next_waiting(session, user_id, studio_settings.settings(session))


def looked_for_anew(session: Session, user_id: int) -> Prompt | None:
    """The same, found without anything that is remembered."""
    place = has_place(user_id, studio_settings.settings(session))
    return queue._first(session, queue_progress.BEGINNING, place, ~queue._had(user_id, ~Generation.gold))


def retire(session: Session) -> None:
    """Let what is done leave the queue, as a look does that finds nothing."""
    decided = studio_settings.settings(session)
    done = retirement.due(session, decided)
    with write_transaction(session):
        retirement.retire(session, decided, among=done)


@pytest.mark.long
def test_whatever_happens_everybody_is_served_as_if_nothing_were_remembered(
    migrated_database: Path, queue_url: str
) -> None:
    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(prompts=QUEUE, events=EVENTS)
    def follow(prompts: list[tuple[bool, bool, int | None]], events: list[Event]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            shutil.copyfile(migrated_database, home / "mellow.db")
            app = create_app(new_settings(home, redis_url=queue_url, serving_threads=1))
            try:
                with parts(app).sessions() as session:
                    studio = RandomStudio(app, session, make_person(app, session, Role.ADMIN), prompts)
                    for one in events:
                        studio.happen(one)
                        for person in studio.people:
                            assert waiting(session, person.id) is looked_for_anew(session, person.id), one
                        retire(session)
                        rows = search.page(session, search.PromptFilter("all")).rows
                        assert not [row for row in rows if row.prompt.queued and row.state == "done"], one
            finally:
                close(app)

    follow()


def test_who_has_had_everything_is_served_what_is_new_put_back_raised_or_undone(
    session: Session, admin: Person, annotator: Person
) -> None:
    first, second = (factories.prompt(session, text, queued=True, overlap=2) for text in ("first", "second"))
    mine = [
        factories.judgment(session, factories.generation(session, annotator.id, prompt=one)) for one in (first, second)
    ]
    assert waiting(session, annotator.id) is None
    new = factories.prompt(session, "new", queued=True)
    assert waiting(session, annotator.id) is new
    urgent = factories.prompt(session, "urgent")
    search.change(session, admin.id, urgent.id, {"queued": True, "priority": 5}, 1_000)
    assert waiting(session, annotator.id) is urgent
    search.change(session, admin.id, urgent.id, {"priority": -5}, 1_000)
    assert waiting(session, annotator.id) is new
    assert waiting(session, admin.id) is first
    for one in (first, new, urgent):
        search.change(session, admin.id, one.id, {"queued": False}, 1_000)
    third = factories.user(session).id
    factories.judgment(session, factories.generation(session, admin.id, prompt=second))
    assert waiting(session, third) is None, "two people have judged it"
    judgments.undo(session, annotator.id, mine[1].id)
    assert waiting(session, third) is second


@pytest.mark.sqlite
@pytest.mark.long
def test_a_second_look_reads_nothing_of_what_lies_behind(session: Session, annotator: Person) -> None:
    for number in range(200):
        prompt = factories.prompt(session, f"prompt {number}", queued=True, overlap=2)
        factories.judgment(session, factories.generation(session, annotator.id, prompt=prompt), pairs=False)
    steps = Steps(session)
    assert waiting(session, annotator.id) is None
    first = steps.taken()
    assert waiting(session, annotator.id) is None
    assert steps.taken() < first / 10


@pytest.mark.sqlite
@pytest.mark.long
def test_a_first_look_grows_with_what_lies_behind_and_not_with_its_square(session: Session, annotator: Person) -> None:
    """Nobody has had SQLite count its rows, so it does not know which index is the better one."""
    taken = []
    for number in range(400):
        prompt = factories.prompt(session, f"prompt {number}", queued=True, overlap=2)
        factories.judgment(session, factories.generation(session, annotator.id, prompt=prompt), pairs=False)
        if number in (99, 399):
            with write_transaction(session):
                queue_progress.mark(session)
            steps = Steps(session)
            assert waiting(session, annotator.id) is None
            taken.append(steps.taken())
    assert taken[1] < 6 * taken[0]


class Steps:
    """Return the work of SQLite, in hundreds of steps of its machine."""

    def __init__(self, session: Session) -> None:
        self._count = 0
        driver = session.connection().connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(self._step, 100)

    def _step(self) -> int:
        self._count += 1
        return 0

    def taken(self) -> int:
        """Return the steps since the last time."""
        count, self._count = self._count, 0
        return count


def test_other_rules_of_the_studio_bring_back_what_was_passed_by(session: Session) -> None:
    ann, bob = (factories.user(session).id for _ in range(2))
    judged, skipped = (factories.prompt(session, text, queued=True) for text in ("judged", "skipped"))
    factories.judgment(session, factories.generation(session, ann, prompt=judged))
    screen = factories.generation(session, ann, prompt=skipped)
    factories.judgment(session, screen, verdict="skipped", candidate_id=None, pairs=False)

    def served(overlap: int, most_skips: int) -> Prompt | None:
        return queue.next_waiting(session, bob, studio_settings.StudioSettings(overlap=overlap, most_skips=most_skips))

    assert served(1, 1) is None
    assert served(2, 1) is judged
    assert served(1, 1) is None
    assert served(1, 2) is skipped
