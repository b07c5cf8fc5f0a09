"""Which versions learned from a person, a prompt, an import or what was deleted, by themselves or from others."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import ForgettingKind, LabelledPair, RunStatus, TrainingRun, write_transaction
from app.domain_errors import Invalid, NotFound
from app.services.system import deletions
from app.services.versions import forgetting, learned
from app.services.versions.forgetting import Forgotten
from tests import factories


def trained(session: Session, number: int, ids: list[int] | None, last: int = 0, parent: int = 1) -> TrainingRun:
    packed = None if ids is None else learned.pack(ids)
    run = factories.run(session, RunStatus.SUCCEEDED, judgments=packed, last_judgment_id=last)
    factories.version(session, number, run_id=run.id, parent_number=parent)
    return run


def judge(session: Session, person: int, number: int) -> list[int]:
    return [factories.judgment(session, factories.generation(session, person)).id for _ in range(number)]


def found(session: Session, meant: Forgotten) -> list[tuple[int, int, int, bool]]:
    every = forgetting.learners(session, meant)
    return [(one.version.number, one.judgments, one.pairs, one.inherited) for one in every]


def test_versions_that_read_a_persons_judgments_and_those_made_from_them_learned_from_the_person(
    session: Session,
) -> None:
    person, other = factories.user(session).id, factories.user(session).id
    theirs, others = judge(session, person, 3), judge(session, other, 3)
    trained(session, 2, others)
    trained(session, 3, [*theirs[:2], *others], parent=2)
    trained(session, 4, others, parent=3)
    trained(session, 5, others, parent=2)
    assert found(session, Forgotten(ForgettingKind.PERSON, person)) == [(3, 2, 0, False), (4, 0, 0, True)]


def test_pairs_of_a_text_that_were_labelled_are_learned_from_too(session: Session) -> None:
    person = factories.user(session).id
    prompt = factories.prompt(session, "typed and never judged", source="typed")
    factories.generation(session, person, prompt=prompt)
    run = trained(session, 2, judge(session, factories.user(session).id, 1))
    with write_transaction(session):
        session.add(LabelledPair(run_id=run.id, prompt_id=prompt.id, text=prompt.text, chosen="a", rejected="b"))
    for meant in (Forgotten(ForgettingKind.PROMPT, prompt.id), Forgotten(ForgettingKind.PERSON, person)):
        assert found(session, meant) == [(2, 0, 1, False)]


def test_an_import_is_its_judgments_and_what_was_said_of_its_texts(session: Session) -> None:
    person = factories.user(session).id
    file = factories.file_import(session, person)
    prompt = factories.prompt(session, "brought", import_id=file.id)
    brought = factories.judgment(session, factories.generation(session, person), import_id=file.id).id
    said = factories.judgment(session, factories.generation(session, person, prompt=prompt)).id
    trained(session, 2, [brought, said, *judge(session, person, 1)])
    assert found(session, Forgotten(ForgettingKind.IMPORT, file.id)) == [(2, 2, 0, False)]


def test_versions_that_lost_judgments_learned_from_what_was_deleted(session: Session) -> None:
    ids = judge(session, factories.user(session).id, 3)
    trained(session, 2, ids)
    trained(session, 3, None, last=ids[-1], parent=2)
    meant = Forgotten(ForgettingKind.DELETED)
    assert found(session, meant) == []
    with write_transaction(session):
        deletions.delete_judgments(session, ids[:1])
    assert found(session, meant) == [(2, 1, 0, False), (3, 1, 0, True)]
    assert [one.at_most for one in forgetting.learners(session, meant)] == [False, True]


def test_what_is_not_there_cannot_be_forgotten(session: Session) -> None:
    with pytest.raises(NotFound, match=r"There is no prompt 9\."):
        forgetting.forgotten(session, "prompt", 9)
    with pytest.raises(Invalid, match="Say which user is to be forgotten"):
        forgetting.forgotten(session, "person", None)
    with pytest.raises(Invalid, match="kind must be one of person, prompt, import, deleted"):
        forgetting.forgotten(session, "everybody", 1)
    assert forgetting.forgotten(session, "deleted", None) == Forgotten(ForgettingKind.DELETED)
