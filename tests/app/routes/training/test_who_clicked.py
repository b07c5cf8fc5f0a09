"""The box on the Training page that says who clicked, and leaves people out."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session

from app.db import TrainingRun
from app.services.people import reliability
from app.services.prompts import studio_settings
from models.reliability import Reliability
from tests import factories
from tests.studio import Person, rows

ALIKE = Reliability(40, 2, lapse=0.1, low=0.0, high=0.3, weight=1.0, told_apart=False, stands_out=False)
CHANCE = Reliability(60, 0, lapse=0.9, low=0.7, high=1.0, weight=0.1, told_apart=True, stands_out=True)
NOBODY = "Nobody stands out: as far as the clicks tell, everybody’s are about equally reliable."


def one_line(page: str) -> str:
    return " ".join(page.split())


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Reliability]:
    """What is known of people, for a test to fill in: who they are is decided in tests/models/test_reliability.py."""
    known: dict[str, Reliability] = {}
    monkeypatch.setattr(reliability, "reliabilities", lambda session: known)
    return known


def ticked(page: str, judge: str) -> bool | None:
    """Whether the box that leaves somebody out is ticked; None if there is none."""
    box = re.search(rf'<input [^>]*name="without" value="{judge}"([^>]*)>', page)
    if box is None:
        return None
    assert 'form="retrain"' in box[1]
    return " checked" in box[1]


def test_before_anybody_clicked_nobody_stands_out(admin: Person, version_1: int) -> None:
    page = one_line(admin.browser().get("/admin").text)
    assert NOBODY in page
    assert "Answers given in less than one second are left out." in page


def test_the_new_judgments_are_described(session: Session, admin: Person, version_1: int) -> None:
    prompt = factories.prompt(session)
    for person in (admin.id, factories.user(session).id):
        factories.judgment(session, factories.generation(session, person, prompt=prompt), seconds=0.5)
    page = one_line(admin.browser().get("/admin").text)
    assert "The 2 new judgments" in page
    assert "<strong>100 %</strong><span>said the same on one screen</span>" in page
    assert "<strong>100 %</strong><span>of 2 timed answers took less than a second</span>" in page
    assert "Places 1, 2 and 3 were chosen 2, 0, 0 times. Too few choices to tell" in page
    assert "2 more clicks came too quickly to have been read, and are left out." in page


def test_who_stands_out_is_left_out_in_one_click_and_taken_in_again(
    session: Session, admin: Person, version_1: int, found: dict[str, Reliability]
) -> None:
    other = factories.user(session, name="Ada")
    factories.judgment(session, factories.generation(session, admin.id))
    found[str(other.id)], found[str(admin.id)] = CHANCE, ALIKE
    browser = admin.browser()
    page = one_line(browser.get("/admin").text)
    assert NOBODY not in page
    assert 'Leave out <span translate="no">Ada</span>' in page
    assert "Their choices cannot be told from chance. About 90 of 100 of their clicks say nothing (70 to 100)" in page
    assert (ticked(page, str(other.id)), ticked(page, str(admin.id))) == (False, None)
    refused = browser.submit("/admin/runs", {"without": str(other.id), "dpo-beta": "eleven"})
    assert ticked(refused.text, str(other.id)), "a refused form loses nothing"
    browser.submit("/admin/runs", {"without": str(other.id)})
    (run,) = rows(session, TrainingRun)
    assert run.selection == {"without": [str(other.id)]}
    assert "without one person" in one_line(browser.get(f"/admin/runs/{run.id}").text)
    del found[str(other.id)]
    assert ticked(browser.get(f"/admin?clone={run.id}").text, str(other.id)), "whoever a run left out can be taken in"


def test_the_box_says_by_which_rules_clicks_count(session: Session, admin: Person, version_1: int) -> None:
    studio_settings.change(session, admin.id, {"weigh_people": False, "least_seconds": 0})
    page = one_line(admin.browser().get("/admin").text)
    assert "Everybody’s clicks count the same." in page
    assert "Answers count however quickly they came." in page


def test_a_persons_page_says_how_reliable_their_clicks_are(
    session: Session, admin: Person, version_1: int, found: dict[str, Reliability]
) -> None:
    person = factories.user(session).id
    factories.judgment(session, factories.generation(session, person))
    assert "Too few of their clicks can be compared" in admin.browser().get(f"/admin/people/{person}").text
    found[str(person)] = ALIKE
    page = one_line(admin.browser().get(f"/admin/people/{person}").text)
    assert "About 10 of 100 of their clicks say nothing (0 to 30), as far as 40 choices and 2 attention checks" in page
