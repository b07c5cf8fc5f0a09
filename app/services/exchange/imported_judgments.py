"""Choices that were made elsewhere, taken over as judgments of whoever imports them, with the name of who made them.

Each becomes a screen whose candidates no version wrote, with the verdict on it and the rows that the verdict yields, so
that training, exports and searches find it like any other. Its key is that of the file, or is made from its content:
the same judgment is stored once, however often its file is imported, and wherever it was made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.db import (
    OFF_THE_CARDS,
    Candidate,
    Generation,
    Judgment,
    Preference,
    Prompt,
    Verdict,
    everything,
    now,
    project_of,
)
from app.services.desk.said import ranked_pairs
from app.services.desk.storing import arranged
from app.services.prompts import prompts
from app.services.prompts.prompts import ImportReport, Turns
from models.formats.annotations import DECISION, NOWHERE, Origin, TextRemark

_NAMESPACE = UUID("4d3f6e0e-5f4b-4c55-9d6f-0d1b6f7f2a61")


@dataclass(frozen=True, slots=True)
class Before:
    """The messages before a prompt: its turns, and the system message that the answers were given under."""

    turns: Turns = field(default=(), hash=False)
    system: str = ""


NOTHING = Before()
"""Nothing before a prompt, as in every rewriting project."""


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A text, what was chosen for it and what was rejected; several chosen ones are equally good.

    `said` is the verdict, where the texts do not tell it: of an edit, the chosen text was written by hand, of a prompt
    that is fine it is the prompt, and of a skip, the rejected ones are what was shown. `ranking` are all texts, the
    best one first, if they were ranked. `nth` counts equal judgments that a record holds, from 0. `line` is where the
    judgment begins in its file. A `decision` is a reviewer's.
    """

    text: str
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]
    said: str = ""
    origin: Origin = NOWHERE
    nth: int = 0
    line: int = 0
    reason: str = ""
    flagged: bool = False
    ranking: tuple[str, ...] = ()
    remarks: tuple[TextRemark, ...] = ()
    comment: str = ""
    decision: bool = False
    before: Before = NOTHING

    @property
    def digest(self) -> str:
        """The digest that the prompt is found by."""
        return prompts.digest_of(self.text, self.before.turns)

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        return Verdict(self.said or (Verdict.TIE if len(self.chosen) > 1 else Verdict.CHOSEN))

    @property
    def key_of_texts(self) -> str:
        """The key that Mellow gave such a judgment before keys held its person; it kept each rejected text once."""
        return _key([self.text, sorted(self.chosen), sorted(set(self.rejected))])

    @property
    def key(self) -> str:
        """The key of the file; else one that equal judgments of one person have and no others, nor any of the desk."""
        if self.origin.key:
            return self.origin.key
        content: list[object] = [self._asked, sorted(self.chosen), sorted(self.rejected)]
        more = [self.origin.person, self.nth, "" if self.verdict in (Verdict.CHOSEN, Verdict.TIE) else self.verdict]
        more += [DECISION] if self.decision else []
        return _key(content + more if any(more) else content)

    @property
    def _asked(self) -> object:
        if self.before == NOTHING:
            return self.text
        return [self.before.system, *([turn["role"], turn["content"]] for turn in self.before.turns), self.text]


def _key(content: list[object]) -> str:
    return f"i-{uuid5(_NAMESPACE, json.dumps(content)).hex}"


