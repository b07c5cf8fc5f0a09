"""Answers of a chat model on pages that the server renders: My work, Review, the judgments of an admin."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import ANSWERING, FIRST, Judgment, Project
from app.services.review import looking
from tests import factories
from tests.studio import Person

ANSWER = "**Air** <script>alert(1)</script> scatters\n\n- blue\n- violet"
SHOWN = "<p><strong>Air</strong> &lt;script&gt;alert(1)&lt;/script&gt; scatters</p>\n<ul>\n<li>blue</li>"
TURNS = [{"role": "user", "content": "<i>Hello</i>"}, {"role": "assistant", "content": "Hi, *friend*."}]


@pytest.fixture
def judgment(session: Session, annotator: Person) -> Judgment:
    """The first of three answers within a conversation, chosen in a project that answers."""
    session.get_one(Project, FIRST).task = ANSWERING
    prompt = factories.prompt(session, "Why is the sky blue?", turns=TURNS)
    screen = factories.generation(session, annotator.id, [ANSWER, "It is not.", "Because."], prompt=prompt)
    screen.sampling = {"system": "Be <b>brief."}
    session.commit()
    return factories.judgment(session, screen, flagged=False)


@pytest.mark.parametrize("address", ["/work", "/admin/data/judgments"])
def test_a_judgment_shows_its_conversation_and_answers_as_markdown(
    admin: Person, annotator: Person, judgment: Judgment, address: str
) -> None:
    page = (admin if "admin" in address else annotator).browser().get(address).text
    assert SHOWN in page
    for part in ("Be &lt;b&gt;brief.", "&lt;i&gt;Hello&lt;/i&gt;", "Hi, <em>friend</em>."):
        assert part in page
    assert "data-best=" not in page
    assert "The text is already fine" not in page


def test_a_case_of_the_review_shows_them_too(
    session: Session, admin: Person, annotator: Person, judgment: Judgment
) -> None:
    judgment.flagged = True
    session.commit()
    looking.look(session)
    page = admin.browser().get("/review/1").text
    assert SHOWN in page
    assert "Hi, <em>friend</em>." in page
    assert 'value="fine"' not in page


def test_a_project_that_rewrites_has_none_of_it(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["*mild*", "calm", "kind"])
    factories.judgment(session, screen)
    page = annotator.browser().get("/work").text
    assert "*mild*" in page
    assert "markdown.css" not in page
    assert "chat" not in annotator.browser().get("/annotate").text
