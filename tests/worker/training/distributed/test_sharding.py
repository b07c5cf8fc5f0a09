"""What `accelerate launch` may be told to do with the weights of a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.model_errors import RecipeError
from tests.worker.training.methods.conftest import run
from worker.training.distributed.sharding import check_weights_are_whole

DEEPSPEED = {"ACCELERATE_USE_DEEPSPEED": "true"}


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}, "FSDP"),
        ({**DEEPSPEED, "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, "ZeRO-3"),
    ],
)
def test_sharing_out_the_weights_is_refused_in_a_sentence(told: dict[str, str], what: str) -> None:
    with pytest.raises(RecipeError, match=rf"^{what} shares out the weights, but Mellow scores and saves whole models"):
        check_weights_are_whole(told)


def test_it_is_refused_before_the_model_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(RecipeError, match=r"^FSDP"):
        run("dpo", tmp_path / "no model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_zero_3_in_a_file_of_deepspeed_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "deepspeed.json"
    file.write_text(json.dumps({"zero_optimization": {"stage": 3}}), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"^ZeRO-3"):
        check_weights_are_whole({**DEEPSPEED, "ACCELERATE_DEEPSPEED_CONFIG_FILE": str(file)})


@pytest.mark.parametrize("told", [{}, {**DEEPSPEED, "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}], ids=["copies", "ZeRO-2"])
def test_copies_and_zero_2_leave_each_process_all_weights(told: dict[str, str]) -> None:
    check_weights_are_whole(told)
