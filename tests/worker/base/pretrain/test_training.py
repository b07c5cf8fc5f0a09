"""The loop: a stopped run goes on exactly as one that was not, the schedule, and the cool-down."""

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from worker.base.pretrain.__main__ import pretrain
from worker.base.pretrain.state import PretrainingProgress, State, load_state
from worker.base.pretrain.training import Plan

PLAN = Plan(learning_rate=1e-2, tokens_each=100, warm_up=2_000, steps_between_logs=4, steps_between_measurements=50)
CPU = torch.device("cpu")


def run(data: Path, work: Path, model: Path, tokens: int, plan: Plan = PLAN) -> PretrainingProgress:
    return pretrain(data, work, model, plan, threading.Event(), device=CPU, tokens=tokens)


def state(folder: Path) -> State:
    stored = load_state(folder)
    assert stored is not None
    return stored


def log_lines(folder: Path) -> list[dict[str, Any]]:
    """The log without the speeds, which no two runs share."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name != "tokens_per_second"} for line in lines]


def assert_equal_tensors(one: Any, other: Any) -> None:
    """Compare two states bit by bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_equal_tensors(one[name], other[name])
    else:
        assert one == other


def test_a_resumed_run_equals_an_uninterrupted_one(data: Path, tmp_path: Path, checkpoint: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(data, whole, checkpoint, 12_000)
    for tokens in (2_000, 9_900, 12_000):  # neither is the end of a group
        run(data, parts, checkpoint, tokens)

    assert state(whole).progress == state(parts).progress
    assert state(whole).progress.group > 0
    for name in ("weights", "average", "optimizer"):
        assert_equal_tensors(getattr(state(whole), name), getattr(state(parts), name))
    assert log_lines(whole) == log_lines(parts)


def test_steps_that_were_not_saved_are_trained_and_logged_again(data: Path, tmp_path: Path, checkpoint: Path) -> None:
    work = tmp_path / "work"
    run(data, work, checkpoint, 3_000)
    saved = (work / "state.pt").read_bytes()
    run(data, work, checkpoint, 9_000)
    expected, log = state(work), log_lines(work)
    (work / "state.pt").write_bytes(saved)  # as after a kill without warning
    with (work / "log.jsonl").open("a", encoding="utf-8") as handle:
        handle.write('{"tokens": 90')
    run(data, work, checkpoint, 9_000)

    assert_equal_tensors(state(work).weights, expected.weights)
    assert log_lines(work) == log


def test_batches_drawn_by_other_processes_are_the_same(data: Path, tmp_path: Path, checkpoint: Path) -> None:
    alone, helped = tmp_path / "alone", tmp_path / "helped"
    run(data, alone, checkpoint, 5_000)
    run(data, helped, checkpoint, 5_000, dataclasses.replace(PLAN, loaders=2))

    assert_equal_tensors(state(alone).weights, state(helped).weights)


def test_loss_falls_and_is_logged_by_task(data: Path, tmp_path: Path, checkpoint: Path) -> None:
    run(data, tmp_path / "work", checkpoint, 20_000)

    measured = [line["held_out"] for line in log_lines(tmp_path / "work") if "held_out" in line]
    for task in ("corruption", "continuation"):
        assert set(measured[0][task]) == {"all", "jigsaw_comments", "topical_chat"}
        assert measured[-1][task]["all"] < measured[0][task]["all"] - 0.5
    trained = [line["loss"] for line in log_lines(tmp_path / "work") if "loss" in line]
    assert {task for line in trained for task in line} == {"corruption", "continuation"}


def test_a_run_told_to_stop_saves_where_it_is(data: Path, tmp_path: Path, checkpoint: Path) -> None:
    stop = threading.Event()
    stop.set()
    progress = pretrain(data, tmp_path / "work", checkpoint, PLAN, stop, device=CPU)

    assert state(tmp_path / "work").progress == progress
    assert progress.steps == 0


def test_cooling_down_ends_by_itself_and_leaves_the_training_alone(
    data: Path, tmp_path: Path, checkpoint: Path
) -> None:
    work = tmp_path / "work"
    start = run(data, work, checkpoint, 3_000).tokens
    before = (work / "state.pt").read_bytes()
    cooling = Plan(learning_rate=1e-2, tokens_each=300, warm_up=2_000, cool_down=2_000, steps_between_logs=1)
    progress = pretrain(data, work, checkpoint, cooling, threading.Event(), device=CPU)

    assert start + 2_000 <= progress.tokens < start + 2_600
    assert (work / "state.pt").read_bytes() == before
    assert (work / "cooled" / "checkpoint" / "model.safetensors").exists()
    rates = [line["learning_rate"] for line in log_lines(work / "cooled") if "learning_rate" in line]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(1e-3)


def test_nothing_can_be_cooled_down_before_a_training(data: Path, tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="no training to cool down"):
        run(data, tmp_path / "work", checkpoint, 100, Plan(learning_rate=1e-2, cool_down=1_000))


def test_the_rate_warms_up_stays_and_cools() -> None:
    plan = Plan(learning_rate=0.01, tokens_each=100, warm_up=1_000, cool_down=500)

    assert [plan.rate(tokens, None) for tokens in (0, 400, 900, 10**9)] == [0.001, 0.005, 0.01, 0.01]
    assert [plan.rate(tokens, 2_000) for tokens in (2_000, 2_250, 9_000)] == pytest.approx([0.01, 0.0055, 0.001])
