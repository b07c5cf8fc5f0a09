"""Texts to rewrite: what is taken and what is refused, and that each is stored once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Prompt, write_transaction
from app.services.prompts import prompts, studio_settings
from app.services.prompts.prompts import CheckedRow, ImportReport, PromptRow
from tests import factories
from tests.studio import Person, make_person, rows

LONGEST = 20


def store(session: Session, *batch: CheckedRow) -> ImportReport:
    report = ImportReport()
    with write_transaction(session):
        prompts.store_batch(session, batch, "a file", report)
    return report


@pytest.mark.parametrize(
    ("fields", "checked"),
    [
        ({}, CheckedRow(3, "one")),
        ({"priority": "-7", "overlap": 2}, CheckedRow(3, "one", -7, overlap=2)),
        ({"priority": "", "gold": "", "overlap": ""}, CheckedRow(3, "one")),
        ({"gold": " yes ", "gold_wrong": ["no", " never"]}, CheckedRow(3, "one", 0, "yes", ("no", "never"))),
        ({"gold": "yes", "gold_wrong": "no| |never"}, CheckedRow(3, "one", 0, "yes", ("no", "never"))),
        ({"gold": "yes", "gold_wrong": '["no|never"]'}, CheckedRow(3, "one", 0, "yes", ("no|never",))),
        ({"gold": "yes", "gold_wrong": "[no"}, CheckedRow(3, "one", 0, "yes", ("[no",))),
    ],
)
def test_a_row_is_checked_and_brought_to_one_form(fields: dict[str, Any], checked: CheckedRow) -> None:
    assert prompts.check_row(PromptRow(3, " one\n", **fields), LONGEST) == checked


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (PromptRow(1, 7), "The text must be a string."),
        (
            PromptRow(
                1, "Why?", turns=({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}) * 100
            ),
            "A conversation may have at most 200 messages.",
        ),
        (PromptRow(1, " \u2003"), "The text is empty."),
        (PromptRow(1, "x" * 21), "The text has 21 characters and may have at most 20."),
        (PromptRow(1, "a\x00b"), "The text holds characters that cannot be stored."),
        (PromptRow(1, "a\ud800b"), "The text holds characters that cannot be stored."),
        (PromptRow(1, "one", priority=1.5), "The priority must be a whole number, not '1.5'."),
        (PromptRow(1, "one", priority=1_000_001), "The priority must be between -1000000 and 1000000."),
        (PromptRow(1, "one", overlap=0), "The overlap must be between 1 and 20."),
        (PromptRow(1, "one", gold_wrong="no"), "Wrong rewrites need the right one beside them."),
        (PromptRow(1, "one", gold="a", gold_wrong=7), "The wrong rewrites must be a list of texts."),
        (PromptRow(1, "one", gold="a", gold_wrong=["a"]), "The rewrites of an attention check must all be different."),
        (PromptRow(1, "one", gold="a", gold_wrong="b|b"), "The rewrites of an attention check must all be different."),
        (
            PromptRow(1, "one", gold="a", gold_wrong=[str(number) for number in range(11)]),
            "An attention check has at most 10 wrong rewrites.",
        ),
        (PromptRow(1, "one", problem="The line is not JSON."), "The line is not JSON."),
    ],
)
def test_a_row_that_cannot_be_used_says_why_and_the_others_are_kept(row: PromptRow, sentence: str) -> None:
    report = ImportReport()
    usable = prompts.check_all([row, PromptRow(2, "two")], LONGEST, report)
    assert usable == [CheckedRow(2, "two")]
    assert (report.rejected, report.rejected_count) == ([{"line": 1, "reason": sentence}], 1)


def test_so_many_refusals_are_named_and_the_others_counted() -> None:
    report = ImportReport()
    for line in range(prompts.KEPT_REFUSALS + 2):
        report.refuse(line, "no")
    assert (len(report.rejected), report.rejected_count) == (prompts.KEPT_REFUSALS, prompts.KEPT_REFUSALS + 2)


def test_a_text_is_found_again_or_else_new_and_not_in_the_queue(session: Session) -> None:
    with write_transaction(session):
        first, second, other = (prompts.find_or_add(session, text, "typed") for text in ("one", "one", "One"))
    assert first is second
    assert [(row.text, row.source, row.queued) for row in rows(session, Prompt)] == [
        ("one", "typed", False),
        ("One", "typed", False),
    ]
    assert prompts.by_text(session, ["one", "two"]) == {"one": first}
    assert other.sha256 == prompts.digest_of("One")


def test_what_waits_already_stays_as_it_is_and_what_was_typed_comes_into_the_queue(session: Session) -> None:
    factories.prompt(session, "waits", queued=True, priority=3)
    factories.prompt(session, "typed", gold_answer="right", gold_wrong=["wrong"])
    report = store(
        session, CheckedRow(1, "waits", 9), CheckedRow(2, "typed", 5), CheckedRow(3, "new"), CheckedRow(4, "new")
    )
    assert (report.added, report.duplicates) == (2, 2)
    assert [(row.text, row.priority, row.queued) for row in rows(session, Prompt)] == [
        ("waits", 3, True),
        ("typed", 5, True),
        ("new", 0, True),
    ]
    assert rows(session, Prompt)[1].gold_answer == "right", "a known check stays one"


def test_a_text_that_enough_people_have_judged_is_a_duplicate_until_more_are_asked_for(
    session: Session, admin: Person
) -> None:
    prompt = factories.prompt(session, "judged")
    factories.judgment(session, factories.generation(session, admin.id, prompt=prompt))
    assert store(session, CheckedRow(1, "judged")).duplicates == 1
    studio_settings.change(session, admin.id, {"overlap": 2})
    assert store(session, CheckedRow(1, "judged")).added == 1
    assert rows(session, Prompt)[0].queued


def test_judgments_that_were_undone_and_those_of_attention_checks_do_not_count(session: Session, admin: Person) -> None:
    prompt = factories.prompt(session, "judged")
    undone = factories.judgment(session, factories.generation(session, admin.id, prompt=prompt))
    undone.undone_at = undone.created_at
    session.commit()
    other = make_person(admin.app, session)
    factories.judgment(session, factories.generation(session, other.id, prompt=prompt, gold=True), pairs=False)
    assert store(session, CheckedRow(1, "judged")).added == 1
