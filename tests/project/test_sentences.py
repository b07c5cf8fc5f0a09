"""Every sentence of a page, and of a refusal that a page shows, is in the catalogue (docs/translating.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

import app.domain_errors
from app.config import PROJECT_ROOT

TEMPLATES = sorted((PROJECT_ROOT / "templates").rglob("*.html"))
PROGRAMS = sorted(
    path
    for folder in ("routes", "services", "schemas", "api")
    for path in (PROJECT_ROOT / "app" / folder).rglob("*.py")
)
SHOWN = re.compile(
    r"\b(?:title|aria-label|placeholder|alt)=\"([^\"]*)\"|\b(?:title|aria-label|placeholder|alt)='([^']*)'"
)
"""Attributes whose text people see or hear."""
CODE = re.compile(r"<(code|kbd|script|style)\b[^>]*>.*?</\1>", re.DOTALL)
"""Samples of code, keys, and what is no text: never translated."""
TAG = re.compile(r"<!--.*?-->|<!?/?[a-zA-Z][^<>]*>", re.DOTALL)
ENTITY = re.compile(r"&\w+;")
WORD = re.compile(r"[^\W\d_]{2,}")
JINJA = Environment(extensions=["jinja2.ext.i18n"])  # noqa: S701  # templates are only read
HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands where a template has an expression."""

GETTEXT = {"_", "N_", "gettext", "ngettext"}
SENTENCE = re.compile(r"[A-Z][a-z']* [a-z]")
"""How a string begins that is more than a name."""

NAMES = {"Mellow", "UTC", "MB", "API", "CSV", "PNG", "Markdown"}
"""Words that are the same in every language."""
SAMPLES = {
    "language = de",  # a column of a file and its value
    "version 3",  # the subject of an entry of the audit log, which is stored in English
    "https://example.org/mellow",
    "webhook-id:",  # a header of HTTP
}
"""Texts of templates that are what people are to type, or what programs write."""
COMMANDS = "Only a command of an operator says it, and those are in English."
PROGRAMS_ONLY = "Only programs with a token or a key of their own meet it, and they are answered in English."
ENGLISH = {
    PROGRAMS_ONLY: {
        "app/api/operations.py": {"json_object", "_refuse_unknown_parameters"},
        "app/routes/system/health.py": {"_check_token"},
        "app/routes/typeface.py": {"file"},
        "app/services/people/api_tokens.py": {"bearer", "make", "_check_reach"},
    },
    COMMANDS: {
        "app/services/people/deletion.py": {"by_email"},
        "app/services/people/passwords.py": {"set_password"},
        "app/services/system/audit_copies.py": {"read", "verify_copy"},
        "app/services/system/backups.py": {
            "restore",
            "_check_copy",
            "_check_room",
            "_checkpoint_log",
            "_opened",
            "_refuse_what_acts",
        },
        "app/services/system/databases/contents.py": {"batches", "write", "_write_one"},
        "app/services/system/databases/copying.py": {"_check_known", "_check_empty", "_compare"},
        "app/services/system/databases/holding.py": {
            "held",
            "_check_file",
            "_leave_the_log",
            "_begun",
            "_check_revision",
            "_in_use",
        },
    },
}
"""Functions whose refusals no page shows, by the reason and the module."""


def outside(template: str) -> str:
    """The text of a template outside of `{% trans %}`, with a hole for each expression, and nothing for comments."""
    found: list[str] = []
    tag: list[str] = []
    inside = False
    for _, kind, value in JINJA.lex(template):
        if kind == "data" and not inside:
            found.append(value)
        elif kind == "block_begin":
            tag = []
        elif kind == "name":
            tag.append(value)
        elif kind == "block_end" and tag[:1] in (["trans"], ["endtrans"]):
            inside = tag[0] == "trans"
        elif kind == "variable_begin":
            found.append(HOLE)
    return "".join(found)


