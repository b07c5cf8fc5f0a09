"""Judgments of a file that is only looked at: what is new, what is known, and what an import would refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from app.services.exchange.imported_judgments import JudgedRow, take_over
from app.services.exchange.incoming import history
from app.services.exchange.incoming.looked_at_judgments import LookedAtJudgments
from app.services.prompts.prompts import ImportReport
from models.formats.annotations import Origin
from tests.studio import Person

FIRST = JudgedRow("p", ("a",), ("b", "c"), origin=Origin(key="j-1", person="Ada"), line=1)
CASES = {
    "the same": FIRST,
    "less": replace(FIRST, rejected=("b",)),
    "more": replace(FIRST, rejected=("d",)),
    "another text": replace(FIRST, text="q"),
    "another verdict": replace(FIRST, said="edited"),
    "another best": replace(FIRST, chosen=("b",), rejected=("a",)),
    "another judgment": replace(FIRST, origin=Origin(key="j-2", person="Ben")),
    "no key": replace(FIRST, origin=Origin(person="Ada")),
}


@pytest.mark.parametrize("apart", [True, False], ids=["in the next batch", "in the same batch"])
@pytest.mark.parametrize("case", CASES)
def test_a_look_counts_and_refuses_what_the_import_does(
    session: Session, admin: Person, case: str, apart: bool
) -> None:
    second = replace(CASES[case], line=900)
    batches = [[FIRST], [second]] if apart else [[FIRST, second]]
    expected, report = ImportReport(), ImportReport()
    looked = LookedAtJudgments(session, expected)
    import_id = history.begin(session, admin.id, "a.jsonl", "a.jsonl")
    for batch in batches:
        looked.add(batch)
    for batch in batches:
        take_over(session, admin.id, batch, "a.jsonl", {}, report, import_id)
    assert (looked.number - looked.known, looked.known) == (report.judgments, report.judgments_known)
    assert expected.rejected == report.rejected
    assert bool(report.rejected) == (apart and case in ("more", "another text", "another verdict", "another best"))


def test_people_are_counted_once_each(session: Session) -> None:
    looked = LookedAtJudgments(session, ImportReport())
    for batch in ([FIRST, CASES["another judgment"]], [FIRST]):
        looked.add(batch)
    assert (looked.number, looked.known, looked.people) == (3, 1, {"Ada", "Ben"})
