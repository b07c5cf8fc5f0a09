"""Test the request to store a file: a value that cannot be met is refused with a sentence."""

from __future__ import annotations

import pytest

from app.domain_errors import Invalid
from app.services.exchange.incoming.import_plan import ImportPlan


def test_what_is_not_sent_is_the_usual() -> None:
    plan = ImportPlan.parse({"layout": "csv", "text": "comment", "leave_out": ["id"]}, "a.csv")
    assert (plan.source, plan.file_name, plan.priority, plan.overlap) == ("a.csv", "a.csv", 0, None)
    assert (plan.queue, plan.judgments, plan.mapping.leave_out) == (True, False, ("id",))


@pytest.mark.parametrize(
    ("wished", "sentence"),
    [
        ({"layout": "xml"}, "layout must be one of csv, tsv, json, jsonl, lines, xlsx, parquet."),
        ({"layout": "csv", "text": 7}, "text must be the name of a column."),
        ({"layout": "csv", "queue": False}, "Put the texts into the queue, or take over the judgments, or both."),
        ({"layout": "csv", "queue": "yes"}, "queue must be true or false."),
        ({"layout": "csv", "source": "a\nb"}, "source must be a text of at most 200 characters in one line."),
        ({"layout": "csv", "overlap_of_all": 21}, "The overlap must be between 1 and 20."),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(wished: dict[str, object], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        ImportPlan.parse(wished, "a.csv")
    assert str(refusal.value) == sentence
