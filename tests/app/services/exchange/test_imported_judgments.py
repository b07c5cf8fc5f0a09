"""Choices that were made elsewhere, stored as judgments of whoever imports them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Preference, Prompt, now, write_transaction
from app.services.desk import judgments, own_judgments, pace
from app.services.desk.own_judgments import STATES, Filters
from app.services.exchange import exports, imported_judgments
from app.services.exchange.imported_judgments import JudgedRow
from app.services.people import statistics
from models.formats.annotations import Origin
from tests import factories
from tests.app.services.exchange.conftest import store
from tests.studio import Person, rows

UTC_ZONE = ZoneInfo("UTC")


def test_a_tie_survives_label_studio_and_argilla(session: Session, admin: Person, write: Any) -> None:
    screen = factories.generation(session, admin.id, ["a", "b", "c"], prompt=factories.prompt(session, "you fool"))
    pairs = [factories.preference("you fool", good, "c") for good in ("a", "b")]
    tied = [one.id for one in screen.candidates[:2]]
    session.add(Judgment(generation_id=screen.id, user_id=admin.id, verdict="tie", tied=tied, preferences=pairs))
    session.commit()
    (task,) = json.loads("".join(exports.stream(session, "labelstudio")))
    del task["annotations"][0]["judgment"]  # by which it would be known here
    path = write("a.json", json.dumps([task]))
    store(session, admin, path, judgments=True)
    judgment = rows(session, Judgment)[-1]
    assert (judgment.verdict, len(judgment.tied or [])) == ("tie", 2)
    assert [(row.chosen, row.rejected, row.weight) for row in judgment.preferences] == [
        ("a", "c", 0.5),
        ("b", "c", 0.5),
    ]


def take_over(session: Session, person: Person, *judged: JudgedRow) -> int:
    with write_transaction(session):
        return imported_judgments.store(session, person.id, judged, "a file", {})


def test_a_choice_becomes_a_screen_that_no_version_wrote_a_judgment_and_its_rows(
    session: Session, admin: Person
) -> None:
    assert take_over(session, admin, JudgedRow("source", ("good",), ("bad", "worse"))) == 1
    (judgment,) = rows(session, Judgment)
    chosen = session.get_one(Candidate, judgment.candidate_id)
    assert (judgment.user_id, judgment.verdict, chosen.text, judgment.tied) == (admin.id, "chosen", "good", None)
    assert [(row.prompt, row.chosen, row.rejected, row.weight) for row in rows(session, Preference)] == [
        ("source", "good", "bad", 1.0),
        ("source", "good", "worse", 1.0),
    ]
    (screen,) = rows(session, Generation)
    assert {one.text: one.version_number for one in screen.candidates} == {"good": None, "bad": None, "worse": None}
    assert sorted(one.position for one in screen.candidates) == [0, 1, 2]
    assert (screen.prompt.text, screen.prompt.source, screen.prompt.queued) == ("source", "a file", False)


def test_a_choice_is_stored_once_however_often_it_comes_and_even_if_it_was_undone(
    session: Session, admin: Person, annotator: Person
) -> None:
    choice = JudgedRow("source", ("good",), ("bad", "worse"))
    assert take_over(session, admin, choice, choice) == 1
    (judgment,) = rows(session, Judgment)
    judgment.undone_at = judgment.created_at
    session.commit()
    assert take_over(session, annotator, choice, JudgedRow("source", ("bad",), ("good",))) == 1
    assert [one.user_id for one in rows(session, Judgment)] == [admin.id, annotator.id]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (JudgedRow("source", ("b", "a"), ("d", "c")), True),
        (JudgedRow("another", ("a", "b"), ("c", "d")), False),
        (JudgedRow("source", ("a",), ("b", "c", "d")), False),
        (JudgedRow("source", ("c", "d"), ("a", "b")), False),
    ],
)
def test_equal_choices_have_one_key_whatever_their_order_and_others_another(other: JudgedRow, same: bool) -> None:
    assert (JudgedRow("source", ("a", "b"), ("c", "d")).key == other.key) == same


def test_what_an_earlier_version_stored_without_its_person_is_not_doubled(session: Session, admin: Person) -> None:
    # The key that Mellow made of {"prompt": "p", "chosen": "a", "rejected": ["c", "b", "b"]} when it read no names.
    content = uuid5(UUID("4d3f6e0e-5f4b-4c55-9d6f-0d1b6f7f2a61"), '["p", ["a"], ["b", "c"]]')
    screen = factories.generation(session, admin.id, ["a", "b", "c"], prompt=factories.prompt(session, "p"))
    factories.judgment(session, screen, client_key=f"i-{content.hex}", imported=True)
    named = JudgedRow("p", ("a",), ("c", "b", "b"), origin=Origin("Ada"))
    other = JudgedRow("p", ("b",), ("a", "c"), origin=Origin("Ada"))
    assert imported_judgments.known_keys(session, [named, other]) == {named.key}
    assert take_over(session, admin, named, JudgedRow("p", ("a",), ("b", "c", "b"))) == 0
    assert take_over(session, admin, other) == 1


def test_what_was_said_by_nobody_known_is_new_of_a_person_where_imports_are_recorded(
    session: Session, admin: Person, write: Any
) -> None:
    row = {"prompt": "p", "chosen": "a", "rejected": "b"}
    for name, line in (("nobody.jsonl", row), ("ada.jsonl", row | {"annotator": "Ada"})):
        store(session, admin, write(name, json.dumps(line)), judgments=True)
    assert [one.annotator for one in rows(session, Judgment)] == [None, "Ada"]


def test_a_text_that_is_known_is_not_stored_again(session: Session, admin: Person) -> None:
    known = factories.prompt(session, "source", source="typed")
    take_over(session, admin, JudgedRow("source", ("a",), ("b",)), JudgedRow("new", ("a",), ("b",)))
    take_over(session, admin, JudgedRow("new", ("b",), ("a",)))
    assert [(one.text, one.source) for one in rows(session, Prompt)] == [("source", "typed"), ("new", "a file")]
    assert [one.prompt.text for one in rows(session, Generation)] == ["source", "new", "new"]
    assert rows(session, Generation)[0].prompt_id == known.id


def test_what_was_imported_is_nobodys_pace_and_is_found_for_itself_under_my_work(
    session: Session, admin: Person
) -> None:
    take_over(session, admin, *(JudgedRow(f"source {number}", ("good",), ("bad",)) for number in range(3)))
    assert pace.today(session, admin.id, UTC_ZONE) == pace.Tally()
    assert pace.sitting(session, admin.id) == pace.Sitting()
    assert (pace.streak(session, admin.id, UTC_ZONE), pace.total(session, admin.id)) == (0, 0)
    assert {day.judged for day in pace.chart(session, admin.id, UTC_ZONE)} == {0}
    habits = statistics.habits(session, admin.id)
    assert (habits.judged, habits.per_hour, habits.positions.total) == (0, None, 0)
    assert statistics.said(session, admin.id) == (3, 3, 0)
    assert statistics.totals(session) == (1, 0, 0)
    own = {state: own_judgments.page(session, admin.id, Filters(state=state), UTC_ZONE).judgments for state in STATES}
    assert {state: len(found) for state, found in own.items()} == {"standing": 0, "imported": 3, "undone": 0, "all": 3}
    judgments.undo(session, admin.id, own["imported"][0].id)
    own_again = own_judgments.page(session, admin.id, Filters(state="undone"), UTC_ZONE).judgments
    assert [one.id for one in own_again] == [own["imported"][0].id]


@pytest.mark.parametrize(
    ("row", "key", "of_texts", "verdict"),
    [
        (
            JudgedRow("p", ("b", "a"), ("d", "c", "c")),
            "i-4e1709cbef6d5a19b4a950f8f2fa167f",
            "i-8106c8c30ccf50d0813a5ceb04a10395",
            "tie",
        ),
        (
            JudgedRow("p", ("b", "a"), ("d", "c", "c"), origin=Origin("Ada")),
            "i-5d9a6bbeda3d5f3ba94a9cb306c98c4f",
            "i-8106c8c30ccf50d0813a5ceb04a10395",
            "tie",
        ),
        (
            JudgedRow("p", ("a",), ("b",), nth=1),
            "i-5d94166fd3715ea68e87b69b482430c6",
            "i-9d130f232d9958ee8cc03aa0fe51dc90",
            "chosen",
        ),
        (
            JudgedRow("p", ("a",), ("b",), said="edited"),
            "i-8f61d03c540f5b5490867de8b3548fd2",
            "i-9d130f232d9958ee8cc03aa0fe51dc90",
            "edited",
        ),
    ],
)
def test_keys_are_those_under_which_earlier_releases_stored_judgments(
    row: JudgedRow, key: str, of_texts: str, verdict: str
) -> None:
    assert (row.key, row.key_of_texts, row.verdict) == (key, of_texts, verdict)


def test_a_judgment_from_a_file_has_every_field_of_its_row(session: Session, annotator: Person) -> None:
    at = now()
    row = JudgedRow(
        "you fool", ("a", "b"), ("c", "d"), origin=Origin("Ada", at, 2.5), reason="because", flagged=True, line=3
    )
    skip = JudgedRow("another", (), ("a", "b"), said="skipped")
    edit = JudgedRow("a third", ("mine",), ("a", "b"), said="edited")
    with write_transaction(session):
        assert imported_judgments.store(session, annotator.id, [row, row, skip, edit], "a.jsonl", {}) == 3
        assert imported_judgments.store(session, annotator.id, [row], "a.jsonl", {}) == 0
    tie, skipped, edited = rows(session, Judgment)
    cards = {card.id: card.text for card in tie.generation.candidates}
    assert {cards[number] for number in tie.tied or ()} == {"a", "b"}
    assert sorted(cards.values()) == ["a", "b", "c", "d"]
    assert [card.position for card in tie.generation.candidates] == [0, 1, 2, 3]
    assert {(card.log_probability, card.version_number) for card in tie.generation.candidates} == {(0.0, None)}
    screen = tie.generation
    assert (screen.prompt.text, screen.prompt.source, screen.prompt.queued) == ("you fool", "a.jsonl", False)
    assert (screen.sampling, screen.seed, screen.milliseconds) == ({"imported_from": "a.jsonl"}, 0, 0.0)
    assert (screen.user_id, tie.user_id, tie.annotator) == (annotator.id, annotator.id, "Ada")
    assert (tie.verdict, tie.candidate_id, tie.edited_text) == ("tie", None, None)
    assert (tie.reason, tie.flagged, tie.seconds, tie.created_at) == ("because", True, 2.5, at)
    assert (tie.client_key, tie.imported, tie.import_id) == (row.key, True, None)
    assert [(one.prompt, one.chosen, one.rejected, one.weight) for one in tie.preferences] == [
        ("you fool", good, bad, 0.5) for bad in ("c", "d") for good in ("a", "b")
    ]
    assert (skipped.verdict, skipped.tied, skipped.reason, skipped.annotator) == ("skipped", None, None, None)
    assert (skipped.preferences, skipped.flagged, skipped.seconds) == ([], False, None)
    assert (edited.edited_text, edited.candidate_id, edited.tied) == ("mine", None, None)
    assert sorted(card.text for card in edited.generation.candidates) == ["a", "b"]
    assert [(one.chosen, one.rejected, one.weight) for one in edited.preferences] == [
        ("mine", "a", 1),
        ("mine", "b", 1),
    ]
