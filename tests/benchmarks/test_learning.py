"""The yardstick of learning: what it counts, by hand, and the whole of it in a short form."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.config import EMBEDDED_BASE_MODEL, PROJECT_ROOT
from benchmarks import learning
from benchmarks.learning import ARMS, UNSEEN_SEED, Person, Version, arm_of, cell, cells_of, table, tried
from benchmarks.support.people import (
    Click,
    Writer,
    ceiling,
    clicks,
    interval,
    learned,
    pairs,
    rude_sentences,
    win_rates,
)
from benchmarks.support.tastes import KINDS, Kind, at_random, brief
from models.reward.features import SIZE
from models.reward.head import Head
from models.serving.screen import Shown
from tests.scorer_cache import CACHE
from worker.evaluation.scorers.loading import load_scorers
from worker.publish.convert import convert_to_ctranslate2
from worker.training.clicks.shipped_texts import shipped_texts

SHARED_DATA = Path(os.environ.get("MELLOW_SHARED_DATA", PROJECT_ROOT.parent / "shared" / "data"))


class Shows:
    """A version that shows the same three cards for every text, and two for a text without words."""

    def cards(self, text: str, head: Head | None = None, wanted: int = 3) -> list[Shown]:
        self.heads = [*getattr(self, "heads", []), head]
        shown = ["a b c", "a", "a b"] if text else ["a", "b"]
        return [Shown(card, -1.0, np.eye(SIZE)[0] * len(card)) for card in shown]


def texts() -> Iterator[str]:
    return itertools.chain(["one", ""], (f"text {number}" for number in itertools.count()))


def of(kind: Kind, number: int) -> list[Click]:
    writer: Any = Shows()
    return clicks(writer, kind, texts(), number, 0)


def test_a_card_wins_ties_or_loses_against_every_card_shown_before() -> None:
    before, after = [["a b", "a b c"]], [["a", "a b"]]
    assert win_rates(brief, ["text"], after, before) == [(1 + 1 + 0.5 + 1) / 4]
    assert win_rates(brief, ["text"], before, before) == [0.5]


def test_settings_to_try_make_an_arm_of_their_own_that_trains_with_them() -> None:
    name = tried('{"num_train_epochs": 4, "beta": 0.3}')
    assert name == 'retrain {"beta": 0.3, "num_train_epochs": 4}'
    learn: Any = arm_of(name).learn
    assert (learn.func, learn.keywords) == (ARMS["retrain"].learn, {"settings": {"beta": 0.3, "num_train_epochs": 4}})
    assert arm_of(name).live
    assert arm_of("dpo") is ARMS["dpo"]
    with pytest.raises(argparse.ArgumentTypeError, match=r"^beta must be between 0\.0001 and 10, not 11\.$"):
        tried('{"beta": 11}')


def test_a_person_clicks_what_the_taste_likes_best_where_three_cards_are_shown() -> None:
    made = of(KINDS["brief"], 3)
    assert [(click.text, click.chosen) for click in made] == [("one", 1), ("text 0", 1), ("text 1", 1)]
    assert pairs(made[:1])[0].chosen == "a"
    assert [(pair.rejected, pair.click) for pair in pairs(made[:1])] == [("a b c", 0), ("a b", 0)]


def test_live_clicks_are_made_on_what_the_head_of_those_before_shows() -> None:
    writer: Any = Shows()
    made = clicks(writer, KINDS["brief"], texts(), 3, 0, live=True)
    assert [None if head is None else head.judgments for head in writer.heads] == [None, 1, 1, 2]
    found = learned(made)
    assert found is not None
    assert found.weights[0] < 0
    assert learned([]) is None


def test_of_cards_that_please_alike_any_is_clicked_and_noise_clicks_any() -> None:
    for kind in (Kind(lambda source, rewrite: 0.0), Kind(brief, noise=1.0)):
        assert {click.chosen for click in of(kind, 40)} == {0, 1, 2}


def test_a_random_taste_scores_the_same_rewrite_alike_and_others_apart() -> None:
    assert at_random("s", "a") == at_random("s", "a") != at_random("s", "b")
    assert 0 <= at_random("s", "a") < 1


def test_the_ceiling_is_the_three_that_the_taste_would_show() -> None:
    assert ceiling(brief, ["s"], [["a b c d", "a", "a b c", "a b"]]) == [["a", "a b", "a b c"]]


def test_the_interval_holds_the_mean_of_the_people_and_grows_with_how_they_differ() -> None:
    assert interval([[0.5, 0.5], [0.5, 0.5]]) == (0.5, 0.5, 0.5)
    mean, low, high = interval([[0.0, 0.2, 0.1], [0.9, 1.0, 0.8]])
    assert mean == pytest.approx(0.5)
    assert low < 0.2
    assert high > 0.8


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED_DATA / "corpus").is_dir(), reason="MELLOW_SHARED_DATA holds no corpus")
def test_the_short_form_says_nothing_of_no_clicks_and_something_of_twenty(tmp_path: Path) -> None:
    before = Version(EMBEDDED_BASE_MODEL, tmp_path / "serving")
    convert_to_ctranslate2(before.model, before.serving)
    unseen = list(itertools.islice(rude_sentences(SHARED_DATA, UNSEEN_SEED), 20))
    person, scorers = Person(0, before.serving, unseen, SHARED_DATA), load_scorers(CACHE)
    none, twenty = (cell("dpo", "brief", number, person, before, scorers) for number in (0, 20))
    assert not {click.text for click in person.clicks("brief", 20)} & set(unseen)
    assert sum(none["shown"]) / len(unseen) == pytest.approx(0.5, abs=0.1)
    assert sum(none["ceiling"]) / len(unseen) > 0.7
    assert twenty["seconds"] > 1
    live = cell("head", "brief", 20, person, before, scorers)
    assert sum(live["shown"]) / len(unseen) > 0.6
    assert sum(live["plain"]) / len(unseen) == pytest.approx(0.5, abs=0.1)
    assert live["meaning"] > 0.85 * none["meaning"]
    assert 0 < twenty["j"] <= twenty["meaning"] <= 1
    assert len(table([none, twenty]).splitlines()) == 4


@pytest.mark.slow
def test_twenty_clicks_and_a_retrain_show_on_texts_that_nobody_clicked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no outside data: the texts that come with the recipe are clicked, held back, and labelled."""
    shipped = shipped_texts()
    unseen = shipped[150:180]
    monkeypatch.setattr(learning, "shipped_texts", lambda: shipped[180:])
    monkeypatch.setattr(learning, "FOLDER", tmp_path)
    before = Version(EMBEDDED_BASE_MODEL, tmp_path / "serving")
    convert_to_ctranslate2(before.model, before.serving)
    writer = Writer(before.serving, seed=1)
    made = clicks(writer, KINDS["brief"], iter(shipped[:150]), 20, 0, live=True)
    work = tmp_path / "work"
    work.mkdir()
    now = learning.retrain(before, made, work, 1)
    assert now.head is not None
    assert now.head.taught
    after = Writer(now.serving, seed=2)
    shown = win_rates(brief, unseen, after.screens(unseen, now.head), writer.screens(unseen))
    plain = win_rates(brief, unseen, after.plain(unseen), writer.plain(unseen))
    assert np.mean(shown) > 0.65
    assert np.mean(plain) > 0.55


def test_cells_of_another_model_are_kept_apart_from_those_of_the_embedded_one(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert cells_of(EMBEDDED_BASE_MODEL) == learning.CELLS
    first = cells_of(tmp_path)
    assert first.parent.parent == learning.FOLDER
    (tmp_path / "model.safetensors").write_bytes(b"others")
    assert cells_of(tmp_path) not in (first, learning.CELLS)
