"""The settings of initial training: defaults, bounds, and what is said of a wrong one."""

from __future__ import annotations

import math

import pytest

from models.model_errors import RecipeError
from models.settings.sft import SFTPlan, SFTRecipe

HASH = "a" * 64


def test_every_setting_but_the_prefix_is_offered_and_every_number_has_bounds() -> None:
    assert {one.name for one in SFTRecipe.offered()} == set(SFTRecipe.settings()) - {"source_prefix"}
    assert all(math.isfinite(sum(one.bounds)) for one in SFTRecipe.offered() if one.kind in ("int", "float"))
    assert SFTRecipe().num_train_epochs == 20


def test_a_recipe_survives_json() -> None:
    recipe = SFTRecipe(num_train_epochs=3, optim="adamw_torch", use_peft=True, warmup_steps=0.1)
    assert SFTRecipe.from_mapping(recipe.as_dict()) == recipe


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"num_train_epochs": 0}, "num_train_epochs must be between 1 and 1000, not 0."),
        ({"num_train_epochs": 2.5}, "num_train_epochs must be a whole number, not 2.5."),
        ({"learning_rate": float("nan")}, "learning_rate must be between 0 and 0.1, not nan."),
        ({"learning_rate": "fast"}, "learning_rate must be a number, not 'fast'."),
        ({"optim": "sgd"}, "optim must be one of adafactor, adamw_torch, not 'sgd'."),
        ({"metric_for_best_model": "bleu"}, "metric_for_best_model must be one of loss, chrf, not 'bleu'."),
        ({"use_peft": 1}, "use_peft must be true or false, not 1."),
        ({"dev_split": 1}, "dev_split must not be 1: one source in one held out leaves none to train on."),
        ({"beta": 0.1}, "beta is not a setting of the SFT recipe."),
    ],
)
def test_a_wrong_setting_is_named(config: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError) as caught:
        SFTRecipe.from_mapping(config)
    assert str(caught.value) == sentence


def test_a_plan_tells_its_own_settings_from_the_recipe() -> None:
    plan = SFTPlan.from_mapping({"dataset": HASH, "version": 2, "serve": False, "seed": 7, "target_column": "polite"})
    assert plan == SFTPlan(SFTRecipe(seed=7), HASH, version=2, serve=False, target_column="polite")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "dataset must be the SHA-256 of data that was uploaded before."),
        ({"dataset": 5}, "dataset must be a text, not 5."),
        ({"dataset": HASH, "version": True}, "version must be a whole number, not True."),
        (
            {"dataset": HASH, "version": 1, "model_name_or_path": "t5-small"},
            "Give version or model_name_or_path, not both.",
        ),
        (
            {"dataset": HASH, "source_prefix": "say: "},
            "source_prefix cannot be used here: the studio gives the model texts as they are typed.",
        ),
        ({"dataset": HASH, "report_to": "x"}, "report_to is not a setting of the SFT recipe."),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(config: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError) as caught:
        SFTPlan.from_mapping(config)
    assert str(caught.value) == sentence