@dataclass(frozen=True, slots=True)
class Said:
    """The content of a judgment, here or further up in a file: `best` of the texts, and all that were on the screen."""

    verdict: Verdict
    prompt: str
    best: frozenset[str]
    texts: frozenset[str]

    @classmethod
    def by_judgment(cls, judgment: Judgment) -> Said:
        """Return the content of a stored judgment."""
        cards = {card.id: card.text.strip() for card in judgment.generation.candidates}
        best = {judgment.candidate_id, *(judgment.tied or (cards if judgment.verdict == Verdict.TIE else ()))}
        chosen = frozenset(text for number, text in cards.items() if number in best)
        if judgment.verdict == Verdict.EDITED and judgment.edited_text is not None:
            chosen = frozenset([judgment.edited_text.strip()])
        if judgment.verdict == Verdict.FINE:
            chosen = frozenset([judgment.generation.prompt.text.strip()])
        asked = judgment.generation.prompt
        prompt = prompts.digest_of(asked.text.strip(), asked.turns or ())
        return cls(Verdict(judgment.verdict), prompt, chosen, frozenset(cards.values()))

    @classmethod
    def by_row(cls, row: JudgedRow) -> Said:
        """Return the content of a judgment that a file has."""
        shown = row.rejected if row.verdict in OFF_THE_CARDS else (*row.chosen, *row.rejected)
        return cls(row.verdict, row.digest, frozenset(row.chosen), frozenset(shown))

    def has(self, row: JudgedRow) -> bool:
        """Tell whether this says what the row says; of the rejected texts the row may lack some."""
        return (
            self._is_of(row)
            and (self.verdict == Verdict.SKIPPED or self.best == set(row.chosen))
            and self.texts.issuperset(row.rejected)
        )

    def reason_against(self, row: JudgedRow, of_this_file: bool) -> str:
        """Return why a row of the same judgment is not stored that says something else."""
        if of_this_file and self._is_of(row):
            return (
                f"Its judgment began more than {prompts.BATCH} rows above and is stored without this row: "
                "the rows of a judgment must stand near each other."
            )
        return "Its judgment is here already and says something else: the one that is here stays."

    def _is_of(self, row: JudgedRow) -> bool:
        return self.verdict == row.verdict and self.prompt == row.digest


def of_project(session: Session, rows: Sequence[JudgedRow]) -> list[JudgedRow]:
    """Return the judgments under the keys that they have in the session's project.

    A key that another project has already is taken, since keys are unique in the whole studio: what the file says is
    then stored a second time, under a key made of that one and the project.
    """
    project, taken = project_of(session), set[str]()
    with everything(session):
        for keys in _some_at_a_time({row.key for row in rows}):
            of_others = Judgment.project_id != project
            taken.update(session.scalars(select(Judgment.client_key).where(Judgment.client_key.in_(keys), of_others)))
    return [
        replace(row, origin=replace(row.origin, key=_key([project, row.key]))) if row.key in taken else row
        for row in rows
    ]


def known_keys(session: Session, rows: Iterable[JudgedRow]) -> set[str]:
    """Return the keys of those judgments that are here already, undone ones too.

    A judgment that an earlier Mellow stored without its person is here, whoever is named now.
    """
    given = list(rows)
    found: set[str] = set()
    for keys in _some_at_a_time({row.key for row in given}):
        found.update(session.scalars(select(Judgment.client_key).where(Judgment.client_key.in_(keys))))
    earlier = {row.key: row.key_of_texts for row in given if row.key not in found and _may_be_earlier(row)}
    unnamed: set[str] = set()
    for keys in _some_at_a_time(set(earlier.values())):
        stored = select(Judgment.client_key).where(Judgment.client_key.in_(keys))
        unnamed.update(session.scalars(stored.where(*_UNNAMED)))
    return found | {key for key, earlier_key in earlier.items() if earlier_key in unnamed}


def _may_be_earlier(row: JudgedRow) -> bool:
    """Return whether a judgment is of a kind that was imported before keys held the person."""
    return not row.origin.key and bool(row.chosen and row.rejected)


_UNNAMED = (Judgment.imported, Judgment.annotator.is_(None), Judgment.import_id.is_(None))
"""The judgments that an earlier Mellow imported, which recorded neither the people nor the import."""


def uncontradicted(
    session: Session, rows: Sequence[JudgedRow], report: ImportReport, import_id: int | None = None
) -> list[JudgedRow]:
    """Return the judgments but for those that are here by the key of the file and say something else; report these.

    Of those that the import itself brought, the report says that their rows stand too far apart.
    """
    left = list(rows)
    for keys in _some_at_a_time({row.key for row in rows if row.origin.key}):
        stored = select(Judgment).where(Judgment.client_key.in_(keys)).options(*_WHOLE)
        here = {judgment.client_key: judgment for judgment in session.scalars(stored)}
        said = {key: Said.by_judgment(judgment) for key, judgment in here.items()}
        wrong = dict.fromkeys(row for row in rows if row.origin.key and row.key in said and not said[row.key].has(row))
        for row in wrong:
            of_this_file = import_id is not None and here[row.key].import_id == import_id
            report.leave_out(row.line, said[row.key].reason_against(row, of_this_file))
        left = [row for row in left if row not in wrong]
    return left


