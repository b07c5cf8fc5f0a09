"""The schemas of settings allow what a run can be asked for with, and nothing beyond its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain_errors import Invalid
from app.services.training import setting_labels, setting_schemas


def config_of(method: str) -> dict[str, Any]:
    return setting_schemas.SCHEMAS[f"{method.upper()}Settings"]


@pytest.mark.parametrize("method", list(setting_labels.METHODS))
def test_both_ends_of_every_bound_are_taken_and_what_is_beyond_them_is_not(method: str) -> None:
    bounded = {name: one for name, one in config_of(method)["properties"].items() if "maximum" in one}
    assert set(bounded) >= {"beta", "learning_rate", "num_train_epochs"}
    for name, schema in bounded.items():
        if name == "label_smoothing":  # has a meaning with some losses only
            continue
        if (method, name) == ("kto", "per_device_train_batch_size"):  # has a bound of its own, below
            continue
        for value in (schema["minimum"], schema["maximum"]):
            assert setting_labels.effective(method, {name: value})[name] == value
        with pytest.raises(Invalid, match=f"^{name} must be between "):
            setting_labels.effective(method, {name: schema["maximum"] + 1})


@pytest.mark.parametrize("method", list(setting_labels.METHODS))
def test_no_setting_is_missing_and_none_is_made_up(method: str) -> None:
    schema = config_of(method)
    names = {setting.name for setting in setting_labels.settings(method)}
    assert set(schema["properties"]) - {"preset", "use_lora"} == names
    assert ("preset" in schema["properties"]) == (method == "dpo")
    assert schema["additionalProperties"] is False


def test_only_the_loss_that_compares_the_rows_of_a_batch_needs_two() -> None:
    rule = config_of("kto")["allOf"][-1]
    assert rule["if"]["properties"]["loss_type"] == {"const": "kto"}
    assert rule["then"]["properties"]["per_device_train_batch_size"] == {"minimum": 2}
    with pytest.raises(Invalid, match="at least 2"):
        setting_labels.effective("kto", {"per_device_train_batch_size": 1})
    one = {"per_device_train_batch_size": 1, "loss_type": "apo_zero_unpaired"}
    assert setting_labels.effective("kto", one)["per_device_train_batch_size"] == 1


def test_initial_training_needs_data() -> None:
    schema = config_of("sft")
    assert schema["required"] == ["dataset"]
    assert schema["properties"]["dataset"]["minLength"] == 1


def test_the_old_name_of_a_setting_is_described_as_the_new_one_and_not_beside_it() -> None:
    schema = config_of("orpo")
    old, new = (schema["properties"][name] for name in ("use_lora", "use_peft"))
    assert (old["type"], old["default"], old["deprecated"]) == (new["type"], new["default"], True)
    assert {"not": {"required": ["use_lora", "use_peft"]}} in schema["allOf"]
    assert setting_labels.effective("orpo", {"use_lora": False})["use_peft"] is False
    with pytest.raises(Invalid):
        setting_labels.effective("orpo", {"use_lora": False, "use_peft": False})
