"""The conversations of clicks on answers, and the rows that training reads of them."""

from __future__ import annotations

from sqlalchemy.orm import Session

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
    assert examples[1].prompt == f"{SYSTEM}\n\n{ASKED[1]}"


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


def test_the_hash_of_the_rows_tells_conversations_apart_that_read_alike(clicks: None, session: Session) -> None:
    one = {"prompt": [{"role": "user", "content": "a\n\nb"}], "chosen": "c", "rejected": "d"}
    other = {
        "prompt": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
        "chosen": "c",
        "rejected": "d",
    }
    assert conversations.rows_hash([one]) != conversations.rows_hash([other])
