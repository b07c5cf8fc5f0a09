"""What a training reads: all but what is forgotten, or exactly what was read before."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import ForgettingKind, write_transaction
from app.services.desk import judgments
from app.services.training.preference_rows import preference_rows
from app.services.training.rebuilds.readings import Exactly, Reading, Without
from app.services.training.selection import EVERYTHING, Selection
from app.services.versions.forgetting import Forgotten
from tests import factories

ALL = 1_000_000


def read(session: Session, reading: Reading) -> list[int]:
    return list(dict.fromkeys(row[3] for row in preference_rows(session, ALL, reading)))


def test_a_person_a_prompt_and_an_import_are_left_out(either: Session) -> None:
    person, other = factories.user(either).id, factories.user(either).id
    file = factories.file_import(either, other)
    prompt = factories.prompt(either, "said by both")
    brought = factories.prompt(either, "brought by a file", import_id=file.id)
    own = factories.judgment(either, factories.generation(either, person, prompt=prompt)).id
    both = factories.judgment(either, factories.generation(either, other, prompt=prompt)).id
    imported = factories.judgment(either, factories.generation(either, other), import_id=file.id).id
    of_import = factories.judgment(either, factories.generation(either, person, prompt=brought)).id
    rest = factories.judgment(either, factories.generation(either, other)).id

    def without(kind: ForgettingKind, number: int | None) -> list[int]:
        return read(either, Without(EVERYTHING, Forgotten(kind, number)))

    assert without(ForgettingKind.PERSON, person) == [both, imported, rest]
    assert without(ForgettingKind.PROMPT, prompt.id) == [imported, of_import, rest]
    assert without(ForgettingKind.IMPORT, file.id) == [own, both, rest]
    assert without(ForgettingKind.DELETED, None) == [own, both, imported, of_import, rest]


def test_what_a_forgotten_reviewer_decided_is_read_as_it_was_said(either: Session) -> None:
    ada, reviewer = factories.user(either).id, factories.user(either).id
    prompt = factories.prompt(either)
    opinion = factories.judgment(either, factories.generation(either, ada, prompt=prompt))
    own = factories.judgment(either, factories.generation(either, reviewer, prompt=prompt))
    decision = factories.judgment(either, factories.generation(either, reviewer, prompt=prompt), decision=True)
    with write_transaction(either):
        opinion.decided_by = own.decided_by = decision.id
    assert read(either, EVERYTHING) == [decision.id]
    assert read(either, Without(EVERYTHING, Forgotten(ForgettingKind.PERSON, reviewer))) == [opinion.id]
    assert read(either, Without(EVERYTHING, Forgotten(ForgettingKind.PERSON, ada))) == [decision.id]
    agreed = Selection(min_agreement=1.0)
    assert read(either, Without(agreed, Forgotten(ForgettingKind.PERSON, reviewer))) == [opinion.id]


def test_whoever_is_forgotten_agrees_with_nobody(either: Session) -> None:
    prompt = factories.prompt(either, "three judged it")
    people = [factories.user(either).id for _ in range(3)]
    for person in people[:2]:
        factories.judgment(either, factories.generation(either, person, ["a", "b", "c"], prompt=prompt))
    last = factories.judgment(either, factories.generation(either, people[2], ["d", "e", "f"], prompt=prompt))
    agreed = Selection(min_agreement=0.6)
    assert len(read(either, agreed)) == 2
    forgotten = Forgotten(ForgettingKind.PERSON, people[0])
    assert read(either, Without(agreed, forgotten)) == [], "one against one agrees by half"
    assert len(read(either, Without(agreed, Forgotten(ForgettingKind.PERSON, people[2])))) == 2
    assert last.id not in read(either, agreed)


def test_exactly_what_was_read_is_read_again_also_what_was_undone_since(either: Session) -> None:
    person = factories.user(either).id
    ids = [factories.judgment(either, factories.generation(either, person)).id for _ in range(4)]
    judgments.undo(either, person, ids[0])
    assert read(either, Exactly(frozenset(ids[:3]))) == ids[:3]
    assert read(either, EVERYTHING) == ids[1:]
    assert read(either, Exactly({*ids[:2], *range(10**6, 10**6 + 70_000)})) == ids[:2], "more than a database binds"
