"""The title of a page tells its state, so that a tab says it without being opened."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from tests import factories
from tests.studio import Person


def title(person: Person, path: str) -> str:
    found = re.search(r"<title>(.*?)</title>", person.browser().get(path).text)
    assert found is not None
    return found[1]


def test_training_tells_how_many_runs_wait_or_train(session: Session, admin: Person) -> None:
    assert title(admin, "/admin") == "Training · Mellow"
    factories.run(session, wish="one")
    factories.run(session, wish="two")
    assert title(admin, "/admin") == "(2) Training · Mellow"


def test_my_work_tells_how_much_was_judged_today(session: Session, annotator: Person) -> None:
    assert title(annotator, "/work") == "My work · Mellow"
    factories.judgment(session, factories.generation(session, annotator.id))
    assert title(annotator, "/work") == "(1 today) My work · Mellow"
