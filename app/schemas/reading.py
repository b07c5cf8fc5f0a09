"""Reading what was sent as a schema; what does not fit is refused with one sentence that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import Struct, inspect

from app.domain_errors import Invalid
from app.schemas.kinds import ONE_OF
from app.words import N_, gettext, number

_LONGEST_SHOWN = 40


class Sent(Struct, frozen=True, forbid_unknown_fields=True):
    """Content of a request: the fields say what they must be, and nothing else may be sent.

    `unknown` is the sentence about another field, marked by `N_`. `rules` are what fields ask of each other, as JSON
    Schemas that all hold; `__post_init__` checks the same.
    """

    unknown: ClassVar[str] = N_("There is no field {name!r} here: it takes {fields}.")
    rules: ClassVar[tuple[dict[str, Any], ...]] = ()

    @classmethod
    def prepared(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is checked: `values`, unless a schema has them changed first."""
        return values


Schema = TypeVar("Schema", bound=Sent)


def read(kind: type[Schema], values: Mapping[str, Any]) -> Schema:
    """Return `values`, parsed JSON, as a `kind`; raises Invalid."""
    return _read(kind, values, strict=True)


def read_query(kind: type[Schema], values: Mapping[str, str]) -> Schema:
    """Return the values of a query, all of them texts, as a `kind`; raises Invalid."""
    return _read(kind, values, strict=False)


def read_form(kind: type[Schema], values: Mapping[str, str]) -> Schema:
    """Return what a page was asked for as a `kind`; raises Invalid.

    A form also sends the fields that nobody filled in, and a page has parameters of its own: both say nothing here.
    """
    fields = kind.__struct_encode_fields__
    return _read(kind, {name: values[name] for name in fields if values.get(name)}, strict=False)


def _read(kind: type[Schema], values: Mapping[str, Any], *, strict: bool) -> Schema:
    fields = kind.__struct_encode_fields__
    unknown = set(map(str, values)) - set(fields)
    if unknown:
        raise Invalid(gettext(kind.unknown).format(name=min(unknown), fields=", ".join(fields)))
    try:
        made = msgspec.convert(kind.prepared(values), kind, strict=strict)
    except msgspec.ValidationError as error:
        raise Invalid(_sentence(kind, values, str(error))) from None
    for name in values if not strict else ():
        if getattr(made, name) is None:  # msgspec takes the text "null" for nothing: a filter would mean everything
            raise Invalid(_sentence(kind, values, f"null - at `$.{name}`"))
    return made


_BOUNDS = re.compile(r"Expected `\w+` (of length|[<>])|.* out of range$")
_FIELD = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<place>\d+)\]")


def _sentence(kind: type[Sent], values: Mapping[str, Any], said: str) -> str:
    """Return the schema's sentence about what msgspec found wrong, with the path of the value."""
    problem, _, path = said.partition(" - at `$")
    steps = [step["name"] or int(step["place"]) for step in _STEP.finditer(path)]
    named = _FIELD.match(problem)
    if named and named["what"] == "missing required":
        steps.append(named["name"])
    found, value = _followed(kind, values, steps)
    if named and named["what"] == "contains unknown":
        inner = next(one for one in reversed(found) if isinstance(one, inspect.StructType))
        fields = ", ".join(field.encode_name for field in inner.fields)
        unknown: str = getattr(inner.cls, "unknown", Sent.unknown)
        refused: str = gettext(unknown).format(name=named["name"], fields=fields)
        return refused
    name = next((step for step in reversed(steps) if isinstance(step, str)), "")
    sentences = [one.extra or {} for one in reversed(found) if isinstance(one, inspect.Metadata)]
    wanted = _wanted(problem)
    for sentence in sentences:
        for which in wanted:
            if which in sentence:
                more = {**sentence, "value": str(value)[:_LONGEST_SHOWN]}
                return _filled(sentence[which], name, more)
    usual, more = _usual(found[-1])
    return _filled(usual, name, more)


def _filled(sentence: str, name: str, more: Mapping[str, Any]) -> str:
    """Return a sentence in the reader's language, with the name of the field and what else stands in it."""
    shown = {key: number(value) if isinstance(value, int) else value for key, value in more.items()}
    filled: str = gettext(sentence).format(**shown, name=name)
    return filled


def _wanted(problem: str) -> tuple[str, ...]:
    """Return the names of the sentences that fit the problem, the best one first."""
    if "matching regex" in problem:
        return ("pattern", "refusal")
    if not _BOUNDS.match(problem):
        return ("refusal",)
    return ("greatest", "bounds", "refusal") if "<=" in problem else ("bounds", "refusal")


def _followed(kind: type[Sent], values: object, steps: list[str | int]) -> tuple[list[inspect.Type], object]:
    """Every type on the way from `kind` to the value at the end of `steps`, and that value, None if it is missing."""
    found = _opened(inspect.type_info(kind))
    for step in steps:
        here = found[-1]
        if isinstance(here, inspect.StructType):
            found += _opened(next(field.type for field in here.fields if field.encode_name == step))
        elif isinstance(here, inspect.ListType | inspect.VarTupleType):
            found += _opened(here.item_type)
        values = _inside(values, step)
    return found, values


def _opened(kind: inspect.Type) -> list[inspect.Type]:
    """The type, what it is apart from null, and what is inside its annotations."""
    found = [kind]
    while isinstance(kind, inspect.UnionType | inspect.Metadata):
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        else:
            kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
        found.append(kind)
    return found


def _inside(value: object, step: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) else None


def _usual(kind: inspect.Type) -> tuple[str, dict[str, Any]]:
    """Return the sentence about a type whose schema has none, and what stands in it beside the name."""
    if isinstance(kind, inspect.EnumType):
        return ONE_OF, {"choices": ", ".join(str(one.value) for one in kind.cls)}
    if isinstance(kind, inspect.LiteralType):
        return ONE_OF, {"choices": ", ".join(map(str, kind.values))}
    if isinstance(kind, inspect.StrType) and kind.max_length:
        return N_("{name} must be a text of at most {most} characters."), {"most": kind.max_length}
    return next((sentence for kinds, sentence in _USUAL if isinstance(kind, kinds)), _NO_OBJECT), {}


_USUAL: tuple[tuple[type[inspect.Type] | tuple[type[inspect.Type], ...], str], ...] = (
    (inspect.BoolType, N_("{name} must be true or false.")),
    (inspect.IntType, N_("{name} must be a whole number.")),
    (inspect.StrType, N_("{name} must be a text.")),
    (inspect.FloatType, N_("{name} must be a number.")),
    ((inspect.ListType, inspect.VarTupleType), N_("{name} must be a list.")),
)
_NO_OBJECT = N_("{name} must be an object.")
