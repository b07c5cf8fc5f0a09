"""The schemas of settings allow what a run can be asked for with, and nothing beyond its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Invalid
from app.services.training import setting_labels, setting_schemas


def config_of(method: str) -> dict[str, Any]:
    found = {one["properties"]["method"]["const"]: one["properties"]["config"] for one in setting_schemas.by_method()}
    config: dict[str, Any] = found[method]
    return config


@pytest.mark.parametrize("method", list(setting_labels.METHODS))
def test_both_ends_of_every_bound_are_taken_and_what_is_beyond_them_is_not(method: str) -> None:
    bounded = {name: one for name, one in config_of(method)["properties"].items() if "maximum" in one}
    assert set(bounded) >= {"beta", "learning_rate", "num_train_epochs"}
    for name, schema in bounded.items():
        if name == "label_smoothing":  # has a meaning with some losses only
            continue
        for value in (schema["minimum"], schema["maximum"]):
            assert setting_labels.effective(method, {name: value})[name] == value
        with pytest.raises(Invalid, match=f"^{name} must be between "):
            setting_labels.effective(method, {name: schema["maximum"] + 1})


@pytest.mark.parametrize("method", list(setting_labels.METHODS))
def test_no_setting_is_missing_and_none_is_made_up(method: str) -> None:
    schema = config_of(method)
    names = {setting.name for setting in setting_labels.settings(method)}
    assert set(schema["properties"]) - {"preset"} == names
    assert ("preset" in schema["properties"]) == (method == "dpo")
    assert schema["additionalProperties"] is False


def test_initial_training_needs_data() -> None:
    schema = config_of("sft")
    assert schema["required"] == ["dataset"]
    assert schema["properties"]["optim"] == {"enum": ["adafactor", "adamw_torch"]}
