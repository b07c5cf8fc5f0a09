"""Prompts: checked, and stored once each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import FIRST, Prompt, insert_new, project_of
from app.domain_errors import Invalid
from app.services.prompts import metadata, studio_settings
from app.services.prompts.reservations import counts_of, opinions, wanted_opinions
from app.words import N_, gettext
from models.chat.conversation import MOST_MESSAGES

BATCH = 500
"""The number of rows that one transaction stores."""
KEPT_REFUSALS = 1_000
"""The most rejected rows that are reported with their lines; further ones are only counted."""
MOST_PRIORITY = 1_000_000
MOST_OVERLAP = 20
MOST_WRONG = 10
Turns = Sequence[Mapping[str, str]]
"""The messages of a chat before the last of the user: each has `role` and `content`."""
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))
_NOTHING = ("", "nan", "none", "null", "na", "n/a", "<na>")
"""Words by which programs write that there is no number."""
_NOT_WHOLE = {
    "priority": N_("The priority must be a whole number, not %(value)s."),
    "overlap": N_("The overlap must be a whole number, not %(value)s."),
}
_LONGEST_QUOTED = 40


@dataclass
class ImportReport:
    """The result of an import.

    `added` counts the prompts that were put into the queue: among them are `checks`, and those that enough people have
    `judged` already, here or in the file. `duplicates` counts the rows that were there already, `judgments` those that
    were imported and `judgments_known` those that were here already. `rejected_count` counts the rows that cannot be
    used and `unused_count` the parts of other rows that cannot, such as their judgment; `rejected` has the first
    `KEPT_REFUSALS` of both, each with its line. `systems` counts the rows of an answering project that bring a system
    message: it is kept as metadata, and the desk uses the project's.
    """

    added: int = 0
    checks: int = 0
    judged: int = 0
    duplicates: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    rejected_count: int = 0
    unused_count: int = 0
    judgments: int = 0
    judgments_known: int = 0
    systems: int = 0

    @property
    def waiting(self) -> int:
        """Return by how many prompts that wait for people the queue has grown."""
        return self.added - self.checks - self.judged

    def refuse(self, line: int, reason: str) -> None:
        """Count and report one row that cannot be used."""
        self.rejected_count += 1
        self._list(line, reason)

    def leave_out(self, line: int, reason: str) -> None:
        """Count and report a part of a row that cannot be used, while the rest of the row can."""
        self.unused_count += 1
        self._list(line, reason)

    def _list(self, line: int, reason: str) -> None:
        if len(self.rejected) < KEPT_REFUSALS:
            self.rejected.append({"line": line, "reason": reason})


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A row as it was sent, unchecked."""

    line: int
    text: object
    priority: object = None
    gold: object = None
    gold_wrong: object = None
    overlap: object = None
    metadata: object = None
    turns: Turns = ()
    problem: object = None
    """A sentence that says why the row could not be read, or None."""


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row that can be stored."""

    line: int
    text: str
    priority: int = 0
    gold: str | None = None
    gold_wrong: tuple[str, ...] = ()
    overlap: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    turns: Turns = ()

    @property
    def digest(self) -> str:
        """The digest that its prompt is found by within a project."""
        return digest_of(self.text, self.turns)

    @property
    def system(self) -> str:
        """The system message that the row brings; empty if there is none."""
        told = self.metadata.get("system")
        return told if isinstance(told, str) else ""


def check_text(text: object, longest: int) -> str:
    """Return the text without surrounding white space; raises Invalid if it is empty, too long or not storable."""
    if not isinstance(text, str):
        raise Invalid(gettext("The text must be a string."))
    stripped = text.strip()
    if not stripped:
        raise Invalid(gettext("The text is empty."))
    if len(stripped) > longest:
        raise Invalid(
            gettext(
                "The text has %(number)s characters and may have at most %(most)s.", number=len(stripped), most=longest
            )
        )
    if "\x00" in stripped or any("\ud800" <= character <= "\udfff" for character in stripped):
        raise Invalid(gettext("The text holds characters that cannot be stored."))
    return stripped


def check_row(row: PromptRow, longest: int) -> CheckedRow:
    """Check all fields of a row; raises Invalid about the first that is wrong."""
    if row.problem:
        raise Invalid(str(row.problem))
    text = check_text(row.text, longest)
    priority = check_priority(row.priority)
    gold = None if row.gold in (None, "") else check_text(row.gold, longest)
    wrong = _wrong(row.gold_wrong, gold, longest)
    turns = tuple({"role": turn["role"], "content": check_text(turn["content"], longest)} for turn in row.turns)
    if len(turns) >= MOST_MESSAGES:
        raise Invalid(gettext("A conversation may have at most %(most)s messages.", most=MOST_MESSAGES))
    told = metadata.check(row.metadata)
    return CheckedRow(row.line, text, priority, gold, wrong, check_overlap(row.overlap), told, turns)


def check_priority(value: object) -> int:
    """Return a priority, 0 if none is given; raises Invalid."""
    number = _whole(value, "priority")
    if number is None:
        return 0
    if abs(number) > MOST_PRIORITY:
        raise Invalid(gettext("The priority must be between -%(most)s and %(most)s.", most=MOST_PRIORITY))
    return number


def is_nothing(value: object) -> bool:
    """Tell whether a value stands for no number, in any of the ways in which programs write that."""
    return value is None or str(value).strip().casefold() in _NOTHING


def check_overlap(value: object) -> int | None:
    """Return how many people are to judge a prompt, None if nothing is given; raises Invalid."""
    number = _whole(value, "overlap")
    if number is not None and not 1 <= number <= MOST_OVERLAP:
        raise Invalid(gettext("The overlap must be between 1 and %(most)s.", most=MOST_OVERLAP))
    return number


def find_or_add(session: Session, text: str, source: str, turns: Turns = ()) -> Prompt:
    """Return the prompt that reads like that text after those turns, added in the running transaction if unknown."""
    by_digest = select(Prompt).where(Prompt.sha256 == key_of(session, text, turns))
    known = session.scalar(by_digest.with_for_update(read=True, key_share=True))  # it may just be being deleted
    if known is not None:
        return known
    insert_new(session, Prompt, [_new(session, text, source, turns)], Prompt.sha256)
    return session.scalars(by_digest).one()


def _new(session: Session, text: str, source: str, turns: Turns = ()) -> dict[str, Any]:
    return {"text": text, "turns": list(turns) or None, "sha256": key_of(session, text, turns), "source": source}


def key_of(session: Session, text: str, turns: Turns = ()) -> str:
    """Return the digest of a text after those turns in the session's project.

    In the first project, and without turns, it is that of the text alone.
    """
    return _in_project(session, digest_of(text, turns))


def _in_project(session: Session, digest: str) -> str:
    project = project_of(session)
    return digest if project == FIRST else hashlib.sha256(f"{project} {digest}".encode()).hexdigest()


def check_all(rows: Iterable[PromptRow], longest: int, report: ImportReport) -> list[CheckedRow]:
    """Return the rows that can be used; the others go into the report."""
    usable = []
    for row in rows:
        try:
            usable.append(check_row(row, longest))
        except Invalid as refusal:
            report.refuse(row.line, str(refusal))
    return usable


def store_batch(
    session: Session, rows: Sequence[CheckedRow], source: str, report: ImportReport, import_id: int | None = None
) -> dict[str, Prompt]:
    """Queue the rows, at most `BATCH`, in the running transaction; return the prompts by their digests.

    A prompt that stays as it is, see `unchanged`, is a duplicate; only the metadata that it does not have yet is added
    to it. `import_id` is the import that queues them, if they come from a file.
    """
    asked = {row.digest: row for row in reversed(rows)}
    known = by_digest(session, asked)
    unknown = [row for digest, row in reversed(asked.items()) if digest not in known]
    insert_new(session, Prompt, [_new(session, row.text, source, row.turns) for row in unknown], Prompt.sha256)
    if unknown:
        known |= by_digest(session, asked)
    unchanged_ids = unchanged(session, known.values())
    for row in rows:
        prompt = known[row.digest]
        keep_metadata(prompt, row, report)
        if prompt.queued or prompt.id in unchanged_ids:
            report.duplicates += 1
            continue
        prompt.queued, prompt.retired_at = True, None
        prompt.import_id = import_id
        prompt.priority, prompt.overlap = row.priority, row.overlap
        if row.gold is not None:  # a known check stays one
            prompt.gold_answer, prompt.gold_wrong = row.gold, list(row.gold_wrong) or None
        report.added += 1
        report.checks += prompt.gold_answer is not None
    session.flush()
    return known


def count_judged(session: Session, import_id: int) -> int:
    """Count the prompts that an import queued and that nobody needs to judge, once its judgments are stored."""
    decided = studio_settings.settings(session)
    queued = (Prompt.import_id == import_id, Prompt.gold_answer.is_(None))
    judged = select(func.count()).select_from(Prompt).where(*queued, opinions(Prompt.id) >= wanted_opinions(decided))
    return session.scalar(judged) or 0


def unchanged(session: Session, known: Iterable[Prompt]) -> set[int]:
    """Return the ids of the prompts that an import leaves as they are: those in the queue, and those that are done."""
    known = list(known)
    return {prompt.id for prompt in known if prompt.queued} | done(session, [one for one in known if not one.queued])


def keep_metadata(prompt: Prompt, row: CheckedRow, report: ImportReport) -> None:
    """Add the metadata of a row to its prompt; the report says what the prompt cannot take."""
    prompt.metadata_, problem = metadata.merged(prompt.metadata_, row.metadata)
    if problem:
        report.leave_out(row.line, problem)


def keep_metadata_of(session: Session, rows: Sequence[CheckedRow], report: ImportReport) -> list[CheckedRow]:
    """Add the metadata of rows that were not queued to their prompts; returns the rows with some but no prompt."""
    told = [row for row in rows if row.metadata]
    found = by_digest(session, [row.digest for row in told])
    left = []
    for row in told:
        if row.digest in found:
            keep_metadata(found[row.digest], row, report)
        else:
            left.append(row)
    return left


def by_text(session: Session, texts: Iterable[str]) -> dict[str, Prompt]:
    """Return those prompts without turns that exist already, by the texts that were asked for."""
    digests = {text: digest_of(text) for text in texts}
    found = by_digest(session, digests.values())
    return {text: found[digest] for text, digest in digests.items() if digest in found}


def by_digest(session: Session, digests: Iterable[str]) -> dict[str, Prompt]:
    """Return those prompts that exist already, by the digests of their texts and turns."""
    keys = {_in_project(session, digest): digest for digest in digests}
    return {keys[one.sha256]: one for one in session.scalars(select(Prompt).where(Prompt.sha256.in_(keys)))}


def digest_of(text: str, turns: Turns = ()) -> str:
    """Return the SHA-256 that a prompt's text after those turns is found by, the same for texts that read the same.

    These may differ in their line ends, in how accents are composed, and in marks that take no place: zero-width
    spaces, word joiners and byte order marks. The migration of 29 November 2026 has the same rule.
    """
    if not text.isascii() or "\r" in text:
        plain = normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNSEEN)).strip()
        text = plain or text
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not turns:
        return digest
    said = json.dumps([[turn["role"], turn["content"]] for turn in turns])
    return hashlib.sha256(f"{said} {digest}".encode()).hexdigest()


def done(session: Session, prompts: Sequence[Prompt]) -> set[int]:
    """Return the ids of the prompts that need no more judgments."""
    if not prompts:
        return set()
    counts = counts_of(session, [prompt.id for prompt in prompts])
    usual = studio_settings.settings(session).overlap
    return {prompt.id for prompt in prompts if counts.get(prompt.id, (0, 0))[0] >= (prompt.overlap or usual)}


def not_whole(name: str, value: str) -> str:
    """Return the sentence about a priority or an overlap that is no whole number."""
    return gettext(_NOT_WHOLE[name], value=repr(value[:_LONGEST_QUOTED]))


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
    raise Invalid(not_whole(name, said))


def _wrong(value: object, gold: str | None, longest: int) -> tuple[str, ...]:
    """Read the wrong texts of an attention check: a list, a JSON list, or one text separated by |."""
    texts = tuple(check_text(one, longest) for one in _listed(value))
    if texts and gold is None:
        raise Invalid(gettext("Wrong rewrites need the right one beside them."))
    if gold in texts or len(set(texts)) < len(texts):
        raise Invalid(gettext("The rewrites of an attention check must all be different."))
    if len(texts) > MOST_WRONG:
        raise Invalid(gettext("An attention check has at most %(most)s wrong rewrites.", most=MOST_WRONG))
    return texts


def _listed(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        if value is None:
            return []
        raise Invalid(gettext("The wrong rewrites must be a list of texts."))
    if value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            return found
    return [part for part in value.split("|") if part.strip()]
