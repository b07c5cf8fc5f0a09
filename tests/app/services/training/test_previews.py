"""What a run would learn from and how long it would take, said before anybody asks for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, now
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.training import previews
from app.services.training.previews import in_words
from app.services.training.run_request import RunRequest
from app.services.training.selection import Selection
from tests import factories
from tests.studio import rows


def past(session: Session, number: int, *, whole: float, trained: float | None, pairs: int, **values: Any) -> None:
    """A run of two epochs, on 250 pairs of other texts, too, that took `whole` seconds and trained for `trained`."""
    end = now()
    given: dict[str, Any] = {"method": "dpo", "config": {"num_train_epochs": 2}, "attempts": 1, "pairs": pairs}
    times = {"started_at": end - timedelta(seconds=whole), "finished_at": end}
    factories.run(session, RunStatus.SUCCEEDED, produced_version=number, **given | times | values)
    factories.version(session, number, metrics={} if trained is None else {"seconds": trained, "head_pairs": 250})


def test_a_preview_says_on_what_its_estimate_rests(session: Session) -> None:
    ada = factories.user(session)
    factories.judgment(session, factories.generation(session, ada.id))
    past(session, 2, whole=60, trained=40, pairs=2)
    said = previews.preview(session, RunRequest("dpo", {})).duration
    assert said == "About 60 seconds, by the one past run of this method."
    past(session, 3, whole=600, trained=40, pairs=2)
    said = previews.preview(session, RunRequest("dpo", {})).duration
    assert said == "About 6 minutes (60 seconds to 10 minutes), by the last 2 runs of this method."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (89, "89 seconds"), (90, "2 minutes"), (3600, "1 hour"), (4860, "1 hour 21 minutes")],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_what_a_run_would_learn_from_is_one_sentence(session: Session) -> None:
    ada, bob = factories.user(session).id, factories.user(session).id
    factories.judgment(session, factories.generation(session, ada))
    factories.judgment(session, factories.generation(session, bob))
    none = factories.generation(session, bob)
    factories.judgment(session, none, verdict="none", candidate_id=None, pairs=False)
    assert previews.preview(session, RunRequest("dpo", {})).summary == (
        "It would train on 4 pairs from 2 clicks of 2 people on 2 prompts. "
        "What they say would label up to 250 pairs of texts that nobody clicked, too."
    )
    alone = {"head_pairs": 0}
    assert previews.preview(session, RunRequest("kto", alone, Selection(people=(bob,)))).summary == (
        "It would train on 2 pairs from 1 click of 1 person on 1 prompt, and on 1 screen of which none was good."
    )


def test_what_came_too_quickly_is_said_to_be_left_out(session: Session) -> None:
    person = factories.user(session).id
    for seconds in (0.2, 0.4, 5.0):
        factories.judgment(session, factories.generation(session, person), seconds=seconds)
    assert previews.preview(session, RunRequest("dpo", {"head_pairs": 0})).summary == (
        "It would train on 2 pairs from 1 click of 1 person on 1 prompt. "
        "It leaves out 2 clicks that came too quickly to have been read."
    )


def test_without_a_pair_there_is_no_word_of_a_duration(session: Session) -> None:
    past(session, 2, whole=60, trained=40, pairs=2)
    ahead = previews.preview(session, RunRequest("dpo", {}))
    assert (ahead.summary, ahead.duration) == ("It would find no pair to train on.", "")


def test_a_preview_is_told_as_json_with_the_estimate_in_whole_seconds(session: Session) -> None:
    factories.judgment(session, factories.generation(session, factories.user(session).id))
    assert previews.preview(session, RunRequest("dpo", {})).as_dict()["estimate"] is None
    past(session, 2, whole=60, trained=40, pairs=2)
    told = previews.preview(session, RunRequest("dpo", {})).as_dict()
    assert told["estimate"] == {"seconds": 60, "least": 60, "greatest": 60, "runs": 1}
    assert (told["judgments"], told["pairs"], told["none_good"]) == (1, 2, 0)
    assert told["summary"].startswith("It would train on 2 pairs from 1 click of 1 person on 1 prompt.")
    assert told["duration"]
    assert len(rows(session, TrainingRun)) == 1, "looking ahead stores nothing"


def test_a_wish_that_cannot_be_carried_out_is_refused(session: Session) -> None:
    factories.version(session, 1, deleted_at=now())
    with pytest.raises(Invalid, match=r"^method must be one of dpo, orpo, kto\.$"):
        previews.preview(session, RunRequest("sft", {}))
    with pytest.raises(Invalid, match=r"^beta must be between 0\.0001 and 10, not 11\.$"):
        previews.preview(session, RunRequest("dpo", {"beta": 11}))
    with pytest.raises(NotFound, match=r"^There is no version 7\.$"):
        previews.preview(session, RunRequest("dpo", {}, parent_version=7))
    with pytest.raises(Conflict, match=r"^Version 1 was deleted: its files are gone\.$"):
        previews.preview(session, RunRequest("dpo", {}, parent_version=1))
