"""The settings of a run on clicks by ORPO or KTO: what can be set, what is refused, what the manifest keeps."""

from __future__ import annotations

import math

import pytest

from models.model_errors import RecipeError
from models.settings.clicks import CLICK_OPTIONS, click_config, click_options
from models.settings.command_line import METHOD_OPTIONS


@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_what_the_manifest_keeps_gives_the_same_options_again(method: str) -> None:
    options = click_options(method, {"beta": 0.3, "use_peft": False, "num_train_epochs": 3})
    kept = click_config(options)
    assert click_options(method, kept) == options
    assert (kept["beta"], kept["use_peft"], kept["num_train_epochs"]) == (0.3, False, 3.0)


@pytest.mark.parametrize("method", list(CLICK_OPTIONS))
def test_few_clicks_train_an_adapter_and_hold_other_sentences_still(method: str) -> None:
    options = click_options(method, {})
    assert isinstance(options, METHOD_OPTIONS[method])
    assert options.use_peft
    assert options.anchor_weight > 0
    assert list(click_config(options)) == [one.name for one in type(options).offered()]


@pytest.mark.parametrize("method", ["orpo", "kto"])
@pytest.mark.parametrize("name", ["dev_split", "max_samples", "save_steps", "load_in_4bit", "ref_model", "wild"])
def test_what_a_run_on_clicks_has_no_use_for_is_refused_by_name(method: str, name: str) -> None:
    with pytest.raises(RecipeError, match=rf"^{name} is not a setting of {method} on clicks\.$"):
        click_options(method, {name: 1})


@pytest.mark.parametrize("value", [10**400, -(10**400), math.nan, math.inf])
def test_a_number_that_is_out_of_all_bounds_is_refused_with_a_sentence(value: float) -> None:
    with pytest.raises(RecipeError, match=r"^beta must be between 0.0001 and 10, not "):
        click_options("kto", {"beta": value})
    if isinstance(value, int):
        with pytest.raises(RecipeError, match=r"^seed must be between 0 and 4\.29497e"):
            click_options("kto", {"seed": value})
