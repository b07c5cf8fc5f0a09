"""The description of one setting: its name, default, bounds and words, and how a value of it is read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from models.model_errors import RecipeError


@dataclass(frozen=True)
class Setting:
    """One setting. The type of a value is that of `default`; a tuple holds texts, or numbers where `items` is float.

    `help` is a phrase: `--help` shows it as it is, forms and the API as a sentence. Both bounds are included. `label`
    is its name on a form, and `words` what its choices are called there. `offered` are the methods of training runs
    whose form and API take it; `main` marks the few that most people change.
    """

    name: str
    default: Any
    help: str
    bounds: tuple[float, float] = (-math.inf, math.inf)
    choices: tuple[str, ...] = ()
    items: type = str
    label: str = ""
    words: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    offered: tuple[str, ...] = ()
    main: bool = False

    @property
    def kind(self) -> str:
        """Return its input on a form: float, int, bool, str, choice, names or numbers (several, by commas)."""
        if isinstance(self.default, tuple):
            return "names" if self.items is str else "numbers"
        return "choice" if self.choices else type(self.default).__name__

    @property
    def sentence(self) -> str:
        """The explanation as a sentence."""
        return f"{self.help[0].upper()}{self.help[1:]}."

    def shown(self, value: Any) -> str:
        """A value of this setting as a form shows it."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, list | tuple):
            return ", ".join(self.shown(one) for one in value)
        return f"{value:.10g}" if isinstance(value, float) else str(value)

    def check(self, value: Any) -> None:
        """Raise `RecipeError` for a value out of bounds, or none of the choices."""
        least, greatest = self.bounds
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and not least <= value <= greatest:  # also refuses NaN
            raise RecipeError(f"{self.name} must be between {least:g} and {greatest:g}, not {_as_float(value):g}.")
        for one in (value if isinstance(value, tuple) else (value,)) if self.choices else ():
            check_choice(self.name, one, self.choices)

    def read(self, name: str, value: object) -> Any:
        """`value`, which parsed JSON or YAML gave under `name`, in the type of this setting; raises `RecipeError`."""
        return convert(name, value, type(self.default), self.items)


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `RecipeError` unless `value` is one of `choices`."""
    if value not in choices:
        raise RecipeError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")


def convert(name: str, value: object, kind: type, items: type = str) -> Any:
    """`value` as a `kind`, or as a tuple of `items`; raises `RecipeError` when JSON gave another type."""
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return _as_float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind in (bool, str) and isinstance(value, kind):
        return value
    if kind is tuple and items is str:
        names = [value] if isinstance(value, str) else value
        if isinstance(names, list | tuple) and all(isinstance(one, str) for one in names):
            return tuple(names)
    if kind is tuple and items is float and isinstance(value, list | tuple):
        return tuple(convert(name, one, float) for one in value)
    wanted = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        tuple: "a list of numbers" if items is float else "a name or a list of names",
    }
    raise RecipeError(f"{name} must be {wanted[kind]}, not {value!r}.")


def _as_float(value: float) -> float:
    """`value` as a float; infinite for a whole number of more digits than a float can tell."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
