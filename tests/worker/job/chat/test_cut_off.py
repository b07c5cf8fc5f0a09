"""Answers that the limit of tokens cut off are known, also on copies of a screen, and teach no end."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from app.db import Generation, write_transaction
from app.services.training.selection import EVERYTHING
from models.settings.chat_clicks import chat_options
from tests import factories
from tests.studio import Person
from tests.worker.job.chat.conftest import ASKED, screen
from worker.job.chat import chat_retraining
from worker.job.chat.cut_off import cut_off


def ended(session: Session, of: Generation, *how: str) -> Generation:
    with write_transaction(session):
        of.sampling = {**of.sampling, "ended": list(how)}
    return of


def copy_of(session: Session, first: Generation) -> Generation:
    """A copy that shows the cards the other way round."""
    texts = [card.text for card in reversed(first.candidates)]
    sampling = {"system": "", "copy_of": first.id}
    return factories.generation(session, first.user_id, texts, prompt=first.prompt, sampling=sampling)


def test_a_screen_tells_which_of_its_answers_were_cut_off_and_so_does_a_copy_of_a_copy(
    base: int, session: Session, annotator: Person
) -> None:
    first = ended(session, screen(session, annotator, ASKED[0], ["whole", "cut"]), "stop", "length")
    copy = copy_of(session, first)
    for of in (copy, copy_of(session, copy), screen(session, annotator, ASKED[1], ["old", "screen"])):
        factories.judgment(session, of)
    assert cut_off(session, 3, EVERYTHING) == {1: {"cut"}, 2: {"cut"}}


def test_a_cut_off_answer_is_learned_from_only_where_it_teaches_no_end(
    base: int, session: Session, annotator: Person, tiny_chat: Path
) -> None:
    for number, how in enumerate([("length", "stop"), ("length", "length"), ("stop", "length")]):
        of = ended(session, screen(session, annotator, ASKED[number], [f"good {number}", f"bad {number}"]), *how)
        factories.judgment(session, of)
    pairs, marked = (
        chat_retraining.prepare(session, chat_options(method, {}), 3, tiny_chat, EVERYTHING)
        for method in ("dpo", "kto")
    )
    assert [row["chosen"] for row in pairs.rows] == ["good 1", "good 2"]
    assert [(one.judgment, one.reason) for one in pairs.sieve.left_out] == [(1, "an answer that was cut off")]
    assert [row["completion"] for row in marked.rows if row["label"]] == ["good 2"]
    assert len([row for row in marked.rows if not row["label"]]) == 3
