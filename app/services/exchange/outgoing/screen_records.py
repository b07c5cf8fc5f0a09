"""What several people said of the same texts, as a record of Label Studio's and of Argilla's schema."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from app.db import Verdict
from app.services.exchange.incoming.beside import METADATA
from app.services.exchange.judged_screens import Card, JudgedScreen, People, Person
from models.formats.annotations import PROMPT_MESSAGES
from models.formats.files.column_names import TEXT_NAMES
from models.formats.schemas.argilla import MORE
from models.formats.schemas.conversation import said_by_user

EDITED = "edited"
"""The name of a text that was written by hand, among those of the cards."""
Record = dict[str, Any]
Screens = Sequence[JudgedScreen]
"""Judgments of several people of the same texts, one of each person; the cards may have stood in another order."""
_READ_AS_TEXTS = frozenset({*TEXT_NAMES, "candidates"})
_OF_RESPONSES = frozenset({"judgment", "verdict", "person", MORE, PROMPT_MESSAGES})


def labelstudio(screens: Screens, people: People) -> Record:
    """A task for a `<List name="candidates">` ranked by a `<Ranker name="rank" toName="candidates">`.

    Each judgment is an annotation; a skip is a cancelled one. Metadata whose name could be taken for that of a text is
    in `meta`, the rest in `data`.
    """
    first = screens[0]
    candidates = [{"id": name, "body": text} for name, text in _named_texts(first, "c")]
    told = first.metadata or {}
    apart = {name: value for name, value in told.items() if name.casefold() in _READ_AS_TEXTS}
    beside = {name: value for name, value in told.items() if name not in apart}
    return {
        "id": first.screen_id,
        "data": {**beside, "prompt": _shown(first), "candidates": candidates, **_conversation(first)},
        **({"meta": apart} if apart else {}),
        "annotations": [_annotation(first, screen, people) for screen in screens],
    }


def argilla(screens: Screens, people: People) -> Record:
    """A record of Argilla's client whose question `ranking` ranks the response fields; those not best share rank 2.

    What has no ranking, a skip and "none is good", is a discarded response. The metadata hold those of the prompt, and
    what a response has no place for, in the order of the responses.
    """
    first = screens[0]
    told = first.metadata or {}
    more = [_more(first, screen) for screen in screens]
    return {
        "id": str(first.screen_id),
        "fields": {"prompt": _shown(first), **dict(_named_texts(first, "response-"))},
        METADATA: {
            **{f"prompt.{name}" if name in _OF_RESPONSES else name: value for name, value in told.items()},
            "judgment": [people.key(screen.key) for screen in screens],
            "verdict": [screen.verdict for screen in screens],
            "person": [people[screen.who].name for screen in screens],
            **({MORE: more} if any(more) else {}),
            **{name: json.dumps(said, ensure_ascii=False) for name, said in _conversation(first).items()},
        },
        "responses": {"ranking": [_response(first, screen, people[screen.who]) for screen in screens]},
    }


def _shown(screen: JudgedScreen) -> str:
    """Return the prompt as people read it: the text, after who said what before."""
    if not screen.turns:
        return screen.prompt
    said = [f"{turn['role'].title()}: {turn['content']}" for turn in [*screen.turns, *said_by_user(screen.prompt)]]
    return "\n\n".join(said)


def _conversation(screen: JudgedScreen) -> Record:
    """Return the field with the conversation that is asked; none in a rewriting project."""
    return {} if screen.conversation is None else {PROMPT_MESSAGES: screen.conversation}


def _annotation(first: JudgedScreen, screen: JudgedScreen, people: People) -> Record:
    person = people[screen.who]
    best, others = _sides(first, screen, "c")
    skipped = screen.verdict == Verdict.SKIPPED
    result = {
        "id": f"rank-{screen.id}",
        "type": "ranker",
        "from_name": "rank",
        "to_name": "candidates",
        "value": {"ranker": {"chosen": best, "rejected": others}},
    }
    moment = screen.created_at.isoformat()
    return {
        "id": screen.id,
        "completed_by": person.number,
        "created_username": person.name,
        "created_at": moment,
        "updated_at": moment,
        "lead_time": screen.seconds,
        "was_cancelled": skipped,
        "ground_truth": screen.decision,
        "result": [] if skipped else [result],
        "judgment": people.key(screen.key),
        "verdict": screen.verdict,
        **({"ranking": [*best, *others]} if _is_ranked(screen) else {}),
        **_beside(first, screen, "c"),
    }


def _beside(first: JudgedScreen, screen: JudgedScreen, prefix: str) -> Record:
    """What was said beside the verdict: remarks on cards, by their names, and the comment; only what there is."""
    remarks = [
        {
            "candidate": name,
            **({} if card.rating is None else {"rating": card.rating}),
            **({"tags": list(card.tags)} if card.tags else {}),
        }
        for name, card in _named_cards(first, screen, prefix)
        if card.rating is not None or card.tags
    ]
    return {**({"remarks": remarks} if remarks else {}), **({"comment": screen.comment} if screen.comment else {})}


def _more(first: JudgedScreen, screen: JudgedScreen) -> str:
    """The same and whether it is a decision, as JSON for a field that holds a text; empty where there is nothing."""
    said = _beside(first, screen, "response-") | ({"decision": True} if screen.decision else {})
    return json.dumps(said, ensure_ascii=False) if said else ""


def _is_ranked(screen: JudgedScreen) -> bool:
    return any(card.place for card in screen.cards)


def _response(first: JudgedScreen, screen: JudgedScreen, person: Person) -> Record:
    best, others = _sides(first, screen, "response-")
    ranking = [{"value": name, "rank": rank} for rank, side in ((1, best), (2, others)) for name in side]
    if _is_ranked(screen):
        ranking = [{"value": name, "rank": rank} for rank, name in enumerate([*best, *others], start=1)]
    ranked = screen.verdict not in (Verdict.SKIPPED, Verdict.NONE)
    return {
        "value": ranking if ranked else None,
        "user_id": str(person.uuid),
        "status": "submitted" if ranked else "discarded",
    }


def _named_texts(screen: JudgedScreen, prefix: str) -> list[tuple[str, str]]:
    """The texts that are judged: the cards by their places on the screen, and what was written instead of them."""
    cards = [(f"{prefix}{place}", card.text) for place, card in enumerate(screen.cards, start=1)]
    return cards if screen.edited is None else [*cards, (EDITED, screen.edited)]


def _sides(first: JudgedScreen, screen: JudgedScreen, prefix: str) -> tuple[list[str], list[str]]:
    """The names of the texts said to be best and of the others, by the cards of the first of the screens.

    Each side is in the order in which the person ranked the texts, or else in the one in which they saw them.
    """
    named = sorted(_named_cards(first, screen, prefix), key=lambda one: one[1].place or 0)
    best = [name for name, card in named if card.best]
    return (best if screen.edited is None else [EDITED]), [name for name, card in named if not card.best]


def _named_cards(first: JudgedScreen, screen: JudgedScreen, prefix: str) -> list[tuple[str, Card]]:
    """The cards as the person saw them, with the names that their texts have on the first of the screens."""
    free: dict[str, list[str]] = defaultdict(list)
    for place, card in reversed(list(enumerate(first.cards, start=1))):
        free[card.text].append(f"{prefix}{place}")
    return [(free[card.text].pop(), card) for card in screen.cards]
