"""A judgment counts in a run as much as it weighs, however many pairs it yields, and a run keeps what it began with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import TrainingRun
from app.services.people import reliability
from app.services.training import runs
from app.services.training.reward import judged
from models.reward.head import Head, fitted
from models.store.store import HEAD_FILE, MODEL_FOLDER, WEIGHTS_FILE, CheckpointStore
from tests import factories
from tests.scorer_cache import share_cache
from tests.studio import Person, parts
from tests.trouble.silence import hand_out_silent
from worker.job import jobs, weighing
from worker.job.weighing import weighed_pairs, weighed_texts
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio
from worker.training.shared.examples import MarkedText, PreferenceExample

QUICK = {"num_train_epochs": 2, "per_device_train_batch_size": 4, "head_pairs": 0}
SCREENS = {
    "you are so stupid": ("you are wrong", "you are a moron", "you are dumb"),
    "stop": ("please stop it now", "stop stop", "stop it"),
    "what a fool": ("i disagree", "a fool", "foolish"),
    "no idiot": ("no thank you", "no moron no", "no no"),
}


def pair(click: int, chosen: str = "good", rejected: str = "bad", weight: float = 1.0) -> PreferenceExample:
    return PreferenceExample("a prompt", chosen, rejected, click, weight=weight)


CHOICE = [pair(1, rejected="bad"), pair(1, rejected="worse")]
EDIT = [pair(2, "better", rejected) for rejected in ("bad", "worse", "good")]
TIE = [pair(3, chosen, "bad", weight=0.5) for chosen in ("good", "fine")]


def of_judgments(pairs: list[PreferenceExample]) -> dict[int | None, float]:
    """What the pairs of each judgment weigh together."""
    return {click: sum(one.weight for one in pairs if one.click == click) for click in {one.click for one in pairs}}


def test_a_judgment_counts_as_it_weighs_however_many_pairs_it_yields() -> None:
    """Seven pairs of three judgments: a third of seven for each, times what it weighs."""
    found = weighed_pairs([*CHOICE, *EDIT, *TIE], {2: 0.5}, lists=False)

    assert of_judgments(found) == pytest.approx({1: 7 / 3, 2: 7 / 6, 3: 7 / 3})
    assert len({one.weight for one in found if one.click == 2}) == 1


def test_the_weights_of_a_judgments_own_pairs_divide_it() -> None:
    """Of two tied texts each stands against the third by half; the other rejected text was beaten by one alone."""
    uneven = [pair(1, "good", "bad", 0.5), pair(1, "fine", "bad", 0.5), pair(1, "good", "worse", 1.0)]

    assert [one.weight for one in weighed_pairs(uneven, {}, lists=False)] == [0.75, 0.75, 1.5]


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("judgment", [CHOICE, EDIT, TIE])
def test_where_judgments_are_alike_and_weigh_one_so_does_every_pair(
    judgment: list[PreferenceExample], lists: bool
) -> None:
    alike = [PreferenceExample(**{**vars(one), "click": click}) for click in range(7) for one in judgment]

    found = weighed_pairs(alike, {}, lists=lists)
    assert {one.weight for one in found} == {1.0}
    halved = weighed_pairs(alike, dict.fromkeys(range(7), 0.5), lists=lists)
    assert {one.weight for one in halved} == {0.5}


def test_in_the_listwise_loss_a_judgment_is_divided_among_its_lists() -> None:
    """A list counts as the mean of its pairs: one list of two, one of three, and two of one, which share a judgment."""
    found = weighed_pairs([*CHOICE, *EDIT, *TIE], {2: 0.5}, lists=True)

    means = {
        key: {one.weight for one in found if (one.click, one.chosen) == key}
        for key in ((1, "good"), (2, "better"), (3, "good"), (3, "fine"))
    }
    assert all(len(weights) == 1 for weights in means.values())
    assert [weights.pop() for weights in means.values()] == pytest.approx([4 / 3, 2 / 3, 2 / 3, 2 / 3])


def test_the_two_lists_of_an_order_weigh_alike() -> None:
    order = [pair(1, "good", "fine", 0.5), pair(1, "good", "bad", 0.5), pair(1, "fine", "bad", 1.0)]

    assert [one.weight for one in weighed_pairs(order, {}, lists=True)] == [1.0, 1.0, 1.0]
    assert [one.weight for one in weighed_pairs(order, {}, lists=False)] == [0.75, 0.75, 1.5]


def test_a_judgment_divides_its_weight_among_the_texts_that_it_marks() -> None:
    texts = [MarkedText("a", text, text == "x", judgment) for judgment, of in ((1, "xy"), (2, "xyzw")) for text in of]

    found = weighed_texts(texts, {2: 0.5})
    assert [one.weight for one in found] == [1.5, 1.5, 0.375, 0.375, 0.375, 0.375]
    assert [one[:4] for one in found] == [one[:4] for one in texts]


@pytest.fixture
def studio(app: Flask, queue_url: str, few_texts: int, version_1: int, monkeypatch: pytest.MonkeyPatch) -> Studio:
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("REDIS_URL", queue_url)
    for name in ("MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Studio.of(Settings.from_env())


@pytest.fixture
def clicks(studio: Studio, session: Session, annotator: Person) -> list[int]:
    """Four judgments, the last two of somebody whom a file names."""
    found = []
    for number, (text, candidates) in enumerate(SCREENS.items()):
        screen = factories.generation(session, annotator.id, candidates, prompt=factories.prompt(session, text))
        found.append(factories.judgment(session, screen, annotator="Bob" if number > 1 else None).id)
    return found


def weigh_bob(monkeypatch: pytest.MonkeyPatch, weight: float) -> None:
    monkeypatch.setattr(reliability, "weights", lambda *_, **__: {"imported:Bob": weight})


def ask(session: Session, method: str, **config: object) -> TrainingRun:
    return runs.request(session, None, method, {**QUICK, **config})[0]


def model_of(store: CheckpointStore, number: int) -> str:
    return store.manifest(number).files[f"{MODEL_FOLDER}/model.safetensors"]


def train_from_first(session: Session, run: TrainingRun) -> None:
    jobs.train(run.id)
    session.rollback()
    assert (run.status, run.error) == ("succeeded", None)


@pytest.mark.parametrize(
    "method", ["dpo", pytest.param("orpo", marks=pytest.mark.slow), pytest.param("kto", marks=pytest.mark.slow)]
)
def test_a_run_learns_less_from_those_who_weigh_less_and_says_so(
    studio: Studio, clicks: list[int], session: Session, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    train_from_first(session, ask(session, method, anchor_weight=0.0))
    weigh_bob(monkeypatch, 0.254)
    run = runs.request(session, None, method, {**QUICK, "anchor_weight": 0.0}, parent_version=1)[0]
    train_from_first(session, run)

    equal, weighed = (studio.store.verify(number) for number in (2, 3))
    assert (equal.metrics["judgments_below_one"], equal.metrics["judgments_weight"]) == (0, 4)
    assert (weighed.metrics["judgments_below_one"], weighed.metrics["judgments_weight"]) == (2, 2.5)
    assert "4 judgments, which count as 2.5: 2 weigh less than one." in run.log
    assert WEIGHTS_FILE not in equal.files
    assert json.loads((studio.store.folder(3) / WEIGHTS_FILE).read_text()) == {"3": 0.25, "4": 0.25}
    assert model_of(studio.store, 2) != model_of(studio.store, 3)
    assert equal.data_sha256 == weighed.data_sha256, "the data are the same"
    own = [Head.from_bytes((studio.store.folder(number) / HEAD_FILE).read_bytes()) for number in (2, 3)]
    screens = {screen.judgment_id: screen for screen in judged.screens(session, clicks)}
    for head, weight in zip(own, (1.0, 0.25), strict=True):
        expected = fitted([screens[one].judged(weight if one > 2 else 1.0) for one in clicks])
        assert head.weights.tolist() == expected.weights.astype("<f4").tolist()


def test_a_run_that_goes_on_keeps_the_weights_that_it_began_with(
    studio: Studio, clicks: list[int], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    weigh_bob(monkeypatch, 0.25)
    train_from_first(session, ask(session, "dpo"))
    run = runs.request(session, None, "dpo", QUICK, parent_version=1)[0]

    def die(*_: object) -> None:
        raise SystemExit("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.training.shared.run_folder.mark_whole", die)
        with pytest.raises(SystemExit):
            jobs.train(run.id)
    assert hand_out_silent(session) == [run.id]
    weigh_bob(monkeypatch, 0.75)
    train_from_first(session, run)

    assert run.attempts == 2
    assert model_of(studio.store, 3) == model_of(studio.store, 2)
    assert studio.store.manifest(3).metrics["judgments_weight"] == 2.5


def test_the_weights_are_those_of_the_first_attempt_even_if_all_weigh_one(
    studio: Studio, clicks: list[int], session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = ask(session, "dpo")
    attempt = Attempt.claim(studio.sessions, run.id)
    assert attempt is not None
    assert weighing.weights_of_run(studio, attempt, tmp_path / "run") == {}
    weigh_bob(monkeypatch, 0.5)
    assert weighing.weights_of_run(studio, attempt, tmp_path / "run") == {}
    assert weighing.weights_of_run(studio, attempt, tmp_path / "another") == {3: 0.5, 4: 0.5}
