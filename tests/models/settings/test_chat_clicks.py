"""The settings of a run that trains a chat model on clicks."""

from __future__ import annotations

import pytest

from models.model_errors import RecipeError
from models.settings.chat_clicks import CHAT_OPTIONS, chat_config, chat_options
from models.settings.clicks import click_options


@pytest.mark.parametrize("method", CHAT_OPTIONS)
def test_they_are_some_of_those_of_other_runs_on_clicks_and_can_be_read_back(method: str) -> None:
    options = chat_options(method, {})
    config = chat_config(options)
    assert chat_options(method, config) == options
    assert click_options(method, config).learning_rate == options.learning_rate
    assert {"anchor_weight", "head_pairs", "use_peft"}.isdisjoint(config)
    assert (options.use_peft, options.lora_r, options.lora_alpha) == (True, 16, 32)


@pytest.mark.parametrize(
    ("method", "config", "said"),
    [
        ("dpo", {"anchor_weight": 1.0}, "anchor_weight is not a setting of dpo on answers."),
        ("dpo", {"preset": "seed"}, "preset is not a setting of dpo on answers."),
        ("orpo", {"use_lora": True}, "use_lora is not a setting of orpo on answers."),
        ("dpo", {"loss_type": ["listwise"]}, "loss_type must be one of .*, not 'listwise'."),
        ("kto", {"per_device_train_batch_size": 1}, "per_device_train_batch_size must be at least 2"),
    ],
)
def test_what_only_a_t5_has_is_refused_by_name(method: str, config: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        chat_options(method, config)
