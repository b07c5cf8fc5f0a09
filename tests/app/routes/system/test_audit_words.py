"""The names of the actions of the audit log."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from app.config import PROJECT_ROOT
from app.routes.system import audit_words

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITERS = ("record", "_note", "replace")
"""What the functions are called that write an action into the log."""


def _recorded(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) not in WRITERS:
            continue
        for argument in node.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and "." in argument.value:
                yield argument.value


def test_every_action_that_is_recorded_can_be_translated() -> None:
    sources = [path for path in (PROJECT_ROOT / "app" / "services").rglob("*.py") if "audit" in path.read_text()]
    recorded = {action for path in sources for action in _recorded(path)}
    assert len(recorded) > 40
    assert {action for action in recorded if action not in audit_words.ACTIONS} == set()


def test_an_action_is_called_as_it_is_stored_where_nobody_reads_another_language() -> None:
    assert audit_words.named("user.created") == "user.created"


def test_an_action_of_an_older_mellow_keeps_its_name() -> None:
    assert audit_words.named("teapot.boiled") == "teapot.boiled"