def sentences(template: str) -> list[str]:
    """What a template says without the catalogue: text between tags, and attributes that people see."""
    text = CODE.sub(" ", outside(template))
    said = [first or second for first, second in SHOWN.findall(text)]
    said += re.split(r"\n\s*\n|\x00", TAG.sub("\x00", text))
    found = []
    for one in said:
        plain = " ".join(ENTITY.sub(" ", one).replace(HOLE, " ").split())
        if set(WORD.findall(plain)) - NAMES and plain not in SAMPLES:
            found.append(plain)
    return found


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('<p title="A title">{{ _("Said") }} plain</p>', ["A title", "plain"]),
        ("{% trans %}All of it.{% endtrans %}{# A comment. #}<code>make run</code>", []),
        ("{% trans n=count %}One.{% pluralize %}{{ n }} of them.{% endtrans %} and more", ["and more"]),
        ("{% if a %}then{% else %}&nbsp;– {{ b }}{% endif %} · Mellow", ["then – · Mellow"]),
        ("<a href=\"{{ x }}\" aria-label='Go on'><!-- nothing -->→</a>", ["Go on"]),
    ],
)
def test_what_this_test_looks_for_is_found(template: str, said: list[str]) -> None:
    assert sentences(template) == said


def test_no_template_says_anything_without_the_catalogue() -> None:
    bare = {
        str(path.relative_to(PROJECT_ROOT)): found
        for path in TEMPLATES
        if (found := sentences(path.read_text(encoding="utf-8")))
    }
    assert bare == {}


def bare_strings(template: str) -> list[str]:
    """The strings in expressions of a template that look like a sentence, but for those that gettext is given."""
    tree = JINJA.parse(template)
    given = {
        id(const)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in GETTEXT
        for const in call.find_all(nodes.Const)
    }
    strings = (const.value for const in tree.find_all(nodes.Const) if id(const) not in given)
    return [value for value in strings if isinstance(value, str) and SENTENCE.match(value)]


def test_no_expression_of_a_template_says_anything_without_the_catalogue() -> None:
    assert bare_strings("{{ 'Go on now' if a else _('Go back') }}{{ f('Go down', x) }}") == ["Go on now", "Go down"]
    bare = {
        str(path.relative_to(PROJECT_ROOT)): found
        for path in TEMPLATES
        if (found := bare_strings(path.read_text(encoding="utf-8")))
    }
    assert bare == {}


REFUSALS = {
    name
    for name, found in vars(app.domain_errors).items()
    if isinstance(found, type) and issubclass(found, app.domain_errors.DomainError)
}


def bare_refusals(path: Path) -> Iterator[str]:
    """The refusals and flashed sentences of a program that are strings of its own."""
    place = str(path.relative_to(PROJECT_ROOT))
    english = {name for modules in ENGLISH.values() for name in modules.get(place, ())}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    spared = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name in english
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args or id(node) in spared:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in REFUSALS | {"flash"} and is_sentence(node.args[0]):
            yield f"{place}:{node.lineno} {ast.unparse(node.args[0])}"


def test_no_sentence_is_inside_of_an_f_string() -> None:
    """Where the tools that collect the sentences do not look."""
    inside = [
        f"{path.relative_to(PROJECT_ROOT)}:{string.lineno}"
        for path in sorted((PROJECT_ROOT / "app").rglob("*.py"))
        for string in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(string, ast.JoinedStr)
        for node in ast.walk(string)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in GETTEXT
        and isinstance(node.args[0], ast.Constant)
    ]
    assert inside == []


def is_sentence(node: ast.expr) -> bool:
    """Whether an expression is a string, or an f-string with words of its own."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return any(isinstance(part, ast.Constant) and WORD.search(str(part.value)) for part in parts)


def test_no_refusal_and_no_flash_is_without_the_catalogue() -> None:
    assert [found for path in PROGRAMS for found in bare_refusals(path)] == []


def test_a_bare_refusal_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.project.test_sentences.PROJECT_ROOT", tmp_path)
    program = tmp_path / "program.py"
    program.write_text(
        'raise Invalid("Bare.")\nflash(f"{n} are bare.")\nraise errors.NotFound("Bare, too.")\n'
        'raise Invalid(gettext("Said."))\nflash(str(refusal))\nflash(f"{said}.")\nlog("No refusal.")\n'
    )
    assert list(bare_refusals(program)) == [
        "program.py:1 'Bare.'",
        "program.py:2 f'{n} are bare.'",
        "program.py:3 'Bare, too.'",
    ]
