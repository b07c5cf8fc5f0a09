"""The settings of the methods: bounds, choices, and what cannot go together."""

import json

import pytest

from models.model_errors import RecipeError
from models.settings.command_line import LEARNING_RATES, METHOD_OPTIONS, DPOOptions, PPOOptions, default_learning_rate


@pytest.mark.parametrize("method", METHOD_OPTIONS)
def test_every_setting_has_a_sentence_and_a_default_within_its_bounds(method: str) -> None:
    options = METHOD_OPTIONS[method]()

    assert all(one.help for one in options.settings().values())
    assert METHOD_OPTIONS[method].from_mapping(json.loads(json.dumps(options.as_dict()))) == options


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"beta": 0}, "beta must be between 0.0001 and 10, not 0."),
        ({"learning_rate": float("nan")}, "learning_rate must be between 0 and 0.1, not nan."),
        ({"loss_type": ["sigmoid", "dop"]}, "loss_type must be one of sigmoid, hinge"),
        (
            {"loss_type": ["sigmoid", "sft"], "loss_weights": [1]},
            "loss_weights must have one weight for each loss_type: 2, not 1.",
        ),
        ({"loss_type": "exo_pair"}, "label_smoothing must be above 0 with loss_type exo_pair"),
        ({"label_smoothing": 0.1}, "label_smoothing has a meaning for the losses robust, exo_pair"),
        ({"load_in_4bit": True}, "load_in_4bit needs use_peft: weights of 4 bits cannot be trained, an adapter can."),
        ({"bf16": True, "fp16": True}, "bf16 and fp16 cannot both be on."),
        ({"dev_split": 1}, "dev_split must not be 1: one prompt in one held out leaves none to train on."),
        ({"max_steps": 0}, "max_steps must be -1 or at least 1."),
        (
            {"early_stopping_patience": 2, "dev_split": 0},
            "early_stopping_patience needs held-out rows: dev_split must not be 0.",
        ),
        ({"use_peft": "yes"}, "use_peft must be true or false, not 'yes'."),
        ({"kl_coef": 1}, "kl_coef is not a setting of this method."),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError) as raised:
        DPOOptions.from_mapping(settings)

    assert str(raised.value).startswith(sentence)


def test_one_loss_may_be_given_as_a_text_and_a_whole_number_as_a_fraction() -> None:
    options = DPOOptions.from_mapping({"loss_type": "ipo", "beta": 1})

    assert options.loss_type == ("ipo",)
    assert options.beta == 1.0


def test_methods_bring_their_own_settings() -> None:
    assert PPOOptions.from_mapping({"kl_coef": 0.2}).kl_coef == 0.2


@pytest.mark.parametrize("method", LEARNING_RATES)
def test_adapters_and_small_models_take_larger_steps(method: str) -> None:
    for architecture in ("seq2seq", "classifier", "causal"):
        assert default_learning_rate(method, architecture, True) > default_learning_rate(method, architecture, False)
    assert default_learning_rate(method, "seq2seq", False) >= default_learning_rate(method, "causal", False)
