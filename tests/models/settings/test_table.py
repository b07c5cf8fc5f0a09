"""The table of settings: each is described once, and every method's own defaults keep within what it says."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

import pytest

from models.settings.clicks import CLICK_OPTIONS
from models.settings.command_line import METHOD_OPTIONS
from models.settings.identity import IdentityShiftOptions
from models.settings.options import Options
from models.settings.sft import SFTRecipe
from models.settings.table import TABLE

OFFERED: dict[str, type[Options]] = {**CLICK_OPTIONS, "sft": SFTRecipe}
EVERY: list[type[Options]] = [*METHOD_OPTIONS.values(), *OFFERED.values(), IdentityShiftOptions]


@pytest.mark.parametrize("kind", EVERY)
def test_a_field_holds_what_the_table_says_of_the_setting_of_its_name(kind: type[Options]) -> None:
    hints = get_type_hints(kind)
    for one in fields(kind):
        setting = kind.settings()[one.name]
        default: Any = one.default
        assert (setting.name, setting.default) == (one.name, default)
        assert (setting.label, setting.offered) == (TABLE[one.name].label, TABLE[one.name].offered)
        held = hints[one.name]
        assert type(default) in (held, getattr(held, "__origin__", None)), one.name
        if type(default) in (int, float):
            assert setting.bounds[0] <= default <= setting.bounds[1], one.name


def test_every_setting_has_a_user_and_an_explanation() -> None:
    assert set(TABLE) == {name for kind in EVERY for name in kind.settings()}
    assert all(one.help and not one.help.endswith(".") for one in TABLE.values())


@pytest.mark.parametrize("method", OFFERED)
def test_what_is_offered_on_a_form_has_a_label_and_four_are_what_most_people_change(method: str) -> None:
    offered = OFFERED[method].offered()
    assert all(one.label for one in offered)
    assert [one.main for one in offered] == [True] * 4 + [False] * (len(offered) - 4)


def test_a_setting_is_offered_only_by_methods_that_have_it() -> None:
    for name, setting in TABLE.items():
        for method in setting.offered:
            assert name in OFFERED[method].settings(), (name, method)


def test_an_explanation_is_shown_as_a_sentence() -> None:
    assert TABLE["weight_decay"].sentence == "AdamW's pull of the weights towards zero."
