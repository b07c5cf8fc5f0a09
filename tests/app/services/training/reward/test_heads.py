"""The head follows the judgments that stand, click by click, and belongs to a version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import SERVING, Alias, Candidate, DrawnPool, Generation, Judgment, RewardHead, now, write_transaction
from app.services.people import reliability
from app.services.prompts import studio_settings
from app.services.system import deletions
from app.services.training.reward import heads as module
from app.services.training.reward import judged
from app.services.training.reward.heads import Heads
from models.model_errors import InputTooLong, ModelError
from models.reward.features import SIZE, Array, pack
from models.reward.features import VERSION as FEATURES_VERSION
from models.reward.head import choose_widths, fitted
from models.reward.judgments import JudgedScreen
from tests import factories

TEXTS = ("first rewrite", "second rewrite", "third rewrite")


def row(value: float) -> Array:
    found = np.zeros(SIZE)
    found[0] = value
    return found


def by_length(text: str, rewrites: Sequence[str]) -> Array:
    """Stands in for the model that measures: the first feature is the length of a rewrite."""
    return np.array([row(len(rewrite) / 10) for rewrite in rewrites])


def never(text: str, rewrites: Sequence[str]) -> Array:
    raise AssertionError("Nothing is to be measured here.")


@pytest.fixture
def person(session: Session) -> int:
    factories.version(session)
    factories.serving(session)
    return factories.user(session).id


def screen(session: Session, person: int, values: Sequence[float] = (1.0, 0.0, -1.0), **of: object) -> Generation:
    """A screen whose cards differ in the first feature."""
    found = factories.generation(session, person, TEXTS[: len(values)], **of)
    with write_transaction(session):
        for candidate, value in zip(found.candidates, values, strict=True):
            candidate.features = pack(row(value))
    return found


def heads_stored(session: Session) -> list[RewardHead]:
    session.expire_all()
    return list(session.scalars(select(RewardHead).order_by(RewardHead.id)))


def test_without_a_judgment_there_is_no_head(session: Session, person: int) -> None:
    screen(session, person)
    assert Heads().chooser(session, 1, never) is None
    assert heads_stored(session) == []


def test_a_click_makes_a_head_and_the_next_one_another(session: Session, person: int) -> None:
    heads = Heads()
    factories.judgment(session, screen(session, person))
    first = heads.chooser(session, 1, never)
    assert first is not None
    assert first.head.weights[0] > 0
    again = heads.chooser(session, 1, never)
    assert again is not None
    assert again.id == first.id, "nothing came, so nothing was learned"
    factories.judgment(session, screen(session, person))
    second = heads.chooser(session, 1, never)
    assert second is not None
    assert second.head.judgments == 2
    assert second.head.weights[0] > first.head.weights[0]
    older, latest = heads_stored(session)
    assert (older.data, latest.id) == (None, second.id), "only the latest is kept whole"
    assert older.weights == first.head.weights.astype("<f4").tobytes()


def test_every_process_chooses_by_the_same_head(session: Session, person: int) -> None:
    factories.judgment(session, screen(session, person))
    one, other = Heads().chooser(session, 1, never), Heads().chooser(session, 1, never)
    assert one is not None
    assert other is not None
    assert one.id == other.id
    assert len(heads_stored(session)) == 1


def test_a_judgment_that_was_made_elsewhere_long_ago_is_learned_when_it_is_imported(
    session: Session, person: int
) -> None:
    heads = Heads()
    factories.judgment(session, screen(session, person))
    first = heads.chooser(session, 1, never)
    long_ago = now() - timedelta(days=900)
    factories.judgment(session, screen(session, person, (-1.0, 1.0)), created_at=long_ago, annotator="Ada")
    second = Heads().chooser(session, 1, never)
    assert first is not None
    assert second is not None
    assert second.id != first.id


def test_what_is_undone_no_longer_counts(session: Session, person: int) -> None:
    heads = Heads()
    factories.judgment(session, screen(session, person))
    undone = factories.judgment(session, screen(session, person, (-1.0, 0.0, 1.0)))
    both = heads.chooser(session, 1, never)
    with write_transaction(session):
        session.get_one(Judgment, undone.id).undone_at = now()
    one = heads.chooser(session, 1, never)
    assert both is not None
    assert one is not None
    assert (both.head.judgments, one.head.judgments) == (2, 1)


def test_checks_and_skipped_screens_say_nothing_of_taste(session: Session, person: int) -> None:
    factories.judgment(session, screen(session, person, gold=True))
    factories.judgment(session, screen(session, person), verdict="skipped", candidate_id=None, pairs=False)
    heads = Heads()
    assert heads.chooser(session, 1, never) is None
    assert heads.chooser(session, 1, never) is None
    assert heads_stored(session) == []


def test_every_gesture_is_learned_from(session: Session, person: int) -> None:
    two = screen(session, person)
    factories.judgment(
        session,
        two,
        verdict="tie",
        candidate_id=None,
        tied=[two.candidates[0].id, two.candidates[1].id],
        pairs=False,
    )
    factories.judgment(session, screen(session, person), verdict="tie", candidate_id=None, pairs=False)
    factories.judgment(
        session, screen(session, person, (-1.0, -1.0, -1.0)), verdict="none", candidate_id=None, pairs=False
    )
    factories.judgment(
        session, screen(session, person), verdict="edited", candidate_id=None, edited_text="x" * 30, pairs=False
    )
    found = Heads().chooser(session, 1, by_length)
    assert found is not None
    assert found.head.judgments == 4
    assert found.head.tie is not None
    assert found.head.threshold is not None
    assert found.head.weights[0] > 0
    written = session.scalar(select(Judgment).where(Judgment.verdict == "edited"))
    assert written is not None
    assert written.edited_features == pack(row(3.0))


def test_cards_without_features_are_measured_a_few_at_a_time(session: Session, person: int) -> None:
    for _ in range(5):
        factories.judgment(session, factories.generation(session, person, ("a", "a long one", "the longest of all")))
    heads = Heads()
    assert heads.learn(session, 1, by_length, 2) == 3
    (first,) = heads_stored(session)
    assert (first.judgments, first.waiting) == (2, 3)
    assert heads.learn(session, 1, by_length, 2) == 1
    assert heads.learn(session, 1, by_length, 2) == 0
    assert heads.learn(session, 1, never) == 0
    assert [one.judgments for one in heads_stored(session)] == [2, 4, 5]
    found = Heads().chooser(session, 1, never)
    assert found is not None
    assert found.head.weights[0] < 0
    assert session.scalar(select(func.count(Candidate.id)).where(Candidate.features.is_(None))) == 0


def test_a_text_that_the_model_cannot_read_is_passed_over(session: Session, person: int) -> None:
    factories.judgment(session, screen(session, person))
    factories.judgment(session, factories.generation(session, person))

    def too_long(text: str, rewrites: Sequence[str]) -> Array:
        raise InputTooLong("too long")

    heads = Heads()
    found = heads.chooser(session, 1, too_long)
    assert found is not None
    assert found.head.judgments == 1
    assert heads.learn(session, 1, never) == 0


def test_many_judgments_are_left_to_the_thread(session: Session, person: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    heads = Heads()
    for _ in range(3):
        factories.judgment(session, screen(session, person))
        found = heads.chooser(session, 1, never)
    assert found is not None
    assert found.head.judgments == 2
    assert heads.follow(session, 1, never) == 0
    found = heads.chooser(session, 1, never)
    assert found is not None
    assert found.head.judgments == 3


def weigh(monkeypatch: pytest.MonkeyPatch, **weights: float) -> None:
    """What people whom files name weigh."""
    of_judges = {f"imported:{name}": one for name, one in weights.items()}
    monkeypatch.setattr(reliability, "weights", lambda *_, **__: of_judges)


def test_judgments_count_by_the_weights_of_their_people(
    session: Session, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada likes the first feature, and Bob does not."""
    for name, values in (("Ada", (1.0, 0.0, -1.0)), ("Bob", (-1.0, 0.0, 1.0))):
        factories.judgment(session, screen(session, person, values), annotator=name)
    weigh(monkeypatch, Bob=0.25)
    found = Heads().chooser(session, 1, never)
    assert found is not None
    shown = [JudgedScreen([row(value) for value in values], (0,)) for values in ((1.0, 0.0, -1.0), (-1.0, 0.0, 1.0))]
    expected = fitted([shown[0], replace(shown[1], weight=0.25)])
    assert found.head.weights[0] > 0
    assert found.head.weights.tolist() == expected.weights.astype("<f4").tolist()


