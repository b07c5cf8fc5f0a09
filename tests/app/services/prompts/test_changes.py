"""What can be changed in prompts, and the sentences for what cannot."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from app.domain_errors import Invalid
from app.schemas.reading import Sent, read
from app.services.prompts.changes import PromptChange, PromptsChange


def test_what_is_left_out_is_told_from_what_is_null() -> None:
    change = read(PromptChange, {"overlap": None, "gold": ""})
    assert (change.overlap, change.gold, change.priority, change.queued) == (None, "", UNSET, UNSET)


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        (PromptsChange, {}, "Say what is to change: priority, overlap or queued."),
        (PromptsChange, {"gold": "x"}, "Say what is to change: priority, overlap or queued."),
        (PromptsChange, {"priority": "7"}, "The priority must be a whole number, not '7'."),
        (PromptChange, {"priority": 1_000_001}, "The priority must be between -1000000 and 1000000."),
        (PromptChange, {"overlap": 21}, "The overlap must be between 1 and 20."),
        (PromptChange, {"gold_wrong": "a|b"}, "The wrong rewrites must be a list of texts."),
        (PromptChange, {"gold_wrong": ["a"] * 11}, "An attention check has at most 10 wrong rewrites."),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_a_sentence(
    kind: type[Sent], values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        read(kind, values)
    assert str(refusal.value) == sentence
