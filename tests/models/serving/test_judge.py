"""What the embedded judge says of rewrites: the meaning they keep, and how well they read."""

from __future__ import annotations

import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models.model_errors import LoadError
from models.serving.judge import HEAD_FILE, JUDGE_FOLDER, Judge, features, judge

SOURCE = "you are a stupid idiot and your plan will never work"


@pytest.mark.parametrize(
    ("source", "closer", "farther"),
    [
        (SOURCE, "your plan will never work", "please stop it"),
        (SOURCE, "you are not clever and your plan will fail", "the weather is lovely today"),
        ("get out of my kitchen you moron", "please leave my kitchen", "the pizza was cold"),
        ("the damn train is late again", "the train is late again", "the train is never late"),
    ],
)
def test_a_rewrite_with_the_meaning_is_closer_than_one_without(source: str, closer: str, farther: str) -> None:
    near, far = judge()(source, [closer, farther])
    assert 1 > near.meaning > far.meaning


def test_a_text_means_what_it_means_and_another_one_something_else() -> None:
    same, other = judge()(SOURCE, [SOURCE, "the cat sleeps on the warm roof"])
    assert same.meaning == pytest.approx(1, abs=1e-3)
    assert other.meaning < 0.3


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        ("Your plan will never work.", "Plan your work never will."),
        ("I do not think that this is right.", "I do not think this that right is."),
        ("You should leave the kitchen now.", "You should leave the the kitchen a now."),
    ],
)
def test_a_sentence_reads_better_than_its_words_in_disorder(whole: str, damaged: str) -> None:
    good, bad = judge()(whole, [whole, damaged])
    assert 0 < bad.fluency < good.fluency < 1


def test_a_verdict_does_not_depend_on_the_texts_beside_it() -> None:
    text = "your plan will never work"
    [alone] = judge()(SOURCE, [text])
    beside = judge()(SOURCE, [text, "no " * 60, "?"])[0]
    assert alone.meaning == pytest.approx(beside.meaning, abs=5e-3)
    assert alone.fluency == pytest.approx(beside.fluency, abs=5e-3)


@pytest.mark.parametrize("text", ["", " ", "👍", "дурак", "白痴", "<b>", "\x00", "word " * 1000])
def test_any_text_gets_a_verdict(text: str) -> None:
    for verdict in judge()(text, [text, SOURCE]):
        assert -1.001 <= verdict.meaning <= 1.001
        assert 0 <= verdict.fluency <= 1


def test_no_rewrites_no_verdicts() -> None:
    assert judge()(SOURCE, []) == []


def test_several_threads_get_what_one_gets() -> None:
    sources = [f"{SOURCE} {word}" for word in ("now", "here", "again", "today")] * 4
    alone = [judge()(source, [SOURCE]) for source in sources]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda source: judge()(source, [SOURCE]), sources)) == alone


def test_a_damaged_judge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot be read as the judge"):
        Judge(tmp_path)
    folder = tmp_path / "judge"
    shutil.copytree(JUDGE_FOLDER, folder)
    save_file({"weights": np.zeros(3, np.float32), "bias": np.zeros(1, np.float32)}, folder / HEAD_FILE)
    with pytest.raises(LoadError, match="cannot be read as the judge"):
        Judge(folder)
    (folder / HEAD_FILE).unlink()
    with pytest.raises(LoadError, match="cannot be read as the judge"):
        Judge(folder)


def test_the_features_of_acceptability_worked_by_hand() -> None:
    """A text of four word pieces, one of one and one of none, each between two special ones that do not count."""
    special = (99.0, 99.0, 99.0)
    pieces = [
        [special, (-1.0, 1.0, 0.5), (-2.0, 2.0, 1.0), (-6.0, 1.0, 2.0), (-4.0, 1.0, 8.0), special],
        [special, (-3.0, 2.0, 1.0), special, special, special, special],
        [special] * 6,
    ]
    found = features(np.array(pieces, np.float32), np.array([6, 3, 2]))

    np.testing.assert_allclose(
        found,
        [
            # Means of five tokens; the worse of the windows −9 / 4 and −12 / 4, and of (−9 + 1.75) / 4 and −6.5 / 4.
            [-13 / 5, 11.5 / 5, -3.0, -7.25 / 4, math.log(5)],
            [-1.5, 0.5, -1.5, -1.25, math.log(2)],
            [0.0, 0.0, 0.0, 0.0, math.log(0.5)],
        ],
        rtol=1e-5,
    )
