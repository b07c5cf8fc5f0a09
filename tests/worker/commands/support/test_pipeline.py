"""Several trainings in a row, resumable, on tiny models."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.model_errors import RecipeError
from tests.tiny.classifiers import build_tiny_encoder
from tests.tiny.t5 import build_tiny_t5
from worker.cli import main
from worker.commands.support import pipeline
from worker.commands.support.pipeline import Plan

PAIRS = [
    ("you are stupid", "you are wrong"),
    ("what a dumb idea", "i disagree with the idea"),
    ("this movie is trash", "this movie is not good"),
    ("your plan is garbage", "your plan is mistaken"),
    ("stop it moron", "please stop it"),
    ("damn no idiot", "no"),
]


def plan(**settings: Any) -> Plan:
    return Plan.from_mapping({"train_file": "a.tsv", "reward_model_name_or_path": "r", **settings}, "base")


def test_by_default_a_pipeline_is_sft_reward_dpo_and_an_evaluation() -> None:
    found = plan()

    assert [stage.method for stage in found.stages] == ["sft", "reward", "dpo"]
    assert (found.model, found.evaluate) == ("base", True)
    assert all(stage.data["train_file"] == ["a.tsv"] for stage in found.stages)


def test_settings_at_the_top_are_for_the_stages_that_know_them_and_a_stage_has_the_last_word() -> None:
    found = plan(stages=["sft", "dpo"], beta=0.3, seed=4, dpo={"seed": 5, "train_file": ["b.tsv"]})

    sft, dpo = found.stages
    assert not found.evaluate
    assert (sft.options.seed, dpo.options.seed, dpo.options.as_dict()["beta"]) == (4, 5, 0.3)
    assert (sft.data["train_file"], dpo.data["train_file"]) == (["a.tsv"], ["b.tsv"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"stages": ["sft", "dop"]}, "stages must be a list of"),
        ({"stages": ["evaluate", "sft"]}, "evaluate must be the last stage."),
        ({"stages": ["dpo", "dpo"]}, "A stage can stand in a pipeline once."),
        ({"betta": 1}, "betta is not a setting of this pipeline."),
        ({"dpo": {"betta": 1}}, "In the stage dpo: betta is not a setting"),
        ({"dpo": 3}, "dpo must hold settings"),
        ({"reward_model_name_or_path": ""}, "The stage reward needs reward_model_name_or_path"),
        ({"train_file": []}, "The stage sft needs its data"),
        ({"dataset_name": "hub/x"}, "The stage sft needs its data"),
    ],
)
def test_a_wrong_plan_is_told_in_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RecipeError) as raised:
        plan(**settings)

    assert str(raised.value).startswith(sentence)


def test_a_pipeline_runs_compares_and_does_nothing_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "pairs.tsv"
    data.write_text("toxic\tneutral1\n" + "".join(f"{a}\t{b}\n" for a, b in PAIRS), encoding="utf-8")
    file = tmp_path / "plan.yaml"
    settings = {
        "model_name_or_path": str(build_tiny_t5(tmp_path / "t5")),
        "reward_model_name_or_path": str(build_tiny_encoder(tmp_path / "bert")),
        "stages": ["sft", "reward", "dpo", "evaluate"],
        "train_file": str(data),
        "max_steps": 3,
        "learning_rate": 0.01,
        "dev_split": 2,
    }
    file.write_text(json.dumps(settings), encoding="utf-8")
    command = ["pipeline", "--config", str(file), "--set", "dpo.beta=0.2", "--output_dir", str(tmp_path / "out")]

    assert main(command) == 0

    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()[-3:]] == ["start", "sft", "dpo"]
    result = json.loads((tmp_path / "out" / "dpo" / "result.json").read_text(encoding="utf-8"))
    assert result["options"]["beta"] == 0.2
    assert result["model"] == str(tmp_path / "out" / "sft" / "model")
    assert (result["parent"], result["round"]) == (str(tmp_path / "out" / "sft"), 2)
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert figures["start"]["kl"]["value"] == 0
    assert {"preference_accuracy", "reward", "kl", "perplexity"} <= set(figures["dpo"])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("model.safetensors")}

    assert main(command) == 0

    assert "The stage dpo is complete already." in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("model.safetensors")} == before

    assert main([*command, "--set", "dpo.beta=0.4"]) == 1
    assert "another training, which differs in options" in capsys.readouterr().err

    # The stage before is made anew at the same place, with other settings.
    shutil.rmtree(tmp_path / "out" / "sft")
    assert main([*command, "--set", "sft.seed=5"]) == 1
    assert f"{tmp_path / 'out' / 'dpo'} was trained from other weights" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "out" / "dpo")
    assert main([*command, "--set", "sft.seed=5"]) == 0


def begin(output_dir: Path, stage: str) -> None:
    (output_dir / stage / "checkpoint-2").mkdir(parents=True)
    (output_dir / stage / "checkpoint-2" / "whole").touch()


def test_a_stage_that_was_interrupted_does_not_go_on_from_other_weights_either(tmp_path: Path) -> None:
    model = tmp_path / "sft" / "model"
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"first")
    pipeline._check_weights(tmp_path, "dpo", {"model": str(model)})
    begin(tmp_path, "dpo")
    pipeline._check_weights(tmp_path, "dpo", {"model": str(model)})
    (model / "model.safetensors").write_bytes(b"anew!")
    with pytest.raises(RecipeError, match="was trained from other weights than those that are there now: remove it"):
        pipeline._check_weights(tmp_path, "dpo", {"model": str(model)})


def test_the_same_weights_at_another_place_are_the_same_and_every_model_that_is_read_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    reward = tmp_path / "reward.bin"
    reward.write_bytes(b"likes")
    pipeline._check_weights(tmp_path, "ppo", {"model": str(tmp_path / "a"), "reward_model_path": str(reward)})
    begin(tmp_path, "ppo")
    pipeline._check_weights(tmp_path, "ppo", {"model": str(tmp_path / "b"), "reward_model_path": str(reward)})
    reward.write_bytes(b"likes others")
    with pytest.raises(RecipeError, match="other weights"):
        pipeline._check_weights(tmp_path, "ppo", {"model": str(tmp_path / "b"), "reward_model_path": str(reward)})


def test_a_stage_of_which_nobody_knows_what_it_began_with_is_not_taken_for_complete(tmp_path: Path) -> None:
    begin(tmp_path, "sft")
    with pytest.raises(RecipeError, match="other weights"):
        pipeline._check_weights(tmp_path, "sft", {"model": "google/flan-t5-small"})
