"""Versions are compared text by text, and only where that says something."""

from typing import Any

import pytest

from worker.evaluation.comparison import check_comparable, compare
from worker.evaluation.evaluation_errors import NotComparable
from worker.evaluation.measure import Measurement
from worker.measures.statistic import mean_of

REPORT: dict[str, Any] = {
    "scorers": {role: {"name": "a", "version": "1"} for role in ("toxicity", "similarity", "fluency")},
    "test_set": {"name": "texts", "sha256": "0", "texts": 3},
    "sampling": {"temperature": 0.9},
}


def test_only_figures_that_both_have_are_compared() -> None:
    ours = Measurement("a", {"j": mean_of([1] * 12), "sta": mean_of([1, 0] * 6)}, ())
    theirs = Measurement("b", {"j": mean_of([0] * 12)}, ())

    found = compare(ours, theirs)

    assert list(found) == ["j"]
    assert (found["j"].value, found["j"].differs) == (1, True)


def test_equal_origins_may_be_compared() -> None:
    check_comparable(REPORT, REPORT)


def test_figures_of_different_scorers_are_never_compared() -> None:
    other = {**REPORT["scorers"], "fluency": {"name": "b", "version": "2"}}

    with pytest.raises(NotComparable, match=r"different scorers.*fluency by a \(1\) and by b \(2\)\."):
        check_comparable(REPORT, REPORT | {"scorers": other})


def test_a_report_that_names_no_scorers_is_compared_with_nothing() -> None:
    with pytest.raises(NotComparable, match="by none"):
        check_comparable(REPORT, {})


def test_different_texts_are_never_compared() -> None:
    with pytest.raises(NotComparable, match=r"different texts.*texts and others"):
        check_comparable(REPORT, REPORT | {"test_set": {"name": "others", "sha256": "1", "texts": 3}})


def test_candidates_drawn_differently_are_never_compared() -> None:
    with pytest.raises(
        NotComparable, match=r"^Their candidates were drawn in different ways and cannot be compared\.$"
    ):
        check_comparable(REPORT, REPORT | {"sampling": {"temperature": 1.5}})


def test_what_other_code_measured_is_never_compared() -> None:
    with pytest.raises(NotComparable, match=r"^They were measured by different releases and cannot be compared\.$"):
        check_comparable(REPORT | {"measuring": "a"}, REPORT | {"measuring": "b"})
