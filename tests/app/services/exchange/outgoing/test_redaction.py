"""What an export masks and leaves out, in every format, and what comes of it in another studio."""

from __future__ import annotations

import io
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Preference
from app.services.exchange import exports
from app.services.exchange.export_formats import SCREEN_FORMATS
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.outgoing.redaction import Choices, Redactor
from models.formats.splitting import held_out_keys
from models.texts.personal_details import masked
from tests import factories
from tests.app.services.exchange.conftest import look, store
from tests.app.services.exchange.outgoing.conftest import EMAIL, HANDLE, NEAR, PHONE, TESTED, screen
from tests.studio import Person, rows

Judged = dict[str, Judgment]
TABLES = [name for name in exports.FORMATS if name.startswith("judgments-")]
HELD = {"prompt", "cards", "told"}
"""The judgments of pairs with details."""


def exported(session: Session, name: str, redactor: Redactor | None, **values: Any) -> bytes:
    return b"".join(exports.content(session, name, redactor=redactor, **values))


def text_of(name: str, content: bytes) -> str:
    """Everything that a file says."""
    if name.endswith("parquet"):
        return str(pq.read_table(io.BytesIO(content)).to_pylist())
    return content.decode()


def ids(judged: Judged, *names: str) -> list[int]:
    return sorted(judged[name].id for name in names)


def held_by(name: str) -> set[str]:
    """Which of the judgments with details a format holds, with these details."""
    if name in TABLES:
        return {*HELD, "none", "reason"}
    return HELD if name in exports.PAIR_FORMATS and name != "kto" else {*HELD, "none"}


@pytest.mark.parametrize("name", exports.FORMATS)
def test_what_is_kept_is_counted_and_the_file_stays_the_same(session: Session, judged: Judged, name: str) -> None:
    redactor = Redactor(session, Choices())
    assert exported(session, name, redactor) == exported(session, name, None)
    tally = redactor.tally
    assert (tally.with_details, tally.same, tally.near) == (len(held_by(name)), 1, 1)
    assert tally.holding["handle"] == 1
    assert not any(tally.places.values())
    assert not any(len(left) for left in tally.left_out.values())


@pytest.mark.parametrize("name", exports.FORMATS)
def test_masks_stand_wherever_a_detail_stood(session: Session, judged: Judged, name: str) -> None:
    redactor = Redactor(session, Choices("mask"))
    text = text_of(name, exported(session, name, redactor))
    assert not [detail for detail in (EMAIL, PHONE, HANDLE) if detail in text]
    assert "you fool, mail [email] or [phone]" in text
    assert "ask [handle]" in text
    assert "from: [email]" in text.replace("\\", "").replace('"', "")
    assert ("ask [email]" in text) == (name in TABLES), "of what was said beside, the tables alone have a place for it"
    assert redactor.tally.places["email"] >= 3
    assert not any(len(left) for left in redactor.tally.left_out.values())
    before = Redactor(session, Choices())
    exported(session, name, before)
    assert redactor.tally.rows == before.tally.rows > 0, "nothing is lost"


@pytest.mark.parametrize("name", exports.FORMATS)
def test_what_is_left_out_is_named_and_everything_else_is_there(session: Session, judged: Judged, name: str) -> None:
    redactor = Redactor(session, Choices("leave-out", "leave-out"))
    text = text_of(name, exported(session, name, redactor))
    left = {reason: list(numbers) for reason, numbers in redactor.tally.left_out.items()}
    assert sorted(left["personal"]) == ids(judged, *held_by(name))
    assert sorted(left["evaluation"]) == ids(judged, "tested", "near")
    assert left["alike"] == left["format"] == []
    assert "you are a fool today" in text
    assert not [one for one in (EMAIL, PHONE, HANDLE, "with more", TESTED.upper(), NEAR) if one in text]
    stay = 2 if name in SCREEN_FORMATS else 1
    assert redactor.tally.judgments == sum(map(len, left.values())) + stay


def test_a_prompt_that_training_holds_out_is_an_evaluation_text_for_as_long_as_it_is_judged(
    session: Session, annotator: Person
) -> None:
    held_out = next(text for n in range(99) if held_out_keys([text := f"why do you always do that to me {n}"], 10))
    near = next(text for n in range(99) if not held_out_keys([text := f"{held_out} {n}"], 10))
    first = factories.judgment(session, screen(session, annotator, held_out))
    second = factories.judgment(session, screen(session, annotator, near))
    redactor = Redactor(session, Choices(evaluation="leave-out"))
    assert exported(session, "trl", redactor) == b""
    assert list(redactor.tally.left_out["evaluation"]) == [first.id, second.id]
    assert (redactor.tally.same, redactor.tally.near) == (1, 1)
    first.undone_at = first.created_at
    session.commit()
    again = Redactor(session, Choices())
    exported(session, "trl", again)
    assert (again.tally.judgments, again.tally.same, again.tally.near) == (1, 0, 0)