def take_over(
    session: Session,
    user_id: int,
    rows: Sequence[JudgedRow],
    source: str,
    known: Mapping[str, Prompt],
    report: ImportReport,
    import_id: int,
) -> None:
    """Add judgments as `store` does, but for those that are here; the report counts both and says what contradicts."""
    usable = uncontradicted(session, of_project(session, rows), report, import_id)
    new = store(session, user_id, usable, source, known, import_id)
    report.judgments += new
    report.judgments_known += len(usable) - new


def _some_at_a_time(keys: Iterable[str]) -> Iterator[list[str]]:
    left = iter(sorted(keys))
    while some := list(islice(left, prompts.BATCH)):
        yield some


def store(
    session: Session,
    user_id: int,
    rows: Sequence[JudgedRow],
    source: str,
    known: Mapping[str, Prompt],
    import_id: int | None = None,
) -> int:
    """Add the judgments in the running transaction; returns how many are new. `known` are prompts by their digests.

    `import_id` is the import that brings them.
    """
    here = known_keys(session, rows)
    new: dict[str, JudgedRow] = {}
    for row in rows:
        if row.key not in here:
            new.setdefault(row.key, row)
    found = dict(known)
    found |= prompts.by_digest(session, [row.digest for row in new.values() if row.digest not in found])
    made: list[tuple[JudgedRow, Generation, list[Candidate]]] = []
    for row in new.values():
        prompt = found.get(row.digest)
        if prompt is None:
            prompt = prompts.find_or_add(session, row.text, source, row.before.turns)
            found[row.digest] = prompt
        made.append((row, *_screen(user_id, prompt, row, source)))
    session.add_all(screen for _, screen, _ in made)
    session.flush()  # all of them at once: their judgments name the ids of candidates
    session.add_all(_judgment(user_id, import_id, *one) for one in made)
    session.flush()
    return len(new)


_WHOLE = (
    selectinload(Judgment.generation).selectinload(Generation.prompt),
    selectinload(Judgment.generation).selectinload(Generation.candidates),
)


def _screen(user_id: int, prompt: Prompt, row: JudgedRow, source: str) -> tuple[Generation, list[Candidate]]:
    """Return a screen of all candidates, and those of them that are the best."""
    chosen = () if row.verdict in OFF_THE_CARDS else row.chosen
    best, others = ([Candidate(text=text, log_probability=0.0) for text in side] for side in (chosen, row.rejected))
    sampling = {"imported_from": source} | ({"system": row.before.system} if row.before.system else {})
    screen = Generation(prompt=prompt, user_id=user_id, sampling=sampling, seed=0, milliseconds=0.0)
    return arranged(screen, [*best, *others]), best


def _judgment(
    user_id: int, import_id: int | None, row: JudgedRow, screen: Generation, best: Sequence[Candidate]
) -> Judgment:
    verdict = row.verdict
    preferred = () if verdict == Verdict.SKIPPED else row.chosen
    pairs = [(good, bad, 1 / len(preferred)) for bad in row.rejected for good in preferred]
    ids = {candidate.text: candidate.id for candidate in reversed(screen.candidates)}
    return Judgment(
        generation=screen,
        user_id=user_id,
        annotator=row.origin.person or None,
        verdict=verdict,
        candidate_id=best[0].id if verdict == Verdict.CHOSEN else None,
        tied=[candidate.id for candidate in best] if verdict == Verdict.TIE and row.rejected else None,
        edited_text=row.chosen[0] if verdict == Verdict.EDITED else None,
        ranking=[ids[text] for text in row.ranking] or None,
        remarks=[_stored(one, ids[one.text]) for one in row.remarks if one.text in ids] or None,
        comment=row.comment or None,
        reason=row.reason or None,
        flagged=row.flagged,
        decision=row.decision,
        client_key=row.key,
        imported=True,
        import_id=import_id,
        seconds=row.origin.seconds,
        created_at=row.origin.at or now(),
        preferences=[
            Preference(prompt=row.text, chosen=good, rejected=bad, weight=weight)
            for good, bad, weight in (ranked_pairs(list(row.ranking)) if row.ranking else pairs)
        ],
    )


def _stored(remark: TextRemark, candidate_id: int) -> dict[str, Any]:
    """Return a remark as judgments have it."""
    rated = {} if remark.rating is None else {"rating": remark.rating}
    return {"candidate_id": candidate_id, **rated, **({"tags": list(remark.tags)} if remark.tags else {})}
