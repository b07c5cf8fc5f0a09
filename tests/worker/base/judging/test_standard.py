"""The measure of the features: what a usual difference is, how features go together, and what is guessed of quality."""

from __future__ import annotations

import numpy as np
import pytest

from models.reward.features import BEFORE, MEANING, NAMED, SIZE, MeasuredRewrite, Standard, Verdict, raw
from worker.base.judging.standard import Pool, measure, together

NAMES = [number.name for number in NAMED]
WIDTH = 40


def pool(number: int, chance: np.random.Generator) -> Pool:
    """Rewrites of one to six words, the longer of which the judge likes less."""
    source = f"you are text number {number}"
    rewrites = []
    for length in range(1, 7):
        state = chance.standard_normal(WIDTH).astype(np.float32)
        verdict = Verdict(0.9, 0.5, -4.0, 7.0, state / np.linalg.norm(state))
        rewrites.append(MeasuredRewrite(" ".join(["word"] * length), -1.0, 0.9, verdict))
    return Pool(
        tuple(rewrites),
        source,
        np.array([raw(source, rewrite) for rewrite in rewrites]),
        np.array([rewrite.verdict.state for rewrite in rewrites if rewrite.verdict], dtype=np.float64),
        np.exp(-np.log1p(np.arange(1, 7))),
    )


@pytest.fixture(scope="module")
def pools() -> list[Pool]:
    chance = np.random.default_rng(1)
    return [pool(number, chance) for number in range(30)]


def test_a_usual_difference_is_that_of_the_samples_of_one_text(pools: list[Pool]) -> None:
    found = measure(pools)
    lengths = np.log1p(np.arange(1, 7))
    assert found["mean"][NAMES.index("words")] == pytest.approx(lengths.mean())
    assert found["scale"][NAMES.index("words")] == pytest.approx(lengths.std())


def test_directions_of_meaning_are_as_wide_as_each_other(pools: list[Pool]) -> None:
    found = measure(pools)
    assert found["directions"].shape == (MEANING, WIDTH)
    apart = np.concatenate([one.states - one.states.mean(0) for one in pools]) @ found["directions"].T
    assert apart.std(0) == pytest.approx(np.ones(MEANING), rel=1e-6)


def test_what_the_judge_likes_is_guessed_from_what_is_known_before(pools: list[Pool]) -> None:
    found = measure(pools)
    assert found["guess"].shape == (BEFORE,)
    rows = pools[0].named[:, :BEFORE] / found["scale"][:BEFORE]
    guessed = (rows - rows.mean(0)) @ found["guess"]
    assert guessed.tolist() == sorted(guessed.tolist(), reverse=True)


def test_features_that_go_together_are_told(pools: list[Pool]) -> None:
    found = {**measure(pools), "together": np.empty(0)}
    changes = together(pools, Standard(**found))
    assert changes.shape == (len(NAMED), SIZE)
    words, repeated = NAMES.index("words"), NAMES.index("different_words")
    assert changes[words, words] == pytest.approx(1.0, rel=0.01)
    assert changes[words, repeated] < -0.5, "longer ones repeat their word"
