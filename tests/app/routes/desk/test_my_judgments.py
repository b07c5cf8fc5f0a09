"""My work over HTTP: what is listed, and what each button does."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.db import Judgment, Preference
from app.services.desk import own_judgments
from app.services.prompts import studio_settings
from app.services.review import looking
from tests import factories
from tests.studio import Person, rows

THEN = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def judgment(session: Session, annotator: Person) -> Judgment:
    """The first of three rewrites chosen, by the annotator."""
    prompt = factories.prompt(session, "You <b>idiot")
    screen = factories.generation(session, annotator.id, ["you are wrong", "you are silly", "hm"], prompt=prompt)
    return factories.judgment(session, screen, seconds=4.25, created_at=THEN)


def press(person: Person, path: str, form: dict[str, str] | None = None) -> TestResponse:
    return person.browser().submit(path, form or {}, page="/work")


def standing(session: Session) -> list[tuple[str, int | None, str | None]]:
    return [(row.verdict, row.candidate_id, row.edited_text) for row in rows(session, Judgment) if not row.undone_at]


def test_a_judgment_is_shown_with_source_choice_what_is_compared_moment_and_seconds(
    annotator: Person, judgment: Judgment
) -> None:
    page = annotator.browser().get("/work").text
    for part in ("You &lt;b&gt;idiot", "you are wrong", 'data-best="you are wrong">you are silly<', "2026-03-10 12:00"):
        assert part in page
    assert "4.2 s" in page
    assert '<rect class="bar"' in page
    assert page.count('class="panel judgment"') == 1


def test_nobody_sees_or_touches_the_work_of_others(
    session: Session, annotator: Person, admin: Person, judgment: Judgment
) -> None:
    assert "idiot" not in admin.browser().get("/work").text
    for deed in ("undo", "redo", "change"):
        assert press(admin, f"/work/{judgment.id}/{deed}", {"said": "none"}).status_code == 404
    assert standing(session) == [("chosen", judgment.candidate_id, None)]


def test_undone_and_redone_it_counts_again_and_one_is_led_back_to_it(
    session: Session, annotator: Person, judgment: Judgment
) -> None:
    answer = press(annotator, f"/work/{judgment.id}/undo?verdict=chosen")
    assert answer.headers["Location"] == f"/work?verdict=chosen&here={judgment.id}#judgment-{judgment.id}"
    assert standing(session) == []
    assert f'action="/work/{judgment.id}/redo' in annotator.browser().get("/work?state=undone").text
    answer = press(annotator, f"/work/{judgment.id}/redo?state=all")
    again = rows(session, Judgment)[-1]
    assert answer.headers["Location"] == f"/work?state=all&here={again.id}#judgment-{again.id}"
    assert standing(session) == [("chosen", judgment.candidate_id, None)]
    assert len([row for row in rows(session, Preference) if row.judgment_id == again.id]) == 2
    assert press(annotator, f"/work/{again.id}/redo").status_code == 302  # pressed twice: still one
    assert len(rows(session, Judgment)) == 2


def test_every_other_verdict_can_be_given_instead(session: Session, annotator: Person, judgment: Judgment) -> None:
    first, second, third = (candidate.id for candidate in judgment.generation.candidates)
    path = f"/work/{judgment.id}/change"
    assert press(annotator, path, {"said": f"chosen:{third}"}).status_code == 302
    assert standing(session) == [("chosen", third, None)]
    press(annotator, path, {"said": "none"})
    assert standing(session) == [("none", None, None)]
    press(annotator, path, {"said": "fine"})
    assert standing(session) == [("fine", None, None)]
    assert "The text itself, the best:" in annotator.browser().get("/work?verdict=fine").text
    press(annotator, path, {"said": "edited", "edited_text": " you are\r\nmistaken "})  # as browsers end lines
    assert standing(session) == [("edited", None, "you are\nmistaken")]
    press(annotator, path, {"said": "flagged", "reason": " a name "})
    flagged = rows(session, Judgment)[-1]
    assert (flagged.verdict, flagged.flagged, flagged.reason) == ("skipped", True, "a name")
    browser = annotator.browser()
    token = browser.csrf_token("/work")
    browser.client.post(path, data={"said": "tie", "tied": [str(first), str(second)], "csrf_token": token})
    tie = rows(session, Judgment)[-1]
    assert (tie.verdict, tie.tied) == ("tie", [first, second])
    assert len(standing(session)) == 1


def test_an_order_ratings_tags_and_a_comment_are_shown_and_can_be_changed(
    session: Session, annotator: Person, judgment: Judgment
) -> None:
    first, second, third = (candidate.id for candidate in judgment.generation.candidates)
    path = f"/work/{judgment.id}/change"
    assert "In this order" not in annotator.browser().get("/work").text
    asked = {"question": "ranking", "ask_rating": True, "tags": ["stiff"], "ask_comment": True}
    studio_settings.change(session, annotator.id, asked)
    form = {
        "said": "ranking",
        **{f"place-{number}": place for number, place in ((first, "3"), (second, "1"), (third, "2"))},
        f"rating-{first}": "2",
        f"rating-{second}": "",
        f"tag-{third}": "stiff",
        "comment": " Ask Bob. ",
    }
    assert press(annotator, path, form).status_code == 302
    changed = rows(session, Judgment)[-1]
    assert (changed.candidate_id, changed.ranking) == (second, [second, third, first])
    remarks = [{"candidate_id": first, "rating": 2}, {"candidate_id": third, "tags": ["stiff"]}]
    assert (changed.remarks, changed.comment) == (remarks, "Ask Bob.")
    page = annotator.browser().get("/work").text
    for said in ("place 1", "2 of 5", "Ask Bob."):
        assert said in page
    studio_settings.change(session, annotator.id, {"question": "best_of_three", "tags": [], "ask_rating": False})
    twice = press(annotator, f"/work/{changed.id}/change", {**form, f"place-{first}": "1"})
    assert twice.status_code == 422
    assert "ranking must name different candidates, the chosen one first." in twice.text
    assert rows(session, Judgment)[-1].id == changed.id


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"said": "edited", "edited_text": "  "}, "The text is empty."),
        ({"said": "edited", "edited_text": "you are silly"}, "choose that one instead."),
        ({"said": "tie"}, "at least two"),
        ({"said": "chosen:4711"}, "Candidate 4711 is not on this screen."),
        ({"said": "chosen:x"}, "must be a positive whole number."),
        ({}, "verdict must be one of"),
    ],
)
def test_a_change_that_cannot_be_made_says_why_and_keeps_what_was_typed(
    session: Session, annotator: Person, judgment: Judgment, form: dict[str, str], sentence: str
) -> None:
    answer = press(annotator, f"/work/{judgment.id}/change?verdict=chosen", {**form, "reason": "my reason"})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert standing(session) == [("chosen", judgment.candidate_id, None)]
    if form:
        assert 'value="my reason"' in answer.text
        assert re.search(r'<details class="change" open>', answer.text)


def test_a_text_of_ones_own_is_set_aside_only_after_a_second_press(
    session: Session, annotator: Person, judgment: Judgment
) -> None:
    before = annotator.browser().get("/work").text
    press(annotator, f"/work/{judgment.id}/change", {"said": "edited", "edited_text": "you are mistaken"})
    after = annotator.browser().get("/work").text
    assert "Undo…</summary>" not in before
    assert "Undo…</summary>" in after
    assert "The text that you wrote will no longer count." in after


def test_what_was_judged_again_since_leads_to_what_counts(
    session: Session, annotator: Person, judgment: Judgment
) -> None:
    press(annotator, f"/work/{judgment.id}/change", {"said": "none"})
    new = rows(session, Judgment)[-1]
    page = annotator.browser().get("/work?state=undone").text
    assert f"#judgment-{new.id}" in page
    press(annotator, f"/work/{judgment.id}/redo")
    assert standing(session) == [("chosen", judgment.candidate_id, None)]


def test_an_attention_check_looks_like_any_other_screen(session: Session, annotator: Person) -> None:
    pages = []
    for gold in (False, True):
        screen = factories.generation(
            session, annotator.id, prompt=factories.prompt(session, f"text {gold}"), gold=gold
        )
        factories.judgment(session, screen, created_at=THEN)
        page = annotator.browser().get(f"/work?text=text+{gold}").text
        pages.append(re.sub(r"\d+|True|False|value=\"[^\"]+\"|content=\"[^\"]+\"", "", page))
    assert pages[0] == pages[1]


def test_older_ones_are_a_page_away(session: Session, annotator: Person) -> None:
    for _ in range(own_judgments.PAGE + 1):
        factories.judgment(session, factories.generation(session, annotator.id), pairs=False)
    browser = annotator.browser()
    first = browser.get("/work").text
    older = re.search(r'href="(/work\?below=\d+)"', first)
    assert older is not None
    second = browser.get(older[1]).text
    assert (first.count('class="panel judgment"'), second.count('class="panel judgment"')) == (own_judgments.PAGE, 1)


@pytest.mark.parametrize("query", ["verdict=best", "day=x", "state=gone", "below=x", "below=0", "below=99999999999"])
def test_a_filter_that_makes_no_sense_says_so(annotator: Person, query: str) -> None:
    answer = annotator.browser().get(f"/work?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_texts_are_hidden_where_the_person_or_the_studio_wants_it(
    session: Session, annotator: Person, admin: Person
) -> None:
    browser = annotator.browser()
    assert 'class="work veiled"' not in browser.get("/work").text
    studio_settings.change(session, admin.id, {"blur": True})
    assert 'class="work veiled"' in browser.get("/work").text
    annotator.call("PATCH", "/me", json={"settings": {"blur": False}})
    assert 'class="work veiled"' not in browser.get("/work").text


def test_an_imported_judgment_that_counts_again_is_still_an_imported_one(session: Session, admin: Person) -> None:
    screen = factories.generation(session, admin.id, ["a", "b"])
    judgment = factories.judgment(session, screen, imported=True, annotator="Ada", undone_at=THEN)
    answer = press(admin, f"/work/{judgment.id}/redo?state=all")
    assert answer.status_code == 302
    session.expire_all()
    standing = next(one for one in rows(session, Judgment) if one.undone_at is None)
    assert standing.id != judgment.id
    assert (standing.imported, standing.annotator, standing.import_id) == (True, "Ada", judgment.import_id)


def test_a_decided_judgment_says_what_was_decided_and_why(session: Session, annotator: Person, admin: Person) -> None:
    prompt = factories.prompt(session)
    first, other = (factories.generation(session, one.id, prompt=prompt) for one in (annotator, admin))
    factories.judgment(session, first)
    chosen = other.candidates[1].id
    factories.judgment(session, other, candidate_id=chosen, decision=True, reason="It keeps the meaning.")
    looking.look(session)
    own = annotator.browser().get("/work").text
    assert "A reviewer decided that this is best:" in own
    assert re.search(r'<q class="shy"[^>]*>second rewrite</q>', own)
    assert "It keeps the meaning." in own
    assert admin.email not in own
    reviewers = admin.browser().get("/work").text
    assert "A decision is taken back or changed where it was made" in reviewers
    assert "/undo" not in reviewers
