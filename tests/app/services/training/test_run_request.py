"""By what two wishes are the same one: all that makes a difference, and nothing that makes none."""

from __future__ import annotations

from datetime import date

import pytest

from app.domain_errors import Invalid
from app.services.training.run_request import RunRequest, method_named
from app.services.training.selection import Selection

WISH = RunRequest("dpo", {"beta": 0.2, "seed": 7})


@pytest.mark.parametrize(
    "same",
    [
        RunRequest("dpo", {"seed": 7, "beta": 0.2}),
        RunRequest("dpo", {"beta": 0.2, "seed": 7, "preset": "default"}),
        RunRequest("dpo", {"beta": 0.2, "seed": 7, "learning_rate": 1e-3, "loss_type": "sigmoid"}),
        RunRequest("dpo", {"beta": 0.2, "seed": 7}, Selection.parse({"people": [], "from_day": ""})),
    ],
    ids=["another order", "the default preset named", "defaults given", "an empty selection"],
)
def test_what_makes_no_difference_is_the_same_request(same: RunRequest) -> None:
    assert same.digest == WISH.digest


def test_every_difference_is_another_wish() -> None:
    others = [
        RunRequest("orpo", {"beta": 0.2, "seed": 7}),
        RunRequest("dpo", {"beta": 0.3, "seed": 7}),
        RunRequest("dpo", {"beta": 0.2}),
        RunRequest("dpo", {"beta": 0.2, "seed": 7, "preset": "seed"}),
        RunRequest("dpo", {"beta": 0.2, "seed": 7}, Selection(people=(1,))),
        RunRequest("dpo", {"beta": 0.2, "seed": 7}, Selection(from_day=date(2026, 1, 1))),
        RunRequest("dpo", {"beta": 0.2, "seed": 7}, parent_version=1),
    ]
    assert len({asked.digest for asked in [WISH, *others]}) == 1 + len(others)


def test_a_wish_on_other_data_than_clicks_is_told_by_its_settings_as_they_are() -> None:
    one = RunRequest("sft", {"dataset": "ab", "seed": 1})
    assert one.digest == RunRequest("sft", {"seed": 1, "dataset": "ab"}).digest
    assert one.digest != RunRequest("sft", {"dataset": "cd", "seed": 1}).digest


@pytest.mark.parametrize("method", ["dpo", "orpo", "kto"])
def test_settings_that_a_method_cannot_be_run_with_have_no_digest(method: str) -> None:
    with pytest.raises(Invalid, match=r"^beta must be between 0\.0001 and 10, not 11\.$"):
        _ = RunRequest(method_named(method), {"beta": 11}).digest


def test_the_digest_fits_its_column() -> None:
    assert len(WISH.digest) == 64
    assert set(WISH.digest) <= set("0123456789abcdef")
