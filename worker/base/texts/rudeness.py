"""A small grammar of insults over neutral sentences, more varied than any one corpus.

ParaDetox teaches which words people delete, but mostly where deleting them is enough. Here insults also stand where
something must replace them: as the noun for a person ("that idiot" → "he"), as a predicate ("is a moron" → "is not very
smart"), as a verb ("stop screwing it up" → "stop getting it wrong"). Every rule gives the polite side too. The words
were chosen for this project.
"""

import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from worker.base.texts.held_out import Pair, unmeasured

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _alternatives(text: str) -> list[str]:
    return [one.strip() for one in text.replace("\n", " ").split("|")]


_ADJECTIVES, _PEOPLE, _STUFF = (_alternatives(_WORDS[name]) for name in ("adjectives", "people", "stuff"))
_CURSES, _ATTACKS, _LEADS = (_alternatives(_WORDS[name]) for name in ("curses", "attacks", "leads"))
_SINGULAR, _PLURAL, _THINGS = (_alternatives(_WORDS[name]) for name in ("subjects", "plural_subjects", "things"))
_SAID_OF_PEOPLE, _SAID_OF_THINGS = (_alternatives(_WORDS[name]) for name in ("said_of_people", "said_of_things"))
_ACTS, _DID = (_alternatives(_WORDS[name]) for name in ("acts", "did"))
_DETERMINERS, _NO_NOUNS = (frozenset(_alternatives(_WORDS[name])) for name in ("determiners", "no_nouns"))
_SWAPS = {word: _alternatives(rude) for word, rude in _WORDS["swaps"].items()}
_VOWEL = re.compile(r"[aeiou]", re.IGNORECASE)


def _article(word: str) -> str:
    return "an" if _VOWEL.match(word) else "a"


def _fill(pattern: str, rng: random.Random) -> str:
    return pattern.format(p=rng.choice(_PEOPLE), a=rng.choice(_ADJECTIVES), s=rng.choice(_STUFF))


def name_called(rng: random.Random) -> str:
    """Draw an insult for one person, without an article: an insulting noun, often with an adjective or two."""
    adjectives = rng.choices(_ADJECTIVES, k=rng.choice([0, 0, 1, 1, 2]))
    return ", ".join([*adjectives[:-1], " ".join([*adjectives[-1:], rng.choice(_PEOPLE)])])


def rude_words(text: str, rng: random.Random) -> str:
    """Replace one or two plain words of the text by rude ones, or put an adjective before a noun, or both."""
    words = text.split(" ")
    places = [place for place, word in enumerate(words) if word.lower() in _SWAPS]
    for place in rng.sample(places, min(len(places), rng.choice([1, 1, 2]))):
        words[place] = _fill(rng.choice(_SWAPS[words[place].lower()]), rng)
    nouns = [
        place
        for place in range(1, len(words))
        if words[place - 1].lower() in _DETERMINERS and words[place].isalpha() and words[place].lower() not in _NO_NOUNS
    ]
    if nouns and (not places or rng.random() < 0.5):
        place = rng.choice(nouns)
        adjective = " ".join(rng.choices(_ADJECTIVES, k=rng.choice([1, 1, 1, 2])))
        if words[place - 1].lower() in {"a", "an"}:
            words[place - 1] = _article(adjective)
        words[place] = f"{adjective} {words[place]}"
    return " ".join(words)


def outburst(text: str, rng: random.Random) -> str:
    """Put an insult, a curse or an attack before or after the text."""
    kind = rng.random()
    if kind < 0.45:
        added = rng.choice(["you ", "you ", "you fucking ", ""]) + name_called(rng)
    elif kind < 0.75:
        added = rng.choice(_ATTACKS)
    else:
        added = rng.choice(_CURSES)
    if rng.random() < 0.3 and kind < 0.75:
        added = f"{added} and {rng.choice(_ATTACKS)}"
    if rng.random() < 0.5:
        return f"{added}{rng.choice([', ', ' , ', '! ', ' ! ', '. ', ' '])}{text}"
    ending = rng.choice(["", "", " !", "!", " .", "."])
    return f"{text.rstrip(' .!')}{rng.choice([', ', ' , ', ' ', '. ', ' . '])}{added}{ending}"


