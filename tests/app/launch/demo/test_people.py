"""The simulated people: what they say can be stored, they keep to it, and they agree more than by chance."""

from __future__ import annotations

from itertools import combinations

import pytest

from app.launch.demo.people import PEOPLE, Reader, brief, courteous, faithful, judgment
from app.services.desk.judgment_request import JudgmentRequest
from app.services.prompts import samples

REWRITES = {
    "Your code is garbage, did you even run it once?": (
        "Your code is not very good, did you even run it once?",
        "Your code is disappointing, did you even run it once?",
        "Your code is bad, did you even run it once?",
    ),
    "Nobody cares about your stupid vacation photos.": (
        "Please cares about your vacation photos.",
        "Nobody cares about your vacation photos.",
        "I do not care about your vacation photos.",
    ),
    "That was the worst meal I ever paid for, you useless cook.": (
        "That was the worst meal I ever paid for.",
        "That was the worst meal I ever paid for, cook.",
        "That was the worst meal I ever paid for, you cook.",
    ),
    "Whoever wrote this manual is a moron.": (
        "Whoever wrote this manual is wrong.",
        "Whoever wrote this manual is not smart.",
        "Whoever wrote this manual is a bad person.",
    ),
    "Shut up and let somebody with a brain talk.": (
        "Let somebody with a brain talk.",
        "Let somebody with a talk",
        "Let's talking and let somebody with a brain talk",
    ),
    "Your dog is as badly behaved as you are, you jerk.": (
        "Your dog is very as badly behaved as you are.",
        "Your dog is very bad.",
        "Your dog is as badly behaved as you are.",
    ),
    "How dumb do you have to be to delete the whole folder?": (
        "How do you have to delete the whole folder?",
        "How you do you have to delete the whole folder?",
        "I do you have to delete the whole folder?",
    ),
    "Get lost, your opinion is worthless here.": (
        "Your opinion is not doing well.",
        "Your opinion is not very helpful.",
        "Your opinion is not good here.",
    ),
    "What a pathetic excuse for a customer service.": (
        "What a bad excuse for customer service.",
        "What an excuse for a customer service.",
        "What an unpleasant excuse for a customer service.",
    ),
    "The referee is blind and stupid.": (
        "The referee is blind and not smart.",
        "The referee is unpleasant.",
        "The referee is wrong.",
    ),
    "These lazy bums left the kitchen filthy again.": (
        "These people left the kitchen unwise again.",
        "These lazy left the kitchen people again.",
        "These people left the kitchencent again.",
    ),
    "The update broke everything, are you people incompetent?": (
        "The update broke everything, are you people unsuitable?",
        "The update broke everything, are you?",
        "The update broke everything, are you people?",
    ),
}
"""Of some sample texts, what the embedded checkpoint made of them."""

SCREENS = [
    {
        "id": number,
        "text": text,
        "candidates": [{"id": 10 * number + place, "text": rewrite} for place, rewrite in enumerate(rewrites)],
    }
    for number, (text, rewrites) in enumerate(REWRITES.items(), start=1)
]


@pytest.mark.parametrize("reader", PEOPLE, ids=lambda reader: reader.name)
def test_what_somebody_says_can_be_stored_and_stays_the_same(reader: Reader) -> None:
    verdicts = set()
    for text in samples.texts():
        screen = SCREENS[5] | {"text": text}
        said = judgment(reader, screen)
        verdicts.add(JudgmentRequest.parse(said, longest_text=1000).verdict)
        assert said == judgment(reader, screen)
        assert said["seconds"] > 1, "what comes more quickly teaches nothing"
    assert {"chosen", "skipped", "edited" if reader.writes else "tie"} <= verdicts


def test_they_agree_more_often_than_by_chance_and_not_always() -> None:
    for one, other in combinations(PEOPLE, 2):
        both = [(judgment(one, screen), judgment(other, screen)) for screen in SCREENS]
        chosen = [(a, b) for a, b in both if a["verdict"] == b["verdict"] == "chosen"]
        agreed = sum(a["candidate_id"] == b["candidate_id"] for a, b in chosen)
        assert len(chosen) / 2 < agreed < len(chosen), (one.name, other.name)


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
