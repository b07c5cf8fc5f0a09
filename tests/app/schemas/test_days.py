"""Days as people write them."""

from __future__ import annotations

from datetime import date

import pytest

from app.domain_errors import Invalid
from app.schemas.days import FIRST_DAY, LAST_DAY, parse_day


def test_a_day_is_read_as_it_is_written() -> None:
    assert parse_day("2026-01-31", "since") == date(2026, 1, 31)
    assert parse_day("", "since") is None
    assert [parse_day(day.isoformat(), "since") for day in (FIRST_DAY, LAST_DAY)] == [FIRST_DAY, LAST_DAY]


@pytest.mark.parametrize(
    "text", ["yesterday", "20260131", "2026-02-30", "2026-1-3", "1969-12-31", "9999-01-01", "٢٠٢٦"]
)
def test_what_is_no_day_or_too_far_away_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_day(text, "since")
    assert str(refusal.value) == "since must be a day such as 2026-01-31."
