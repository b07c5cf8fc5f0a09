"""The conversations of clicks on answers, and the rows that training reads of them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.services.prompts import prompts
from app.services.training.selection import EVERYTHING
from tests import factories
from tests.studio import Person
from tests.worker.job.chat.conftest import ASKED, HELD_OUT, SYSTEM, TURNS, screen
from worker.job import dataset
from worker.job.chat import conversations


def test_a_pair_has_the_system_message_and_the_turns_with_which_its_answers_were_drawn(
    clicks: None, session: Session
) -> None:
    found = conversations.conversations(session, 4, EVERYTHING)
    examples = conversations.preference_examples(session, 4, EVERYTHING, found)
    rows = conversations.pair_rows(examples, found)
    assert rows[0] == {
        "prompt": [{"role": "user", "content": ASKED[0]}],
        "chosen": "good 0",
        "rejected": "no 0 no no",
    }
    assert rows[3]["prompt"] == [
        {"role": "system", "content": SYSTEM},
        *TURNS,
        {"role": "user", "content": ASKED[3]},
    ]
    assert [examples[place].prompt for place in (1, 3)] == [ASKED[1], TURNS[0]["content"]]


def test_answers_are_marked_good_or_bad_and_those_of_held_out_conversations_are_left_out(
    clicks: None, session: Session, annotator: Person
) -> None:
    factories.judgment(session, screen(session, annotator, HELD_OUT, ["a", "b"]))
    found = conversations.conversations(session, 5, EVERYTHING)
    split = dataset.split(conversations.preference_examples(session, 5, EVERYTHING, found))
    assert [one.prompt for one in split.held_out] == [HELD_OUT]
    marked = conversations.marked_texts(session, 5, split, EVERYTHING, found)
    rows = conversations.unpaired_rows(marked, found)
    assert len(rows) == 8
    assert rows[7] == {"prompt": found[4], "completion": "no 3 no no", "label": False}
    assert split.holds_out(HELD_OUT)


def test_what_begins_with_a_held_out_message_is_held_out_under_every_system_message_and_in_later_turns(
    clicks: None, session: Session, annotator: Person
) -> None:
    begun = [{"role": "user", "content": HELD_OUT}, {"role": "assistant", "content": "a"}]
    followed = prompts.find_or_add(session, ASKED[0], "test", begun)
    session.commit()
    for of in (
        screen(session, annotator, HELD_OUT, ["a", "b"]),
        screen(session, annotator, HELD_OUT, ["c", "d"], system=SYSTEM),
        factories.generation(session, annotator.id, ["e", "f"], prompt=followed, sampling={"system": ""}),
    ):
        factories.judgment(session, of)
    found = conversations.conversations(session, 7, EVERYTHING)
    split = dataset.split(conversations.preference_examples(session, 7, EVERYTHING, found))
    assert [one.chosen for one in split.held_out] == ["a", "c", "e"]
    assert {one.judgment for one in conversations.marked_texts(session, 7, split, EVERYTHING, found)} == {1, 2, 3, 4}


def test_the_hash_of_the_rows_tells_conversations_apart_that_read_alike(clicks: None, session: Session) -> None:
    one = {"prompt": [{"role": "user", "content": "a\n\nb"}], "chosen": "c", "rejected": "d"}
    other = {
        "prompt": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
        "chosen": "c",
        "rejected": "d",
    }
    assert conversations.rows_hash([one]) != conversations.rows_hash([other])
