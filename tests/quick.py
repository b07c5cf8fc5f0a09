"""The option --quick: only tests that need no training library, no browser, no PostgreSQL, and no seconds of their own.

Left out are files that import a training library, themselves or by way of a module of ours, and folders whose conftest
does; of the other files, tests that import one in their body or in that of a fixture, that ask for Chromium, or that
are marked as slow or long. That none was overlooked is checked while they run: a test that has loaded torch fails.
Of the examples of a property a quarter is tried.
"""

from __future__ import annotations

import ast
import dis
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import settings

TRAINING_LIBRARIES = {"torch", "transformers", "trl", "peft", "datasets", "accelerate"}
LEFT_OUT = {"slow", "long", "browser"}
"""Markers of tests that take long, or drive a browser."""

_told = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--quick", action="store_true", help="only tests that need no training library, browser or time")


def pytest_configure(config: pytest.Config) -> None:
    """Try a quarter of the usual examples of each property."""
    if config.getoption("quick"):
        settings.register_profile("quick", max_examples=25)
        settings.load_profile("quick")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over a file, or a folder by its conftest, that would load a training library when imported."""
    if not config.getoption("quick"):
        return None
    file = collection_path / "conftest.py" if collection_path.is_dir() else collection_path
    if file.suffix != ".py" or not file.is_file():
        return None
    return True if leads_to_training(_imported(file), config.rootpath) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that would load a training library when run, and those that are marked."""
    if not config.getoption("quick"):
        return
    heavy = {item for item in items if _is_heavy(item, config.rootpath)}
    config.hook.pytest_deselected(items=[item for item in items if item in heavy])
    items[:] = [item for item in items if item not in heavy]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Fail the first test after which torch is there."""
    if item.config.getoption("quick") and "torch" in sys.modules and not item.config.stash.get(_told, False):
        item.config.stash[_told] = True
        pytest.fail("This test, or what was collected before it, loaded torch: see tests/quick.py.", pytrace=False)


@cache
def leads_to_training(names: frozenset[str], root: Path) -> bool:
    """Return whether importing these loads a training library, at once or by way of modules below `root`."""
    seen: set[Path] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        if name.partition(".")[0] in TRAINING_LIBRARIES:
            return True
        for file in set(_files(name, root)) - seen:
            seen.add(file)
            waiting |= _imported(file)
    return False


def _is_heavy(item: pytest.Item, root: Path) -> bool:
    if any(mark.name in LEFT_OUT for mark in item.iter_markers()):
        return True
    info: Any = getattr(item, "_fixtureinfo", None)  # pytest shows fixtures by name only, and a name may mean several
    fixtures = [found[-1].func for found in info.name2fixturedefs.values()] if info else []
    functions = [getattr(item, "function", None), *fixtures]
    return any(leads_to_training(_imported_within(function), root) for function in functions if function)


@cache
def _imported(file: Path) -> frozenset[str]:
    """The names that a file imports when it is imported itself; what its functions import later is not among them."""
    return frozenset(_on_import(ast.parse(file.read_text(encoding="utf-8"))))


def _on_import(node: ast.AST) -> Iterator[str]:
    for inner in ast.iter_child_nodes(node):
        yield from _named(inner)
        if isinstance(inner, ast.If) and ast.unparse(inner.test) == "TYPE_CHECKING":
            continue
        if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.expr):
            yield from _on_import(inner)


@cache
def _imported_within(function: Callable[..., Any]) -> frozenset[str]:
    """The names that a function's body imports."""
    inner = inspect.unwrap(function)
    if not inspect.isfunction(inner) or not _may_import(inner.__code__):
        return frozenset()
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return frozenset(name for node in ast.walk(tree) for name in _named(node))


def _may_import(code: CodeType) -> bool:
    """Tell whether a function may import something, without reading its source: that takes long."""
    within = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return dis.opmap["IMPORT_NAME"] in code.co_code[::2] or any(_may_import(one) for one in within)


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


@cache
def _files(name: str, root: Path) -> tuple[Path, ...]:
    """The files of ours that are read when `name` is imported: its own and those of the packages around it."""
    place, found = root, []
    for part in name.split("."):
        place = place / part
        found += [file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()]
    return tuple(found)
