"""What DPO on clicks can be asked for with, and the sentence that answers when it cannot."""

import json

import pytest

from models.model_errors import RecipeError
from models.settings.clicks import PRESETS, DPOClickOptions, click_config, click_options


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"dev_split": 5}, "dev_split is not a setting of the DPO recipe."),
        ({"betta": 0.1}, "betta is not a setting of the DPO recipe."),
        ({"beta": 0}, "beta must be between 0.0001 and 10, not 0."),
        ({"beta": float("nan")}, "beta must be between 0.0001 and 10, not nan."),
        ({"beta": "0.1"}, "beta must be a number, not '0.1'."),
        ({"beta": None}, "beta must be a number, not None."),
        ({"beta": True}, "beta must be a number, not True."),
        ({"num_train_epochs": 2.5}, "num_train_epochs must be a whole number, not 2.5."),
        ({"num_train_epochs": 0}, "num_train_epochs must be between 1 and 1000, not 0."),
        ({"num_train_epochs": 10**400}, "num_train_epochs must be between 1 and 1000, not inf."),
        ({"beta": -(10**400)}, "beta must be between 0.0001 and 10, not -inf."),
        ({"num_train_epochs": True}, "num_train_epochs must be a whole number, not True."),
        ({"use_lora": 1}, "use_lora must be true or false, not 1."),
        ({"lr_scheduler_type": 3}, "lr_scheduler_type must be a text, not 3."),
        (
            {"lr_scheduler_type": "sawtooth"},
            "lr_scheduler_type must be one of linear, cosine, constant, constant_with_warmup, not 'sawtooth'.",
        ),
        ({"loss_type": 1}, "loss_type must be a name or a list of names, not 1."),
        ({"loss_type": []}, "loss_type must name at least one loss."),
        ({"loss_weights": "1"}, "loss_weights must be a list of numbers, not '1'."),
        ({"loss_weights": [-1]}, "loss_weights must be positive numbers."),
        (
            {"loss_type": ["sigmoid", "sft"], "loss_weights": [1]},
            "loss_weights must have one weight for each loss_type: 2, not 1.",
        ),
        (
            {"loss_type": "exo_pair"},
            "label_smoothing must be above 0 with loss_type exo_pair; its paper suggests 0.001.",
        ),
        ({"preset": "best"}, "preset must be one of default, seed, not 'best'."),
    ],
)
def test_a_wrong_setting_is_answered_with_one_sentence(config: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError) as caught:
        click_options("dpo", config)

    assert str(caught.value) == sentence


def test_an_unknown_loss_is_named() -> None:
    with pytest.raises(RecipeError, match=r"^loss_type must be one of sigmoid, .*, not 'kto'\.$"):
        DPOClickOptions.from_mapping({"loss_type": "kto"})


def test_an_empty_mapping_is_the_default_preset() -> None:
    assert click_options("dpo", {}) == DPOClickOptions()


def test_settings_are_laid_over_the_named_preset() -> None:
    options = DPOClickOptions.from_mapping({"preset": "seed", "beta": 1})

    assert (options.learning_rate, options.num_train_epochs, options.per_device_train_batch_size) == (1e-6, 2, 4)
    assert options.beta == 1.0


def test_losses_without_weights_weigh_one_each() -> None:
    options = DPOClickOptions.from_mapping({"loss_type": ["hinge", "sft", "ipo"]})

    assert options.loss_weights == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_survive_json(preset: str) -> None:
    options = click_options("dpo", {"preset": preset})

    assert click_options("dpo", json.loads(json.dumps(click_config(options)))) == options
