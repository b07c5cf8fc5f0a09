"""Flags of the command line made from a dataclass of settings, and files of settings given with `--config`.

A `--config` is a YAML file or the name of a preset beside this file. Its keys are flags without their dashes; a section
named after a method has settings for that method alone, as in the plan of a pipeline.
What is also said on the command line itself counts more.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from models.model_errors import RecipeError
from models.settings.command_line import METHOD_OPTIONS, TrainOptions
from models.settings.options import Options
from models.settings.setting import Setting

PRESETS = Path(__file__).with_name("presets")

AnyOptions = TypeVar("AnyOptions", bound=Options)

_GROUPS = (
    ("adapter and quantization", "dtype", "lora_target_modules"),
    ("training", "learning_rate", "seed"),
    ("rows", "max_samples", "max_eval_samples"),
    ("scores and checkpoints", "logging_steps", "early_stopping_patience"),
)
"""The groups of settings in `--help`: a title, and the first and last field of each group."""


def preset_names() -> list[str]:
    """The presets that come with Mellow."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--config`, which `expand_config` acts on before the parser sees it."""
    parser.add_argument(
        "--config",
        metavar="FILE|PRESET",
        help=f"settings from a YAML file, or a preset: {', '.join(preset_names())}; flags given besides count more",
    )


def add_option_flags(parser: argparse.ArgumentParser, method: str, options: type[TrainOptions]) -> None:
    """Add a flag for every setting of `options`, those of the method first."""
    settings = options.settings()
    common = list(TrainOptions.settings())
    groups = [(method, [one for name, one in settings.items() if name not in common])]
    for title, first, last in _GROUPS:
        inside = common[common.index(first) : common.index(last) + 1]
        groups.append((title, [settings[name] for name in inside]))
    for title, members in groups:
        group = parser.add_argument_group(title)
        for one in members:
            add_flag(group, one, [other for other, name in options.other_names.items() if name == one.name])


def add_flag(group: argparse._ArgumentGroup, one: Setting, others: Sequence[str] = ()) -> None:
    """Add the flag of one setting, also under `others`."""
    default = one.default
    names = [f"--{name}" for name in (one.name, *others)]
    text = one.help.replace("%", "%%")
    choices: dict[str, Any] = {"choices": one.choices} if one.choices else {}
    if isinstance(default, bool):
        text += f" (default: {'on' if default else 'off'})"
        group.add_argument(*names, action=argparse.BooleanOptionalAction, default=default, help=text)
    elif isinstance(default, tuple):
        shown = f" (default: {' '.join(map(str, default))})" if default else ""
        group.add_argument(
            *names, nargs="+", type=one.items, default=list(default), metavar="X", help=text + shown, **choices
        )
    else:
        number = isinstance(default, int | float)
        shown = f"{default:g}" if number else default or "none"
        look: dict[str, Any] = choices or {"type": type(default), "metavar": "N" if number else "X"}
        group.add_argument(*names, default=default, help=f"{text} (default: {shown})", **look)


def options_from(namespace: argparse.Namespace, options: type[AnyOptions]) -> AnyOptions:
    """The options that were given; raises `RecipeError`."""
    given = {name: getattr(namespace, name) for name in options.settings()}
    return options(**{name: tuple(one) if isinstance(one, list) else one for name, one in given.items()})


def expand_config(arguments: Sequence[str], parser: argparse.ArgumentParser, say: Any, method: str = "") -> list[str]:
    """`arguments` with the settings of every `--config` in front of them, as flags of `parser`.

    Of the sections for single methods that of `method` counts, more than what stands outside. A preset may hold
    settings of other methods; `say` is told of those that are left aside. A file may not: raises `RecipeError` for a
    key that is no flag, and for a file that is not there or no YAML.
    """
    flags = {option.removeprefix("--"): action for action in parser._actions for option in action.option_strings}
    found: list[str] = []
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", action="append", default=[])
    named, rest = finder.parse_known_args(arguments)
    for name in named.config:
        settings, shipped = _read(name)
        settings = _for_method(settings, method)
        unknown = [key for key in settings if key not in flags or key == "config"]
        if unknown and not shipped:
            raise RecipeError(f"{unknown[0]} in {name} is not a setting of this command.")
        if unknown:
            say(f"The preset {name} also sets {', '.join(unknown)}, which this command does not have.")
        for key, value in settings.items():
            if key in flags and key != "config":
                found += _as_flags(key, value, flags[key], name)
    return [*found, *rest]


def _for_method(settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The settings with those of the method's own section in place, and without the sections of the others."""
    sections = {key: value for key, value in settings.items() if key in METHOD_OPTIONS and isinstance(value, dict)}
    return {key: value for key, value in settings.items() if key not in sections} | sections.get(method, {})


def read_settings(name: str) -> Mapping[str, Any]:
    """The settings in a YAML file or preset; raises `RecipeError`."""
    return _read(name)[0]


def _read(name: str) -> tuple[Mapping[str, Any], bool]:
    """The settings in a file or preset, and whether it is one of ours."""
    path = Path(name)
    shipped = not path.exists() and name in preset_names()
    try:
        text = (PRESETS / f"{name}.yaml" if shipped else path).read_text(encoding="utf-8")
        settings = yaml.load(text, _Loader) or {}  # noqa: S506 - it is a safe loader
    except OSError as error:
        raise RecipeError(
            f"There is no settings file {name} ({error.strerror}), and the presets are {', '.join(preset_names())}."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{name} is not YAML: {str(error).splitlines()[0]}.") from None
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise RecipeError(f"{name} must hold settings, one `name: value` a line.")
    return settings, shipped


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """A safe loader that refuses a name given twice, of which YAML itself would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise yaml.YAMLError(f"{twice} is there twice")
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _as_flags(key: str, value: Any, action: argparse.Action, name: str) -> list[str]:
    """One setting as it would be typed."""
    if isinstance(value, bool):
        if action.nargs != 0:
            raise RecipeError(f"{key} in {name} must not be true or false.")
        if value:
            return [f"--{key}"]
        return [f"--no-{key}"] if isinstance(action, argparse.BooleanOptionalAction) else []
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) for one in values) or action.nargs == 0:
        raise RecipeError(f"{key} in {name} must be {'true or false' if action.nargs == 0 else 'a value or a list'}.")
    if len(values) != 1 and action.nargs not in ("+", "*"):
        raise RecipeError(f"{key} in {name} must be one value.")
    return [f"--{key}", *map(str, values)] if action.nargs in ("+", "*") else [f"--{key}={values[0]}"]
