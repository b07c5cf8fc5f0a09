"""A judgment that was sent, read from a JSON object: every field, and every field that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from app.db import Verdict
from app.domain_errors import Invalid
from app.services.desk.judgment_request import LONGEST_REASON, JudgmentRequest

KEY = "6f1b7c1e-6d0c-4a53-9f0a-0d6a4d1f5b11"
LONGEST = 100


def parse(verdict: str, **fields: Any) -> JudgmentRequest:
    return JudgmentRequest.parse({"generation_id": 3, "verdict": verdict, **fields}, LONGEST)


@pytest.mark.parametrize(
    ("verdict", "fields", "expected"),
    [
        ("none", {}, JudgmentRequest(3, Verdict.NONE)),
        ("fine", {}, JudgmentRequest(3, Verdict.FINE)),
        ("tie", {}, JudgmentRequest(3, Verdict.TIE)),
        ("tie", {"tied": [9, 7]}, JudgmentRequest(3, Verdict.TIE, tied=(9, 7))),
        ("chosen", {"candidate_id": 7, "seconds": 2}, JudgmentRequest(3, Verdict.CHOSEN, 7, seconds=2.0)),
        ("edited", {"edited_text": " mine\n"}, JudgmentRequest(3, Verdict.EDITED, edited_text="mine")),
        ("edited", {"edited_text": "mine", "candidate_id": 7}, JudgmentRequest(3, Verdict.EDITED, 7, "mine")),
        (
            "skipped",
            {"reason": " a threat ", "flagged": True},
            JudgmentRequest(3, Verdict.SKIPPED, reason="a threat", flagged=True),
        ),
        ("skipped", {"reason": "", "flagged": False}, JudgmentRequest(3, Verdict.SKIPPED)),
    ],
)
def test_a_judgment_is_what_was_sent(verdict: str, fields: dict[str, object], expected: JudgmentRequest) -> None:
    assert parse(verdict, **fields) == expected


def test_fields_that_are_null_say_nothing() -> None:
    names = ("candidate_id", "edited_text", "seconds", "tied", "reason", "client_key", "ranking", "remarks", "comment")
    assert parse("none", **dict.fromkeys(names)) == JudgmentRequest(3, Verdict.NONE)


@pytest.mark.parametrize("sent", [KEY, KEY.upper(), KEY.replace("-", ""), f"{{{KEY}}}"])
def test_a_key_is_the_same_however_it_is_written(sent: str) -> None:
    assert parse("none", client_key=sent).client_key == KEY


@pytest.mark.parametrize(("seconds", "kept"), [(0, 0.0), (86_399.5, 86_399.5), (86_401, 86_400.0), (10**400, 86_400.0)])
def test_a_look_lasts_a_day_at_most(seconds: float, kept: float) -> None:
    assert parse("none", seconds=seconds).seconds == kept


def test_texts_may_be_as_long_as_the_studio_allows_and_not_longer() -> None:
    assert parse("edited", edited_text="x" * LONGEST).edited_text == "x" * LONGEST
    assert parse("skipped", reason="x" * LONGEST_REASON).reason == "x" * LONGEST_REASON
    for verdict, fields, most in (
        ("edited", {"edited_text": "x" * (LONGEST + 1)}, LONGEST),
        ("skipped", {"reason": "x" * (LONGEST_REASON + 1)}, LONGEST_REASON),
    ):
        with pytest.raises(Invalid, match=f"may have at most {most}"):
            parse(verdict, **fields)


@pytest.mark.parametrize(
    ("verdict", "fields", "sentence"),
    [
        ("best", {}, "verdict must be one of chosen, edited, fine, tie, none, skipped."),
        ("none", {"user_id": 1, "a": 2}, "There is no field 'a' in a judgment."),
        ("none", {"generation_id": True}, "generation_id must be a positive whole number."),
        ("chosen", {}, "A chosen verdict needs the candidate_id of the chosen one."),
        ("none", {"candidate_id": 7}, "A verdict of none has no candidate_id."),
        ("none", {"edited_text": "mine"}, "edited_text belongs to a verdict of edited, and only to that."),
        ("none", {"tied": [1, 2]}, "tied belongs to a verdict of tie, and only to that."),
        ("tie", {"tied": [1, 0]}, "A candidate id in tied must be a positive whole number."),
        ("none", {"ranking": [1, 2]}, "ranking belongs to a verdict of chosen, and only to that."),
        (
            "chosen",
            {"candidate_id": 1, "ranking": [2, 1]},
            "ranking must name different candidates, the chosen one first.",
        ),
        (
            "chosen",
            {"candidate_id": 1, "ranking": [1, 1]},
            "ranking must name different candidates, the chosen one first.",
        ),
        (
            "chosen",
            {"candidate_id": 1, "ranking": [1]},
            "ranking must name different candidates, the chosen one first.",
        ),
        ("none", {"reason": "so"}, "reason and flagged belong to a verdict of skipped, and only to that."),
        ("skipped", {"flagged": "yes"}, "flagged must be true or false."),
        ("none", {"seconds": float("nan")}, "seconds must be a number that is not negative."),
        ("none", {"client_key": KEY[:-1]}, "client_key must be a UUID."),
    ],
)
def test_a_field_that_is_wrong_is_named_in_a_sentence(verdict: str, fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(verdict, **fields)
    assert str(refusal.value) == sentence
