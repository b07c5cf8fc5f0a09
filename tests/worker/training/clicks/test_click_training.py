"""ORPO and KTO on clicks: what is learned, and that the penalty holds other sentences still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.settings.clicks import click_options
from models.texts.heldout import heldout_pairs
from tests.worker.conftest import RecordingProgress
from worker.training.clicks.click_training import train_on_clicks
from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.training_errors import Cancelled, DatasetError
from worker.training.t5.scoring import mean_token_log_prob, sequence_log_probs


def rows(method: str, examples: list[PreferenceExample]) -> list[dict[str, Any]]:
    """The clicks as the method's rows."""
    if method == "orpo":
        return [{"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in examples]
    return [
        {"prompt": one.prompt, "completion": text, "label": good}
        for one in examples
        for text, good in ((one.chosen, True), (one.rejected, False))
    ]


def margins(model: Any, tokenizer: Any, examples: list[PreferenceExample]) -> list[float]:
    """log p(chosen) - log p(rejected) of each example, in nats."""
    prompts = [one.prompt for one in examples]
    chosen = sequence_log_probs(model, tokenizer, prompts, [one.chosen for one in examples])
    rejected = sequence_log_probs(model, tokenizer, prompts, [one.rejected for one in examples])
    return [a - b for a, b in zip(chosen, rejected, strict=True)]


def options(method: str, **settings: object) -> Any:
    return click_options(method, {"learning_rate": 5e-3, "num_train_epochs": 8, **settings})


@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_the_clicks_are_learned_and_the_penalty_costs_other_sentences_less(
    method: str, tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    tokenizer, heldout = load_tokenizer(tiny_t5), heldout_pairs()[:20]
    parent = mean_token_log_prob(load_model(tiny_t5), tokenizer, heldout)
    moved = {}
    for weight in (100.0, 0.0):
        run, progress = tmp_path / str(weight), RecordingProgress()
        chosen = options(method, anchor_weight=weight)
        result = train_on_clicks(method, tiny_t5, rows(method, examples), chosen, run, progress)
        child = load_model(run / "model")
        moved[weight] = abs(mean_token_log_prob(child, tokenizer, heldout) - parent)
        assert result.reward_margin is not None
        assert ("anchor_kl" in progress.reports[0][1]) == (weight > 0)
        if weight:
            assert progress.reports[0][1]["anchor_kl"] == pytest.approx(0, abs=1e-6)
            assert progress.reports[-1][1]["anchor_kl"] > 0
        else:
            before = margins(load_model(tiny_t5), tokenizer, examples)
            after = margins(child, tokenizer, examples)
            assert all(now > then for then, now in zip(before, after, strict=True))
    assert moved[100.0] < moved[0.0] / 2


def test_kto_learns_from_bad_texts_beside_a_single_good_one(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path
) -> None:
    """What "none is good" gives: texts of other prompts, all of them bad, become less probable."""
    one, *others = examples
    learned = rows("kto", [one]) + [
        {"prompt": other.prompt, "completion": other.rejected, "label": False} for other in others
    ]
    train_on_clicks("kto", tiny_t5, learned, options("kto", anchor_weight=0), tmp_path / "run", RecordingProgress())

    tokenizer = load_tokenizer(tiny_t5)
    prompts, bad = [other.prompt for other in others], [other.rejected for other in others]
    before, after = (
        sequence_log_probs(load_model(folder), tokenizer, prompts, bad) for folder in (tiny_t5, tmp_path / "run/model")
    )
    assert all(now < then for then, now in zip(before, after, strict=True))


def test_a_cancelled_training_leaves_no_model(tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path) -> None:
    with pytest.raises(Cancelled, match="cancelled after step 2"):
        train_on_clicks(
            "orpo", tiny_t5, rows("orpo", examples), options("orpo"), tmp_path / "run", RecordingProgress(2)
        )
    assert not (tmp_path / "run" / "model").exists()


def test_without_clicks_there_is_nothing_to_train_on(tiny_t5: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"^There are no clicks to train on\.$"):
        train_on_clicks("kto", tiny_t5, [], options("kto"), tmp_path / "run", RecordingProgress())
    assert not (tmp_path / "run").exists()
