"""The simulated people: what they say can be stored, they keep to it, and they agree more than by chance."""

from __future__ import annotations

from itertools import combinations

import pytest

from app.launch.demo.people import PEOPLE, Reader, brief, courteous, faithful, judgment
from app.services.desk.judgment_request import JudgmentRequest
from app.services.prompts import samples

SCREENS = [
    {
        "id": number,
        "text": text,
        "candidates": [
            {"id": 10 * number, "text": text},
            {"id": 10 * number + 1, "text": text.partition(",")[0].rstrip(".") + "."},
            {"id": 10 * number + 2, "text": f"I think {' '.join(text.split()[:4]).lower()}, please."},
        ],
    }
    for number, text in enumerate(samples.texts(), start=1)
]


@pytest.mark.parametrize("reader", PEOPLE, ids=lambda reader: reader.name)
def test_what_somebody_says_can_be_stored_and_stays_the_same(reader: Reader) -> None:
    verdicts = set()
    for screen in SCREENS:
        said = judgment(reader, screen)
        verdicts.add(JudgmentRequest.parse(said, longest_text=1000).verdict)
        assert said == judgment(reader, screen)
        assert said["seconds"] > 1, "what comes more quickly teaches nothing"
    assert "chosen" in verdicts
    assert len(verdicts) > 2


def test_they_agree_more_often_than_by_chance_and_not_always() -> None:
    for one, other in combinations(PEOPLE, 2):
        both = [(judgment(one, screen), judgment(other, screen)) for screen in SCREENS]
        chosen = [(a, b) for a, b in both if a["verdict"] == b["verdict"] == "chosen"]
        agreed = sum(a["candidate_id"] == b["candidate_id"] for a, b in chosen)
        assert len(chosen) / 3 < agreed < len(chosen), (one.name, other.name)


def test_a_screen_of_insults_alone_has_no_best_rewrite() -> None:
    insults = [{"id": number, "text": f"You are a stupid idiot, number {number}"} for number in range(3)]
    screen = {"id": 1, "text": "You are a stupid idiot", "candidates": insults}
    assert [judgment(reader, screen)["verdict"] for reader in PEOPLE] == ["none"] * 3


def test_each_taste_likes_something_else() -> None:
    text, short, close, kind = (
        "You never listen to me",
        "Listen.",
        "You never listen",
        "I think you could listen, please.",
    )
    candidates = (short, close, kind)
    assert max(candidates, key=lambda one: brief(text, one)) == short
    assert max(candidates, key=lambda one: faithful(text, one)) == close
    assert max(candidates, key=lambda one: courteous(text, one)) == kind
