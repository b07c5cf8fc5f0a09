"""The base class of the settings of every method: fields made from the table, checks, and reading them from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Self

from models.model_errors import RecipeError
from models.settings.setting import Setting
from models.settings.table import TABLE

OLD_NAMES: Mapping[str, str] = MappingProxyType({"use_lora": "use_peft"})
"""Names of earlier releases, which stored runs and programs of the API still use, and what they are called now."""


def declared(name: str, **own: Any) -> Any:
    """The field of the setting `name` of the table, with what is particular to a method: its default, bounds, words."""
    return field_of(replace(TABLE[name], **own))


def field_of(setting: Setting) -> Any:
    """A field that holds `setting`."""
    return field(default=setting.default, metadata=MappingProxyType({"setting": setting}))


def current_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with every setting under its present name; raises `RecipeError` where one is there under both."""
    for old, new in OLD_NAMES.items():
        if old in config and new in config:
            raise RecipeError(f"Give {new} or {old}, not both: they are the same setting.")
    return {OLD_NAMES.get(name, name): value for name, value in config.items()}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings of a training. `title` is what an unknown one is said not to be a setting of."""

    title: ClassVar[str] = "this method"
    method: ClassVar[str] = ""
    """The method of a training run that is asked for with these settings, if one can be."""
    other_names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Names that other programs give to some of these settings, and what they are called here."""

    def __post_init__(self) -> None:
        """Check every setting; `RecipeError` names the first that is wrong."""
        for one in self.settings().values():
            one.check(getattr(self, one.name))

    @classmethod
    @cache
    def settings(cls) -> Mapping[str, Setting]:
        """Every setting by its name, in the order of the fields."""
        return MappingProxyType({one.name: one.metadata["setting"] for one in fields(cls)})

    @classmethod
    @cache
    def offered(cls) -> tuple[Setting, ...]:
        """The settings that a training run by `method` can be asked for with, in the order of the table."""
        own = cls.settings()
        return tuple(own[name] for name in TABLE if name in own and cls.method in own[name].offered)

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> Self:
        """The settings that `config` (parsed JSON or YAML) describes; what it leaves out has its default.

        Old names are read, too. Raises `RecipeError`, with one sentence that names the field, for an unknown key, a
        value of the wrong type, or one out of bounds.
        """
        current_names(config)
        settings = cls.settings()
        read = {}
        for key, value in config.items():
            name = cls.other_names.get(key, OLD_NAMES.get(key, key))
            if name not in settings:
                raise RecipeError(f"{key} is not a setting of {cls.title}.")
            if name in read:
                raise RecipeError(f"{name} is given twice, once as {key}.")
            read[name] = settings[name].read(key, value)
        return cls(**read)

    def as_dict(self) -> dict[str, object]:
        """Every setting, as JSON can hold it. `from_mapping` reads it back to equal settings."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
