"""A rewrite as a row of numbers: the parts it is made of, and how it is stored."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from models.model_errors import LoadError
from models.reward import features as module
from models.reward.features import (
    FURTHEST,
    GROUPS,
    NAMED,
    SIZE,
    MeasuredRewrite,
    Verdict,
    features,
    pack,
    raw,
    unpack,
)

SOURCE = "you are a silly man"
NAMES = [number.name for number in NAMED]


def verdict(meaning: float = 0.8, fluency: float = 0.5, state: int = 0) -> Verdict:
    return Verdict(meaning, fluency, -4.0, 8.0, np.eye(384, dtype=np.float32)[state])


def measured(
    text: str, likelihood: float = -1.0, neutrality: float = 0.9, judge: Verdict | None = None
) -> MeasuredRewrite:
    return MeasuredRewrite(text, likelihood, neutrality, judge)


def test_the_groups_cover_every_feature_once() -> None:
    assert [(group.start, group.stop) for group in GROUPS] == [(0, 30), (30, 94), (94, 126)]
    assert GROUPS[-1].stop == SIZE
    assert len(set(NAMES)) == len(NAMED) == 30


def test_named_features_are_standardised_and_bounded() -> None:
    standard = module.standard()
    rewrite = measured("You are wrong.", judge=verdict())
    (row,) = features(SOURCE, [rewrite])
    expected = (np.array(raw(SOURCE, rewrite)) - standard.mean) / standard.scale
    assert row[: len(NAMED)] == pytest.approx(np.clip(expected, -FURTHEST, FURTHEST))
    (shouted,) = features(SOURCE, [measured("NO!" * 400)])
    assert shouted[NAMES.index("exclamation_marks")] == FURTHEST
    assert np.isfinite(shouted).all()


def test_one_unit_is_a_usual_difference() -> None:
    assert (module.standard().scale > 0).all()
    longer, shorter = features(SOURCE, [measured("you are not a clever man"), measured("you are not clever")])
    assert 1 < (longer - shorter)[NAMES.index("words")] < 5


def test_what_the_judge_was_not_asked_is_as_on_average() -> None:
    (row,) = features(SOURCE, [measured("you are wrong")])
    judged = [NAMES.index(name) for name in ("meaning", "fluency", "expectedness", "rarity")]
    assert (row[judged] == 0).all()
    assert (row[GROUPS[2].start :] == 0).all()
    (read,) = features(SOURCE, [measured("you are wrong", judge=verdict())])
    assert (read[judged] != 0).any()
    assert np.abs(read[GROUPS[2].start :]).max() > 0


def test_words_count_once_each_whatever_their_case_and_order() -> None:
    words = slice(GROUPS[1].start, GROUPS[1].stop)
    one, other, third = features(SOURCE, [measured("Kind man kind"), measured("man, KIND"), measured("kind")])
    assert (one[words] == other[words]).all()
    assert np.abs(one[words]).sum() == 2
    assert np.abs(third[words]).sum() == 1


def test_meaning_tells_states_apart() -> None:
    meaning = slice(GROUPS[2].start, GROUPS[2].stop)
    one, other = features(SOURCE, [measured("a", judge=verdict(state=0)), measured("a", judge=verdict(state=1))])
    assert np.abs(one[meaning] - other[meaning]).max() > 0.1


def test_a_row_is_stored_in_two_bytes_a_feature_and_comes_back() -> None:
    (row,) = features(SOURCE, [measured("you are wrong", judge=verdict())])
    data = pack(row)
    assert len(data) == 4 + 2 * SIZE
    back = unpack(data)
    assert back is not None
    assert back == pytest.approx(row, abs=0.01)


@pytest.mark.parametrize("data", [None, b"", b"1234", struct.pack("<HH", 99, SIZE) + bytes(2 * SIZE)])
def test_what_another_version_stored_is_not_read(data: bytes | None) -> None:
    assert unpack(data) is None


def test_a_missing_standard_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STANDARD_FILE", module.STANDARD_FILE.with_name("none.safetensors"))
    module.standard.cache_clear()
    try:
        with pytest.raises(LoadError, match="cannot be read as the measure of features"):
            features(SOURCE, [measured("you are wrong")])
    finally:
        module.standard.cache_clear()
