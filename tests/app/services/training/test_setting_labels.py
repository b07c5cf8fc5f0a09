"""The settings of a run on clicks as people meet them: named, explained, within bounds, and with presets."""

from __future__ import annotations

import pytest

from app.db import ANSWERING
from app.domain_errors import Invalid
from app.services.training import setting_labels
from models.settings.setting import Setting


def setting(method: str, name: str) -> Setting:
    """One setting of a method."""
    return next(one for one in setting_labels.settings(method) if one.name == name)


@pytest.mark.parametrize("method", list(setting_labels.METHODS))
def test_every_setting_is_explained_and_those_that_most_people_change_come_first(method: str) -> None:
    found = setting_labels.settings(method)
    names = [one.name for one in found]
    assert len(names) == len(set(names))
    assert set(names) == set(setting_labels.effective(method, {})), "all that a run has can be set, and nothing else"
    assert all(one.label and one.help for one in found)
    assert [one.main for one in found] == [True] * 4 + [False] * (len(found) - 4)


@pytest.mark.parametrize(
    ("method", "name", "kind", "bounds"),
    [
        ("dpo", "beta", "float", "From 0.0001 to 10."),
        ("dpo", "warmup_steps", "float", "From 0 to 100,000."),
        ("dpo", "num_train_epochs", "int", "From 1 to 1,000."),
        ("dpo", "use_peft", "bool", ""),
        ("dpo", "lr_scheduler_type", "choice", ""),
        ("dpo", "loss_type", "names", ""),
        ("dpo", "loss_weights", "numbers", ""),
        ("kto", "loss_type", "choice", ""),
        ("orpo", "use_peft", "bool", ""),
    ],
)
def test_a_setting_says_of_what_kind_it_is_and_within_which_bounds(
    method: str, name: str, kind: str, bounds: str
) -> None:
    found = setting(method, name)
    assert (found.kind, setting_labels.bounds_of(found)) == (kind, bounds)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "yes"), (False, "no"), (1e-4, "0.0001"), (10.0, "10"), (7, "7"), (("sigmoid", "sft"), "sigmoid, sft")],
)
def test_a_value_is_shown_as_the_form_takes_it(value: object, shown: str) -> None:
    assert setting("dpo", "beta").shown(value) == shown


def test_yes_and_no_are_said_in_words_and_other_values_as_the_form_takes_them() -> None:
    adapter, beta = setting("dpo", "use_peft"), setting("dpo", "beta")
    assert [setting_labels.shown(adapter, value) for value in (True, False)] == ["yes", "no"]
    assert setting_labels.shown(beta, 0.1) == "0.1"


@pytest.mark.parametrize("method", list(setting_labels.METHODS))
def test_each_preset_can_be_asked_for_and_sets_what_it_says(method: str) -> None:
    presets = setting_labels.presets(method)
    assert [preset.name for preset in presets] == ["default", "gentle", *(["seed"] if method == "dpo" else [])]
    assert presets[0].config == {}, "the first is what a run has if nothing is chosen"
    usual = setting_labels.effective(method, {})
    for preset in presets:
        asked = setting_labels.effective(method, preset.config)
        assert asked == usual | preset.values
    gentle = setting_labels.effective(method, presets[1].config)
    assert gentle["learning_rate"] < usual["learning_rate"]
    assert gentle["num_train_epochs"] == usual["num_train_epochs"] / 2


def test_what_is_no_setting_goes_by_its_own_name_and_cannot_be_asked_for() -> None:
    assert setting_labels.label("beta") == "Beta"
    assert setting_labels.label("use_lora") == "Train an adapter (LoRA)", "as earlier releases called it"
    assert setting_labels.label("unheard_of") == "unheard_of"
    with pytest.raises(Invalid, match=r"^unheard_of is not a setting of the DPO recipe\.$"):
        setting_labels.effective("dpo", {"unheard_of": 1})
    with pytest.raises(Invalid, match=r"^unheard_of is not a setting of kto on clicks\.$"):
        setting_labels.effective("kto", {"unheard_of": 1})


@pytest.mark.parametrize("method", list(setting_labels.METHODS))
def test_a_chat_model_has_settings_and_presets_of_its_own(method: str) -> None:
    presets = setting_labels.presets(method, ANSWERING)
    assert [preset.name for preset in presets] == ["default", "gentle"]
    usual = setting_labels.effective(method, {}, ANSWERING)
    assert usual == {one.name: _as_json(one.default) for one in setting_labels.settings(method, ANSWERING)}
    gentle = setting_labels.effective(method, presets[1].config, ANSWERING)
    assert gentle["learning_rate"] < usual["learning_rate"] / 2
    with pytest.raises(Invalid, match=f"use_peft is not a setting of {method} on answers"):
        setting_labels.effective(method, {"use_peft": False}, ANSWERING)


def _as_json(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
