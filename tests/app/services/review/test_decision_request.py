from __future__ import annotations

from typing import Any

import pytest

from app.domain_errors import Invalid
from app.schemas.reading import read
from app.services.review.decision_request import DecisionRequest


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"verdict": "skipped"}, "A decision says something"),
        ({"verdict": "chosen"}, "needs the candidate_id"),
        ({"verdict": "none", "edited_text": "x"}, "edited_text belongs to"),
        ({"verdict": "none", "reason": "x" * 1001}, "at most 1000"),
        ({"verdict": "none", "flagged": True}, "no field 'flagged' in a decision"),
        ({"verdict": "perhaps"}, "verdict must be one of"),
    ],
)
def test_what_is_wrong_is_said(body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        read(DecisionRequest, body).normalized(500)


def test_texts_lose_the_white_space_around_them_and_a_blank_reason_is_none() -> None:
    said = read(DecisionRequest, {"verdict": "edited", "edited_text": " better ", "reason": "  "}).normalized(500)
    assert (said.edited_text, said.reason) == ("better", None)
