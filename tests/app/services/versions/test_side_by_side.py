"""Figures of several versions: beside each other where they can be compared, and apart where they cannot."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.services.versions import evaluations
from models.store.figures import FIGURES
from tests import factories
from tests.reports import estimate, report


def test_versions_measured_alike_share_a_table_and_the_others_do_not(session: Session) -> None:
    other_scorers = report()
    other_scorers["scorers"] = other_scorers["scorers"] | {"toxicity": {"name": "another", "version": "1"}}
    other_texts = report(test_set={"name": "Other texts", "sha256": "1" * 64, "texts": 9})
    better = report()
    better["systems"]["version"] = better["systems"]["version"] | {"j": estimate(0.8), "fl": estimate(0.5)}
    measured = {1: None, 2: report(), 3: other_scorers, 4: better, 5: other_texts, 6: {"problem": "No scorer."}}
    rows = [
        factories.version(session, number, parent_number=None, metrics={"evaluation": found} if found else {})
        for number, found in measured.items()
    ]
    tables = evaluations.side_by_side(session, rows)
    assert [group.versions for group in tables.groups] == [(2, 4), (3,), (5,)]
    assert tables.unmeasured == (1, 6)
    shared = tables.groups[0]
    figures = dict(shared.rows)
    j = figures[FIGURES["j"]]
    assert [number and (number.value, number.interval) for number in j] == [
        ("0.750", "0.700 to 0.800"),
        ("0.800", "0.750 to 0.850"),
    ]
    fluency = figures[FIGURES["fl"]]
    assert fluency[0] is None
    assert fluency[1] is not None
    assert (shared.texts, tables.groups[2].test_set) == (60, "Other texts")
    assert "alt-profanity-check 1.9.1" in shared.scorers


def test_candidates_drawn_in_another_way_are_not_compared(session: Session) -> None:
    rows = [
        factories.version(session, 1, metrics={"evaluation": report()}),
        factories.version(session, 2, metrics={"evaluation": report(sampling={"temperature": 0.5})}),
    ]
    assert [group.versions for group in evaluations.side_by_side(session, rows).groups] == [(1,), (2,)]
