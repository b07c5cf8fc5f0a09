"""What a version of initial training may lose against its parent and still go live."""

from __future__ import annotations

import pytest

from worker.job.initial_training import NOT_ASKED, note
from worker.publish.release import Facts


def facts(**metrics: float) -> Facts:
    return Facts(parent=1, method="sft", config={}, data_sha256="", metrics=metrics)


@pytest.mark.parametrize("change", [0.5, 0.0, -0.0199])
def test_a_version_that_lost_less_than_two_hundredths_goes_live(change: float) -> None:
    assert note(facts(heldout_relative_change=change)) is None
    assert note(facts()) is None, "there was no parent to lose against"


def test_a_version_that_lost_more_than_two_hundredths_does_not_and_says_so() -> None:
    said = note(facts(heldout_relative_change=-0.0201))
    assert said is not None
    assert "Held-out quality fell by 2.0% against version 1, more than the 2% allowed." in said


def test_a_version_that_must_not_serve_does_not() -> None:
    asked = Facts(parent=None, method="sft", config={"serve": False}, data_sha256="", metrics={})
    assert note(asked) == NOT_ASKED
