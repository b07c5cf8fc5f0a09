"""Texts to rewrite: checked, and stored once each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt
from app.errors import Invalid
from app.services.prompts import policy

BATCH = 500
"""How many rows one transaction stores."""
KEPT_REFUSALS = 1_000
"""So many rows that cannot be used are named with their lines; the others are only counted."""
MOST_PRIORITY = 1_000_000
MOST_OVERLAP = 20
_MOST_WRONG = 10
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))
_NOTHING = ("", "nan", "none", "null", "na", "n/a", "<na>")
"""How programs write that there is no number."""


@dataclass
class ImportReport:
    """What became of an import.

    `added` counts the prompts that are new in the queue, `duplicates` the rows that were there already, `judgments`
    those that came along. `rejected` has the first `KEPT_REFUSALS` rows that cannot be used, each with its line.
    """

    added: int = 0
    duplicates: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    rejected_count: int = 0
    judgments: int = 0

    def refuse(self, line: int, reason: str) -> None:
        """One row that cannot be used."""
        self.rejected_count += 1
        if len(self.rejected) < KEPT_REFUSALS:
            self.rejected.append({"line": line, "reason": reason})


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A row as it was sent, nothing checked."""

    line: int
    text: object
    priority: object = None
    gold: object = None
    gold_wrong: object = None
    overlap: object = None
    problem: object = None
    """Why nothing of the row could be read, as a sentence."""


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row that can be stored."""

    line: int
    text: str
    priority: int = 0
    gold: str | None = None
    gold_wrong: tuple[str, ...] = ()
    overlap: int | None = None


def check_text(text: object, longest: int) -> str:
    """The text without surrounding white space; raises Invalid if it is empty, too long or not storable."""
    if not isinstance(text, str):
        raise Invalid("The text must be a string.")
    stripped = text.strip()
    if not stripped:
        raise Invalid("The text is empty.")
    if len(stripped) > longest:
        raise Invalid(f"The text has {len(stripped)} characters and may have at most {longest}.")
    if "\x00" in stripped or any("\ud800" <= character <= "\udfff" for character in stripped):
        raise Invalid("The text holds characters that cannot be stored.")
    return stripped


def check_row(row: PromptRow, longest: int) -> CheckedRow:
    """The row, all of it usable; raises Invalid with a sentence about the first thing that is not."""
    if row.problem:
        raise Invalid(str(row.problem))
    text = check_text(row.text, longest)
    priority = check_priority(row.priority)
    gold = None if row.gold in (None, "") else check_text(row.gold, longest)
    return CheckedRow(row.line, text, priority, gold, _wrong(row.gold_wrong, gold, longest), check_overlap(row.overlap))


def check_priority(value: object) -> int:
    """A priority, 0 if nothing is given; raises Invalid."""
    number = _whole(value, "priority")
    if number is None:
        return 0
    if abs(number) > MOST_PRIORITY:
        raise Invalid(f"The priority must be between -{MOST_PRIORITY} and {MOST_PRIORITY}.")
    return number


def is_nothing(value: object) -> bool:
    """Whether a value stands for no number, in any of the ways in which programs write that."""
    return value is None or str(value).strip().casefold() in _NOTHING


def check_overlap(value: object) -> int | None:
    """How many people are to judge a prompt, None if nothing is given; raises Invalid."""
    number = _whole(value, "overlap")
    if number is not None and not 1 <= number <= MOST_OVERLAP:
        raise Invalid(f"The overlap must be between 1 and {MOST_OVERLAP}.")
    return number


def find_or_add(session: Session, text: str, source: str) -> Prompt:
    """Return the prompt that reads like that text, new in the running transaction if it is unknown."""
    digest = digest_of(text)
    prompt = session.scalar(select(Prompt).where(Prompt.sha256 == digest))
    if prompt is None:
        prompt = Prompt(text=text, sha256=digest, source=source)
        session.add(prompt)
        session.flush()
    return prompt


def check_all(rows: Iterable[PromptRow], longest: int, report: ImportReport) -> list[CheckedRow]:
    """The usable ones of the rows; the others go into the report."""
    usable = []
    for row in rows:
        try:
            usable.append(check_row(row, longest))
        except Invalid as refusal:
            report.refuse(row.line, str(refusal))
    return usable


def store_batch(session: Session, rows: Sequence[CheckedRow], source: str, report: ImportReport) -> dict[str, Prompt]:
    """Queue the rows in the running transaction, `BATCH` of them at most; returns the prompts by their texts.

    A text that waits already, or that has been judged by as many people as asked for, stays as it is: a duplicate.
    """
    known = by_text(session, [row.text for row in rows])
    done = _done(session, [prompt for prompt in known.values() if not prompt.queued])
    by_digest = {prompt.sha256: prompt for prompt in known.values()}
    for row in rows:
        digest = digest_of(row.text)
        prompt = by_digest.get(digest)
        if prompt is not None and (prompt.queued or prompt.id in done):
            known[row.text] = prompt
            report.duplicates += 1
            continue
        if prompt is None:
            prompt = by_digest[digest] = Prompt(text=row.text, sha256=digest, source=source)
            session.add(prompt)
        known[row.text] = prompt
        prompt.queued, prompt.priority, prompt.overlap = True, row.priority, row.overlap
        if row.gold is not None:  # a known check stays one
            prompt.gold_answer, prompt.gold_wrong = row.gold, list(row.gold_wrong) or None
        report.added += 1
    session.flush()
    return known


def by_text(session: Session, texts: Iterable[str]) -> dict[str, Prompt]:
    """Return those prompts that exist already, by the texts that were asked for."""
    digests = {text: digest_of(text) for text in texts}
    stored = session.scalars(select(Prompt).where(Prompt.sha256.in_(set(digests.values()))))
    found = {prompt.sha256: prompt for prompt in stored}
    return {text: found[digest] for text, digest in digests.items() if digest in found}


def digest_of(text: str) -> str:
    """Return the SHA-256 that a prompt's text is found by, the same for texts that read the same.

    These may differ in their line ends, in how accents are composed, and in marks that take no place: zero-width
    spaces, word joiners and byte order marks. The migration of 29 November 2026 has the same rule.
    """
    if not text.isascii() or "\r" in text:
        plain = normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNSEEN)).strip()
        text = plain or text
    return hashlib.sha256(text.encode()).hexdigest()


def _done(session: Session, prompts: Sequence[Prompt]) -> set[int]:
    """Which of the prompts need no more judgments."""
    if not prompts:
        return set()
    judged = session.execute(
        select(Generation.prompt_id, func.count(Judgment.user_id.distinct()).label("people"))
        .join(Judgment, Judgment.generation_id == Generation.id)
        .where(
            Generation.prompt_id.in_([prompt.id for prompt in prompts]),
            ~Generation.gold,
            Judgment.undone_at.is_(None),
        )
        .group_by(Generation.prompt_id)
    )
    people = {row.prompt_id: row.people for row in judged}
    usual = policy.settings(session).overlap
    return {prompt.id for prompt in prompts if people.get(prompt.id, 0) >= (prompt.overlap or usual)}


def _whole(value: object, name: str) -> int | None:
    """A whole number, also as the 5.0 of programs that know no other numbers; None if nothing is given."""
    if is_nothing(value):
        return None
    said = str(value).strip()
    try:
        return int(said)
    except ValueError:
        with suppress(ValueError, OverflowError):
            if float(said).is_integer() and "_" not in said:
                return int(float(said))
    raise Invalid(f"The {name} must be a whole number, not {said[:40]!r}.")


def _wrong(value: object, gold: str | None, longest: int) -> tuple[str, ...]:
    """The wrong answers of an attention check: a list, a JSON list, or one text with | between them."""
    texts = tuple(check_text(one, longest) for one in _listed(value))
    if texts and gold is None:
        raise Invalid("Wrong answers need the right one beside them.")
    if gold in texts or len(set(texts)) < len(texts):
        raise Invalid("The answers of an attention check must all be different.")
    if len(texts) > _MOST_WRONG:
        raise Invalid(f"An attention check has at most {_MOST_WRONG} wrong answers.")
    return texts


def _listed(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        if value is None:
            return []
        raise Invalid("The wrong answers must be a list of texts.")
    if value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            return found
    return [part for part in value.split("|") if part.strip()]
