"""What the annotator's desk begins with."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from app.services.desk import settings
from app.services.prompts import studio_settings
from tests import factories
from tests.studio import Person


def data(person: Person) -> dict[str, str]:
    """What the page says to its script."""
    opening = re.search(r'<div id="desk"[^>]*>', person.browser().get("/annotate").text)
    assert opening is not None
    return dict(re.findall(r'(?:data-)?([\w-]+)="([^"]*)"', opening[0]))


def test_a_newcomer_finds_veiled_texts_and_a_content_warning(annotator: Person) -> None:
    seen = data(annotator)
    assert (seen["class"], seen["warned"], seen["blur"]) == ("desk veiled", "false", "false")
    page = annotator.browser().get("/annotate").text
    assert not re.search(r'<section id="warning"[^>]* hidden', page)


def test_texts_are_blurred_as_the_studio_has_it_unless_the_person_decides_otherwise(
    session: Session, admin: Person, annotator: Person
) -> None:
    settings.change(session, annotator.id, {"warned": True})
    assert data(annotator)["class"] == "desk"
    studio_settings.change(session, admin.id, {"blur": True})
    assert (data(annotator)["class"], data(annotator)["blur"]) == ("desk veiled", "true")
    settings.change(session, annotator.id, {"blur": False})
    assert (data(annotator)["class"], data(annotator)["blur"]) == ("desk", "false")


def test_the_figures_go_on_where_they_were(session: Session, admin: Person, annotator: Person) -> None:
    studio_settings.change(session, admin.id, {"break_minutes": 30})
    for seconds in (5.0, 7.0):
        factories.judgment(session, factories.generation(session, annotator.id), seconds=seconds)
    factories.judgment(session, factories.generation(session, admin.id))
    seen = data(annotator)
    assert (seen["sitting"], seen["today"], seen["today-timed"], seen["today-seconds"]) == ("2", "2", "2", "12.0")
    assert (seen["streak"], seen["break-minutes"]) == ("1", "30")


def test_the_page_never_says_which_version_writes(session: Session, annotator: Person) -> None:
    factories.version(session, 1)
    factories.serving(session, 1)
    assert "version" not in annotator.browser().get("/annotate").text.casefold()
