"""Failures that a rule finds in a rewrite."""

import pytest

from worker.base.inspection.failures import FAILURES, failures
from worker.base.texts.handmade import Input

ONE = Input(
    "name",
    'Ann lost 12 keys at www.a.org, says the "sign", you fool?',
    ("Ann", "12", "www.a.org", '"sign"', "?"),
    ("fool",),
)
GOOD = 'Ann lost 12 keys at www.a.org and the "sign" says so, right?'


@pytest.mark.parametrize(
    ("rewrite", "found"),
    [
        (GOOD, []),
        ("  ", ["empty"]),
        (ONE.text.upper(), ["copied insult", "unchanged"]),
        (GOOD.replace("Ann", "She"), ["lost name"]),
        (GOOD.replace("12", "112"), ["lost number"]),
        (GOOD.replace("www.", ""), ["lost link"]),
        (GOOD.replace('"', ""), ["lost quote"]),
        (GOOD.replace("?", "."), ["lost question"]),
        (GOOD.replace("and", "and and"), ["doubled word"]),
        (f"{GOOD} She is here. She is here!", ["doubled sentence"]),
        (GOOD.replace("right", "foolish"), []),
    ],
)
def test_each_kind_of_failure_is_found(rewrite: str, found: list[str]) -> None:
    assert failures(ONE, rewrite) == found
    assert set(found) <= set(FAILURES)


def test_a_polite_text_may_stay_and_loses_nothing_else() -> None:
    polite = Input("polite", "Thanks for the soup.", ("soup",), ())
    assert failures(polite, "thanks for the soup") == []
    assert failures(polite, "Thanks for the meal.") == ["changed though polite", "lost word"]