def test_other_weights_are_a_reason_to_fit_again_by_the_thread(
    session: Session, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.judgment(session, screen(session, person), annotator="Ada")
    heads = Heads()
    first = heads.chooser(session, 1, never)
    assert heads.follow(session, 1, never) == 0
    weigh(monkeypatch, Ada=0.5)
    again = heads.chooser(session, 1, never)
    assert first is not None
    assert again is not None
    assert again.id == first.id, "a request for a screen does not wait for the weights"
    for process in (heads, Heads()):
        assert process.follow(session, 1, never) == 0
    one, other = heads_stored(session)
    assert one.weighed != other.weighed, "and the second process finds the head of the first"
    second = heads.chooser(session, 1, never)
    assert second is not None
    assert 0 < second.head.weights[0] < first.head.weights[0]


def test_a_screen_takes_what_is_known_of_people_and_the_thread_what_they_weigh_now(
    session: Session, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights(_: Session, *, at_once: bool = False) -> dict[str, float]:
        return {} if at_once else {"imported:Ada": 0.5}

    monkeypatch.setattr(reliability, "weights", weights)
    factories.judgment(session, screen(session, person), annotator="Ada")
    heads = Heads()
    first = heads.chooser(session, 1, never)
    assert heads.follow(session, 1, never) == 0
    second = heads.chooser(session, 1, never)
    assert first is not None
    assert second is not None
    assert 0 < second.head.weights[0] < first.head.weights[0]


def test_a_setting_that_lets_more_judgments_count_is_a_reason_to_fit_again(session: Session, person: int) -> None:
    for seconds in (5.0, 0.6):
        factories.judgment(session, screen(session, person), seconds=seconds)
    heads = Heads()
    heads.chooser(session, 1, never)
    studio_settings.change(session, person, {"least_seconds": 0.5})
    assert heads.follow(session, 1, never) == 0
    assert [one.judgments for one in heads_stored(session)] == [1, 2]


def test_a_head_that_came_with_its_version_stays_until_the_next_judgment_whatever_weighs(
    session: Session, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = factories.judgment(session, screen(session, person), annotator="Ada").id
    own = fitted([JudgedScreen([row(value) for value in (1.0, 0.0, -1.0)], (0,))])
    with write_transaction(session):
        module.carry(session, 1, own.to_bytes(), last)
    weigh(monkeypatch, Ada=0.5)
    assert Heads().follow(session, 1, never) == 0
    assert len(heads_stored(session)) == 1


def test_going_back_to_a_version_goes_back_to_its_head_until_the_next_click(session: Session, person: int) -> None:
    heads = Heads()
    factories.judgment(session, screen(session, person))
    first = heads.chooser(session, 1, never)
    factories.version(session, 2)
    factories.serving(session, 2)
    factories.judgment(session, screen(session, person))
    second = heads.chooser(session, 2, never)
    assert second is not None
    assert second.head.judgments == 2
    with write_transaction(session):
        alias = session.get_one(Alias, SERVING)
        alias.version_number, alias.moved_at = 1, now()
    back = heads.chooser(session, 1, never)
    assert first is not None
    assert back is not None
    assert back.id == first.id
    factories.judgment(session, screen(session, person))
    on = heads.chooser(session, 1, never)
    assert on is not None
    assert on.head.judgments == 3


def test_learning_at_once_can_be_switched_off_and_what_the_version_came_with_then_chooses(
    session: Session, person: int
) -> None:
    heads = Heads()
    factories.judgment(session, screen(session, person))
    found = heads.chooser(session, 1, never)
    assert found is not None
    studio_settings.change(session, person, {"learn_at_once": False})
    assert heads.chooser(session, 1, never) is None
    assert heads.follow(session, 1, never) == 0
    with write_transaction(session):
        session.add(
            RewardHead(
                version_number=1,
                features_version=FEATURES_VERSION,
                judgments=1,
                last_judgment_id=0,
                undone=0,
                carried=True,
                weights=b"",
                data=found.head.to_bytes(),
            )
        )
    carried = heads.chooser(session, 1, never)
    assert carried is not None
    assert carried.id > found.id
    studio_settings.change(session, person, {"learn_at_once": True})
    factories.judgment(session, screen(session, person))
    on = heads.chooser(session, 1, never)
    assert on is not None
    assert on.head.judgments == 2


def test_a_head_of_other_features_is_not_read_but_learned_anew(session: Session, person: int) -> None:
    factories.judgment(session, screen(session, person))
    found = Heads().chooser(session, 1, never)
    assert found is not None
    with write_transaction(session):
        session.get_one(RewardHead, found.id).features_version = 0
    anew = Heads().chooser(session, 1, never)
    assert anew is not None
    assert anew.id > found.id


def test_the_widths_are_not_chosen_anew_at_every_click_once_as_many_judgments_count_as_ever_do(
    session: Session, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 3)
    monkeypatch.setattr(judged, "WINDOW", 3)
    chosen: list[int] = []

    def counted(of: Sequence[JudgedScreen]) -> tuple[float, ...]:
        chosen.append(len(of))
        return choose_widths(of)

    monkeypatch.setattr(module, "choose_widths", counted)
    heads = Heads()
    for _ in range(6):
        factories.judgment(session, screen(session, person))
        found = heads.chooser(session, 1, never)
    assert found is not None
    assert found.head.judgments == 3
    assert chosen == [1, 2, 3]


def test_what_a_judged_screen_was_chosen_from_is_let_go(session: Session, person: int) -> None:
    judged, open_one = screen(session, person), screen(session, person)
    with write_transaction(session):
        session.add_all([DrawnPool(generation_id=one.id, data=b"pool") for one in (judged, open_one)])
    factories.judgment(session, judged)
    Heads().chooser(session, 1, never)
    assert list(session.scalars(select(DrawnPool.generation_id))) == [open_one.id]


def test_a_version_that_was_taught_by_a_head_tells_the_heads_that_follow(session: Session, person: int) -> None:
    factories.judgment(session, screen(session, person))
    heads = Heads()
    first = heads.chooser(session, 1, never)
    assert first is not None
    assert not first.head.taught
    factories.version(session, 2)
    taught = replace(first.head, taught=True)
    with write_transaction(session):
        module.carry(session, 2, taught.to_bytes(), 1)
        session.get_one(Alias, SERVING).version_number = 2
        session.get_one(Alias, SERVING).moved_at = now()
    carried = heads.chooser(session, 2, never)
    assert carried is not None
    assert carried.head.taught
    assert carried.head.weights == pytest.approx(first.head.weights, abs=1e-6)
    assert (heads_stored(session)[-1].carried, heads_stored(session)[-1].last_judgment_id) == (True, 1)
    factories.judgment(session, screen(session, person))
    followed = heads.chooser(session, 2, never)
    assert followed is not None
    assert (followed.head.judgments, followed.head.taught) == (2, True)
    with pytest.raises(ModelError, match="no reward head"):
        module.carry(session, 2, b"broken", 1)


def delete(session: Session, *judgments: Judgment) -> None:
    screens = [judgment.generation_id for judgment in judgments]
    with write_transaction(session):
        deletions.delete_screens(session, screens)


def test_a_head_that_learned_from_a_deleted_judgment_is_fitted_again_by_every_process(
    session: Session, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deleted one is not the latest, none was undone, and there are too many to be fitted at once otherwise."""
    heads, others = Heads(), Heads()
    gone, _ = (
        factories.judgment(session, screen(session, person, values)) for values in ((-1.0, 0.0, 1.0), (1.0, 0.0))
    )
    both = [process.chooser(session, 1, never) for process in (heads, others)]
    assert [found.head.judgments for found in both if found] == [2, 2]
    monkeypatch.setattr(module, "AT_ONCE", 1)
    delete(session, gone)
    found = [process.chooser(session, 1, never) for process in (heads, others)]
    assert [one.head.judgments for one in found if one] == [1, 1]
    assert heads_stored(session)[0].data is None


def test_when_nothing_is_left_to_learn_from_no_head_chooses(session: Session, person: int) -> None:
    heads = Heads()
    only = factories.judgment(session, screen(session, person))
    assert heads.chooser(session, 1, never) is not None
    delete(session, only)
    assert heads.chooser(session, 1, never) is None
    assert Heads().chooser(session, 1, never) is None


def test_a_judgment_that_is_deleted_while_it_is_measured_is_passed_over(session: Session, person: int) -> None:
    judgment = factories.judgment(session, factories.generation(session, person))
    factories.judgment(session, screen(session, person))

    def meanwhile(text: str, rewrites: Sequence[str]) -> Array:
        delete(session, judgment)
        return by_length(text, rewrites)

    assert Heads().learn(session, 1, meanwhile) == 0
    assert [one.judgments for one in heads_stored(session)] == [1]


def test_the_head_of_a_version_that_learned_from_a_deleted_judgment_is_fitted_again(
    session: Session, person: int
) -> None:
    heads = Heads()
    for _ in range(2):
        factories.judgment(session, screen(session, person))
    found = heads.chooser(session, 1, never)
    assert found is not None
    delete(session, *session.scalars(select(Judgment).limit(1)))
    factories.version(session, 2)
    with write_transaction(session):
        module.carry(session, 2, found.head.to_bytes(), 2, lost=1)
    again = heads.chooser(session, 2, never)
    assert again is not None
    assert again.head.judgments == 1