def _about_people(rng: random.Random) -> Pair:
    subject = rng.choice(_SINGULAR + _PLURAL)
    verb = "are" if subject in _PLURAL else "is"
    if rng.random() < 0.15:
        verb = {"are": "were", "is": "was"}[verb]
    said = rng.choice(_SAID_OF_PEOPLE)
    if subject in _PLURAL:
        said = said.replace("a good person", "kind").replace("a difficult person", "difficult")
    polite = f"{subject} {verb} {said}"
    kind = rng.random()
    if kind < 0.35:
        insult = " and ".join(dict.fromkeys(rng.choices(_ADJECTIVES, k=rng.choice([1, 1, 2]))))
        toxic = f"{subject} {verb} {rng.choice(['', 'so ', 'just ', 'fucking ', 'really '])}{insult}"
    elif verb in {"are", "were"} and subject != "you":
        toxic = (
            f"{subject} {verb} {rng.choice(['', 'all ', 'a bunch of ', 'nothing but ', 'such '])}{name_called(rng)}s"
        )
    else:
        insult = name_called(rng)
        article = rng.choice([_article(insult), _article(insult), "such a", "a total", "a complete"])
        toxic = f"{subject} {verb} {article} {insult}"
    return toxic, polite


def _about_things(rng: random.Random) -> Pair:
    thing, tail = rng.choice(_THINGS), rng.choice(["", "", "", " to me", " for everyone", " again"])
    insult = rng.choice([
        *_STUFF, *rng.choices(_ADJECTIVES, k=4), "a piece of " + rng.choice(_STUFF), "a load of " + rng.choice(_STUFF),
        "total " + rng.choice(_STUFF), "as dumb as it gets", "fucked up",
    ])  # fmt: skip
    if rng.random() < 0.12:
        return f"{thing} {rng.choice(['sucks', 'fucking sucks', 'sucks ass', 'blows', 'stinks'])}{tail}", (
            f"{thing} is {rng.choice(_SAID_OF_THINGS)}{tail}"
        )
    return f"{thing} is {insult}{tail}", f"{thing} is {rng.choice(_SAID_OF_THINGS)}{tail}"


def _what_people(rng: random.Random) -> Pair:
    insult = name_called(rng)
    if rng.random() < 0.5:
        return f"what {_article(insult)} {insult}", rng.choice(
            ["what an unpleasant person", "this person is not nice", "that was not smart", "what a strange person"]
        )
    subject = rng.choice(["this", "that", "that", "the", "only", "your"])
    if subject == "only":
        return (
            f"only {_article(insult)} {insult} would {(act := rng.choice(_ACTS))}",
            f"only an unwise person would {act}",
        )
    return (
        f"{subject} {insult} {(act := rng.choice(_DID))}",
        f"{rng.choice(['this person', 'that person', 'he', 'she'])} {act}",
    )


_REMARKS: list[tuple[float, Callable[[random.Random], Pair]]] = [
    (0.6, _about_people),
    (0.22, _about_things),
    (0.18, _what_people),
]


def remark(rng: random.Random) -> Pair:
    """Draw a rude remark about somebody or something and a polite version of it, sometimes with a few words before.

    A version is tested on neither.
    """
    return unmeasured(_remark, rng)


def _remark(rng: random.Random) -> Pair:
    toxic, polite = rng.choices([make for _, make in _REMARKS], [weight for weight, _ in _REMARKS])[0](rng)
    if rng.random() < 0.35:
        lead = rng.choice(_LEADS).strip()
        toxic, polite = f"{lead} {toxic}", f"{lead} {polite}"
    end = rng.choice(["", " .", ".", "!", " !"])
    plain_end = end.replace("!", ".")
    if rng.random() < 0.5:
        toxic, polite = toxic[0].upper() + toxic[1:], polite[0].upper() + polite[1:]
    return toxic + end, polite + plain_end
