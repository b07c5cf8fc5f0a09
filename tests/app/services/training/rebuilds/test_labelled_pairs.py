"""The pairs that were labelled for a run are kept with it, and go with the prompts that they are of."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import RunStatus, write_transaction
from app.services.prompts import deletion
from app.services.training.rebuilds import labelled_pairs
from tests import factories

PAIRS = [("our own", "nice", "rude"), ("comes with Mellow", "kind", "foul"), ("gone meanwhile", "soft", "hard")]


def keep(session: Session, run_id: int, pairs: list[labelled_pairs.Pair] = PAIRS) -> None:
    with write_transaction(session):
        labelled_pairs.keep(session, run_id, pairs, lambda text: text == "comes with Mellow")


def test_pairs_come_back_in_their_order_but_for_texts_that_are_gone(session: Session) -> None:
    factories.prompt(session, "our own")
    run = factories.run(session, RunStatus.SUCCEEDED)
    keep(session, run.id)
    assert labelled_pairs.kept(session, run.id) == PAIRS[:2]
    assert labelled_pairs.kept(session, run.id + 1) == []


def test_a_later_attempt_takes_the_place_of_an_earlier_one(session: Session) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED)
    keep(session, run.id)
    keep(session, run.id, [("comes with Mellow", "a", "b")])
    assert labelled_pairs.kept(session, run.id) == [("comes with Mellow", "a", "b")]


def test_a_deleted_prompt_takes_its_pairs_along(session: Session) -> None:
    prompt = factories.prompt(session, "our own")
    run = factories.run(session, RunStatus.SUCCEEDED)
    keep(session, run.id)
    deletion.delete_prompt(session, None, prompt.id, prompt.id)
    assert labelled_pairs.kept(session, run.id) == PAIRS[1:2]
