"""Personal details and evaluation texts in what is exported: counted, and masked or left out if that is wanted.

A judgment is looked at as a whole, in all texts that the file would hold of it, and stays or goes as a whole: half of
one would say something else where the file is imported.
"""

from __future__ import annotations

import secrets
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, TypeVar, get_args

from sqlalchemy.orm import Session

from app.services.exchange import identity
from app.services.exchange.export_formats import Pair
from app.services.exchange.judged_screens import JudgedScreen
from app.services.exchange.outgoing.evaluation_texts import evaluation_texts
from models.formats import Message
from models.texts.personal_details import Kinds, masked, masked_value

Personal = Literal["keep", "mask", "leave-out"]
Evaluation = Literal["keep", "leave-out"]
Reason = Literal["personal", "evaluation", "alike", "format"]
"""Why a judgment is left out: it holds details, it is of a text that versions are tested on, its best text reads like
one of the others once both are masked, or the format cannot hold it."""

Row = TypeVar("Row")
_judgment_id = itemgetter(0)


@dataclass(frozen=True)
class Choices:
    """Says what becomes of personal details, and of evaluation texts and their near-duplicates."""

    personal: Personal = "keep"
    evaluation: Evaluation = "keep"

    @property
    def alter(self) -> bool:
        """Return whether the export may be another one than without them."""
        return self != Choices()


def _no_judgments() -> dict[Reason, array[int]]:
    return {reason: array("q") for reason in get_args(Reason)}


@dataclass
class Tally:
    """Counts of an export as far as it was read.

    `holding` are the judgments with each kind of detail, `places` where a detail was masked, `same` and `near` the
    judgments of texts that versions are tested on and of their near-duplicates. `left_out` are ids.
    """

    judgments: int = 0
    rows: int = 0
    with_details: int = 0
    holding: Kinds = field(default_factory=Counter)
    places: Kinds = field(default_factory=Counter)
    same: int = 0
    near: int = 0
    left_out: dict[Reason, array[int]] = field(default_factory=_no_judgments)


@dataclass(frozen=True)
class Reading:
    """The texts of a judgment with their masked forms, its masked metadata, and how many details of each kind."""

    texts: Mapping[str, str]
    metadata: Any
    kinds: Kinds

    @classmethod
    def of(cls, texts: Iterable[str | None], metadata: Mapping[str, Any] | None) -> Reading:
        """Look at the texts of a judgment; those that are None are none."""
        made: dict[str, str] = {}
        told, kinds = masked_value(metadata)
        for text in texts:
            if text is not None and text not in made:
                made[text], found = masked(text)
                kinds += found
        return cls(made, told, kinds)

    def masked_turns(self, turns: Iterable[Message]) -> list[Message]:
        """Return messages with their masked contents."""
        return [{"role": turn["role"], "content": self.texts[turn["content"]]} for turn in turns]

    def alike(self, one: str, other: str) -> bool:
        """Return whether two texts read alike only once they are masked."""
        return one != other and self.texts[one] == self.texts[other]


