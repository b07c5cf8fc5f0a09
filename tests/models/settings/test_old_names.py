"""Settings as earlier releases stored them are read, and are written under the names of today."""

from __future__ import annotations

import pytest

from models.model_errors import RecipeError
from models.settings.clicks import DPOClickOptions, click_config, click_options
from models.settings.options import current_names
from models.settings.sft import SFTRecipe

STORED_MANIFEST = {
    "beta": 0.5,
    "loss_type": ["sigmoid"],
    "loss_weights": [1.0],
    "label_smoothing": 0.0,
    "anchor_weight": 100.0,
    "learning_rate": 0.001,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0.0,
    "max_grad_norm": 1.0,
    "num_train_epochs": 10,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "use_lora": False,
    "lora_r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "max_prompt_length": 512,
    "max_completion_length": 512,
    "precompute_ref_log_probs": True,
    "bf16": False,
    "logging_steps": 1,
    "seed": 0,
}
"""The whole `config` of a version that DPO trained before there were pairs of other texts."""


def test_the_settings_in_an_old_manifest_give_the_same_training() -> None:
    options = click_options("dpo", STORED_MANIFEST)
    assert options == DPOClickOptions(beta=0.5, anchor_weight=100.0, num_train_epochs=10, use_peft=False)
    written = click_config(options)
    assert "use_lora" not in written
    assert written == {name: value for name, value in STORED_MANIFEST.items() if name != "use_lora"} | {
        "use_peft": False,
        "head_pairs": 250,
    }


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        ({"use_lora": False}, {"use_peft": False}),
        ({"preset": "seed", "use_lora": True, "beta": 1}, {"preset": "seed", "use_peft": True, "beta": 1.0}),
        ({"loss_type": "ipo", "use_lora": False}, {"loss_type": ["ipo"], "use_peft": False}),
    ],
)
def test_a_run_that_was_asked_for_under_old_names_is_the_run_of_today(
    stored: dict[str, object], same: dict[str, object]
) -> None:
    assert click_options("dpo", stored) == click_options("dpo", same)


@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_the_methods_that_never_had_the_old_name_read_it_all_the_same(method: str) -> None:
    assert click_options(method, {"use_lora": False}) == click_options(method, {"use_peft": False})
    assert not SFTRecipe.from_mapping({"use_lora": False}).use_peft


def test_names_are_brought_up_to_date_and_their_values_left_alone() -> None:
    assert current_names({"use_lora": "of any type", "preset": "seed"}) == {
        "use_peft": "of any type",
        "preset": "seed",
    }


def test_a_setting_under_its_old_name_and_its_new_one_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"^Give use_peft or use_lora, not both: they are the same setting\.$"):
        click_options("dpo", {"use_lora": True, "use_peft": False})


def test_what_is_wrong_is_told_under_the_name_that_was_given() -> None:
    with pytest.raises(RecipeError, match=r"^use_lora must be true or false, not 1\.$"):
        click_options("dpo", {"use_lora": 1})
