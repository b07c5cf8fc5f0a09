"""What was sampled is known by all that it depends on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import models
from models.serving import sampling_code
from models.serving.sampling_code import CODE, identity_of

FOLDER = Path(models.__file__).parent


def imported(module: str) -> Iterator[str]:
    """Yield the files of `models` that a file of it imports."""
    for node in ast.walk(ast.parse((FOLDER / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("models"):
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                file = "/".join(name.split(".")[1:]) + ".py"
                if (FOLDER / file).is_file():
                    yield file


def test_the_identity_holds_every_module_that_the_generator_needs() -> None:
    found, left = set[str](), ["serving/generator.py"]
    while left:
        module = left.pop()
        if module not in found:
            found.add(module)
            left += imported(module)

    assert found - {"model_errors.py"} == set(CODE)


def test_another_file_or_another_release_of_a_package_is_another_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shortlist.py"
    file.write_text("a = 1")
    first = identity_of([file], ("numpy",))
    assert identity_of([file], ("numpy",)) == first

    monkeypatch.setattr(sampling_code, "version", lambda package: "0")
    assert identity_of([file], ("numpy",)) != first
    monkeypatch.undo()
    file.write_text("a = 2")
    assert identity_of([file], ("numpy",)) != first
    assert identity_of([file], ("no-such-package",)) != first