class Redactor:
    """Lets the judgments of one export pass as they are, masks them or leaves them out, and counts them."""

    def __init__(self, session: Session, choices: Choices) -> None:
        self.choices = choices
        self.tally = Tally()
        self._tested = evaluation_texts(session)
        self._secret = secrets.token_bytes(32)

    def pairs(self, found: Iterable[Pair]) -> Iterator[Pair]:
        """Yield the pairs that stay; those of a judgment come one after the other."""
        for judgment_id, group in groupby(found, key=_judgment_id):
            rows = list(group)
            texts = (text for row in rows for text in (*row[1:4], *(one["content"] for one in row.before or ())))
            reading = Reading.of(texts, rows[0].metadata)
            alike = any(reading.alike(row.chosen, row.rejected) for row in rows)
            if self._stays(judgment_id, rows[0].prompt, reading, alike):
                yield from (self._masked_pair(row, reading) for row in rows) if self._masks(reading) else rows

    def screens(self, found: Iterable[JudgedScreen], *, whole: bool) -> Iterator[JudgedScreen]:
        """Yield the judgments that stay; `whole` says that the file holds their reasons and sources, too."""
        for screen in found:
            reading = read(screen, whole=whole)
            best = [card.text for card in screen.cards if card.best] if screen.edited is None else [screen.edited]
            others = [card.text for card in screen.cards if not card.best]
            alike = any(reading.alike(one, other) for one in best for other in others)
            if self._stays(screen.id, screen.prompt, reading, alike):
                yield self._masked_screen(screen, reading, whole) if self._masks(reading) else screen

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows of the file."""
        for row in rows:
            self.tally.rows += 1
            yield row

    def leave_out(self, reason: Reason, judgment_id: int) -> None:
        """Note that a judgment, or one of its pairs, is not in the file."""
        noted = self.tally.left_out[reason]
        if not noted or noted[-1] != judgment_id:
            noted.append(judgment_id)

    def _stays(self, judgment_id: int, prompt: str, reading: Reading, alike: bool) -> bool:
        tally, tested = self.tally, self._tested.like(prompt)
        tally.judgments += 1
        tally.with_details += bool(reading.kinds)
        tally.holding.update(reading.kinds.keys())
        tally.same += tested is not None and tested.same
        tally.near += tested is not None and not tested.same
        if reading.kinds and self.choices.personal == "leave-out":
            self.leave_out("personal", judgment_id)
        elif tested and self.choices.evaluation == "leave-out":
            self.leave_out("evaluation", judgment_id)
        elif alike and self.choices.personal == "mask":
            self.leave_out("alike", judgment_id)
        else:
            return True
        return False

    def _masks(self, reading: Reading) -> bool:
        wanted = self.choices.personal == "mask" and bool(reading.kinds)
        if wanted:
            self.tally.places += reading.kinds
        return wanted

    def _key(self, key: str) -> str:
        """Return the key of a masked judgment, which must not betray what was masked to whoever tries texts."""
        return identity.blinded(key, self._secret)

    def _masked_pair(self, row: Pair, reading: Reading) -> Pair:
        prompt, chosen, rejected = (reading.texts[text] for text in row[1:4])
        return row._replace(
            prompt=prompt,
            chosen=chosen,
            rejected=rejected,
            key=self._key(row.key),
            metadata=reading.metadata,
            before=None if row.before is None else reading.masked_turns(row.before),
        )

    def _masked_screen(self, screen: JudgedScreen, reading: Reading, whole: bool) -> JudgedScreen:
        texts = reading.texts
        made = replace(
            screen,
            key=self._key(screen.key),
            decided_by=None if screen.decided_by is None else self._key(screen.decided_by),
            prompt=texts[screen.prompt],
            cards=tuple(
                card._replace(text=texts[card.text], tags=tuple(texts[tag] for tag in card.tags))
                for card in screen.cards
            ),
            comment=None if screen.comment is None else texts[screen.comment],
            edited=None if screen.edited is None else texts[screen.edited],
            metadata=reading.metadata,
            turns=None if screen.turns is None else reading.masked_turns(screen.turns),
            system=texts[screen.system],
        )
        if not whole:
            return made
        return replace(
            made, source=texts[screen.source], reason=None if screen.reason is None else texts[screen.reason]
        )


def read(screen: JudgedScreen, *, whole: bool) -> Reading:
    """Look at the texts of a judgment; `whole` means its reason and its source, too."""
    beside: Sequence[str | None] = (screen.source, screen.reason) if whole else ()
    cards = [text for card in screen.cards for text in (card.text, *card.tags)]
    said = [screen.system, *(turn["content"] for turn in screen.turns or ())]
    return Reading.of((screen.prompt, *said, *cards, screen.edited, screen.comment, *beside), screen.metadata)
