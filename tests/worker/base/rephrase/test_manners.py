"""The manner of a rewrite is what anyone can count in it, and a rule writes another one only where that is safe."""

import pytest

from worker.base.rephrase.manners import manners_of, rewritten

SOURCE = "shut up, you idiot, you never know when to stop talking"


@pytest.mark.parametrize(
    ("rewrite", "manner"),
    [
        ("stop talking", "brief"),
        ("perhaps you talk too often and too long for us", "gentle"),
        ("Everybody would appreciate considerably shorter speeches.", "formal"),
        ("there is too much talk for all of us here", "without-you"),
        ("you do not know when to be quiet, come to an end!", "lively"),
        ("do you know when to stop talking to everybody?", "question"),
        ("I am upset when you go on talking like that", "explanation"),
    ],
)
def test_a_rewrite_has_the_manner_that_it_shows(rewrite: str, manner: str) -> None:
    assert manner in manners_of(SOURCE, rewrite)
    assert manner not in manners_of(SOURCE, SOURCE)


def test_what_the_source_has_already_is_no_manner_of_the_rewrite() -> None:
    assert "question" not in manners_of("why are you so dumb?", "why do you not know that?")
    assert "gentle" not in manners_of("please shut up, idiot", "please be quiet")
    assert "without-you" not in manners_of("he is a damn liar", "he does not tell the truth")


@pytest.mark.parametrize(
    ("manner", "rewrite", "made"),
    [
        ("gentle", "your idea is not good", "I think your idea is not good."),
        ("gentle", "please be quiet", "Please be quiet, if possible."),
        ("formal", "Everybody doesn't understand you’re talking", "Everybody does not understand you are talking."),
        ("without-you", "you are wrong", "That is wrong."),
        ("without-you", "Your idea is not good.", "The idea is not good."),
        ("lively", "Please be quiet.", "Come on, please be quiet!"),
        ("question", "Please be quiet.", "Could you be quiet?"),
        ("question", "He was being unfair to the others.", "Was he being unfair to the others?"),
        ("explanation", "Please be quiet.", "I would like you to be quiet."),
        ("explanation", "They were late.", "What I mean is that they were late."),
    ],
)
def test_a_rule_writes_another_manner(manner: str, rewrite: str, made: str) -> None:
    assert rewritten(manner, SOURCE, rewrite) == made


@pytest.mark.parametrize(
    ("manner", "rewrite"),
    [
        ("question", "You are not very smart."),
        ("question", "I am going home."),
        ("question", "He was late because it rained."),
        ("lively", "How would you know?"),
        ("without-you", "You are my friend."),
        ("gentle", "I do not like this."),
        ("brief", "They were late."),
    ],
)
def test_no_rule_writes_what_would_mean_something_else(manner: str, rewrite: str) -> None:
    assert rewritten(manner, SOURCE, rewrite) is None