def test_a_judgment_whose_texts_read_alike_once_masked_is_left_out_by_name(session: Session, annotator: Person) -> None:
    cards = (f"ask {EMAIL}", "ask bob@example.org", "ask")
    judgment = factories.judgment(session, screen(session, annotator, "who", *cards))
    for name in ("trl", "judgments-jsonl"):
        redactor = Redactor(session, Choices("mask"))
        assert exported(session, name, redactor) == b""
        assert list(redactor.tally.left_out["alike"]) == [judgment.id]


def edited(session: Session, person: Person, text: str, *cards: str, **values: Any) -> Judgment:
    """A judgment of somebody who wrote a text of their own."""
    of = screen(session, person, f"who wrote {text}", *cards, **values)
    return factories.judgment(session, of, verdict="edited", edited_text=text, candidate_id=None, pairs=False)


def test_an_edited_text_and_the_source_of_its_prompt_are_masked_where_they_stand(
    session: Session, annotator: Person
) -> None:
    edited(session, annotator, f"please ask {EMAIL}", source=f"mails of {EMAIL}")
    text = exported(session, "judgments-jsonl", Redactor(session, Choices("mask"))).decode()
    assert EMAIL not in text
    assert '"please ask [email]"' in text
    assert '"mails of [email]"' in text


def test_an_edited_text_is_what_must_not_read_like_a_card_once_both_are_masked(
    session: Session, annotator: Person
) -> None:
    alike = edited(session, annotator, f"ask {EMAIL}", "ask bob@example.org", "b", "c")
    edited(session, annotator, "ask somebody", f"ask {EMAIL}", "ask bob@example.org", "c")
    redactor = Redactor(session, Choices("mask"))
    text = exported(session, "judgments-jsonl", redactor).decode()
    assert list(redactor.tally.left_out["alike"]) == [alike.id], "the other one chose none of its cards"
    assert "ask somebody" in text


def test_what_a_format_cannot_hold_is_named_once_whatever_number_of_pairs_it_has(
    session: Session, annotator: Person
) -> None:
    cards = ("a", "b\n\nHuman: c", "d\n\nHuman: e")
    made = [factories.judgment(session, screen(session, annotator, text, *cards)) for text in ("who", "what", "why")]
    redactor = Redactor(session, Choices())
    assert exported(session, "hh", redactor) == b""
    assert list(redactor.tally.left_out["format"]) == [judgment.id for judgment in made]


def test_whoever_is_called_by_an_email_gets_a_pseudonym_where_details_are_masked(
    session: Session, annotator: Person, judged: Judged
) -> None:
    assert annotator.email in exported(session, "judgments-csv", None).decode()
    for choices in (Choices("mask"), Choices("leave-out")):
        text = exported(session, "judgments-csv", Redactor(session, choices)).decode()
        assert annotator.email not in text
        assert "person-" in text


@pytest.mark.parametrize("name", exports.FORMATS)
def test_another_studio_stores_a_masked_export_once(
    session: Session, elsewhere: Session, judged: Judged, write: Any, name: str
) -> None:
    judged["cards"].client_key = f"i-{5:032x}"  # as imported: such a key could be tried for what was masked
    session.commit()
    content = exported(session, name, Redactor(session, Choices("mask")), wanted=JudgmentFilter(verdict="chosen"))
    path = write(f"a.{exports.FORMATS[name].extension}", content)
    admin = factories.user(elsewhere).id
    column = {"text": "input" if name == "llamafactory" else look(elsewhere, path).mapping.text}
    for new, known in ((6, 0), (0, 6)):
        report = store(elsewhere, admin, path, judgments=True, queue=False, **column).report
        assert (report.judgments, report.judgments_known, report.rejected) == (new, known, [])
    mine = {one.client_key for one in rows(session, Judgment) if one.verdict == "chosen"}
    theirs = {one.client_key for one in rows(elsewhere, Judgment)}
    assert len(theirs & mine) == 5
    assert (f"i-{5:032x}" in theirs, len(theirs)) == (False, 6)
    pairs = [(row.prompt, row.chosen, row.rejected) for row in rows(elsewhere, Preference)]
    expected = {
        tuple(masked(text)[0] for text in (row.prompt, row.chosen, row.rejected)) for row in rows(session, Preference)
    }
    assert set(pairs) == expected


def test_the_same_studio_keeps_its_own_judgments_when_a_masked_export_comes_back(
    session: Session, admin: Person, judged: Judged, write: Any
) -> None:
    before = [(row.prompt, row.chosen, row.rejected) for row in rows(session, Preference)]
    path = write("a.jsonl", exported(session, "trl", Redactor(session, Choices("mask"))))
    report = store(session, admin, path, judgments=True, queue=False).report
    assert (report.judgments, report.judgments_known) == (0, 4)
    assert [row["reason"] for row in report.rejected] == [
        *["Its judgment is here already and says something else: the one that is here stays."] * 2,
        *["The text has other metadata already, which stays: from."] * 2,
    ]
    assert [(row.prompt, row.chosen, row.rejected) for row in rows(session, Preference)] == before
