"""Held-out clicks on answers, rated by a version and by its parent."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from tests.tiny.chat import build_tiny_adapter, build_tiny_chat
from worker.evaluation.automatic import NO_CLICKS
from worker.evaluation.chat_pairs import evaluate_pairs
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.quiet_libraries import quiet

ROWS = [
    {"prompt": [{"role": "user", "content": text}], "chosen": "good it is", "rejected": "no"} for text in ("a", "b")
]
EXAMPLES = [PreferenceExample(text, "good it is", "no") for text in ("a", "b")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_chat(tmp_path_factory.mktemp("tiny") / "model")


def test_a_version_is_compared_with_the_base_or_with_the_adapter_that_is_its_parent(tiny: Path, tmp_path: Path) -> None:
    adapter = build_tiny_adapter(tiny, tmp_path / "adapter")
    idle = tmp_path / "idle"
    with quiet():
        get_peft_model(
            AutoModelForCausalLM.from_pretrained(tiny), LoraConfig(r=2, target_modules=["q_proj"])
        ).save_pretrained(str(idle))
    of_base = evaluate_pairs(tiny, None, adapter, EXAMPLES, ROWS, 0.1)["clicks"]
    of_idle = evaluate_pairs(tiny, idle, adapter, EXAMPLES, ROWS, 0.1)["clicks"]
    of_itself = evaluate_pairs(tiny, adapter, adapter, EXAMPLES, ROWS, 0.1)["clicks"]
    assert of_base == of_idle, "an adapter that changes nothing is the base"
    assert (of_base["pairs"], of_base["prompts"]) == (2, 2)
    assert of_base["lengths"]["chosen"] > of_base["lengths"]["rejected"] >= 2
    assert not math.isclose(of_base["version"]["reward_margin"]["value"], 0, abs_tol=1e-4)
    assert of_itself["version"]["reward_margin"]["value"] == 0
    assert of_itself["version"]["preference_accuracy"] == of_base["version"]["preference_accuracy"]


def test_without_held_out_pairs_it_says_so(tmp_path: Path) -> None:
    assert evaluate_pairs(tmp_path, None, tmp_path, [], [], 0.1) == {"clicks": {"note": NO_CLICKS}}
