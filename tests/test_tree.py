"""The tree: rooms are small, tests stand where their modules stand, and documents name files that are there."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from app.config import PROJECT_ROOT

MOST_MODULES = 14
"""In one folder; what is beyond it wants rooms."""

HISTORY = Path("migrations/versions")
"""The folder that only ever grows, and is read in the order of its names."""

WIDEST_LINE = 120
"""Of a template, in characters, as ruff has it for Python."""

if not (PROJECT_ROOT / ".git").exists():
    pytest.skip("The tree is known by git alone, and this is no checkout.", allow_module_level=True)

ROOMS = {"desk", "prompts", "exchange", "review", "training", "versions", "people", "projects", "system"}

PLACE = re.compile(r"\b(?:app|models|worker|templates|static|tests|benchmarks|migrations)/[\w/.-]*\w")


def tracked(*patterns: str) -> list[Path]:
    """The files of the project that match, as paths from its root."""
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [Path(line) for line in listed.splitlines() if (PROJECT_ROOT / line).exists()]


def modules(folder: str) -> list[Path]:
    """The modules of a part of the project that hold something."""
    return [path for path in tracked(f"{folder}/*.py") if path.name not in ("__init__.py", "__main__.py")]


def test_no_folder_is_a_hall() -> None:
    sources = tracked("*.py", "*.js", "*.html", "*.css")
    files = [path for path in sources if path.name != "__init__.py" and path.parent != HISTORY]
    crowded = {
        str(folder): count for folder, count in Counter(path.parent for path in files).items() if count > MOST_MODULES
    }
    assert crowded == {}


def test_no_line_of_a_template_is_wider_than_a_line_of_code() -> None:
    wide = [
        f"{template}:{number}"
        for template in tracked("templates/*.html")
        for number, line in enumerate((PROJECT_ROOT / template).read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > WIDEST_LINE
    ]
    assert wide == []


@pytest.mark.parametrize("layer", ["app/services", "app/routes", "templates", "static/js"])
def test_every_floor_has_the_same_rooms(layer: str) -> None:
    folders = {
        path.relative_to(layer).parts[0] for path in tracked(f"{layer}/*") if len(path.relative_to(layer).parts) > 1
    }
    assert folders - {"shared", "api"} <= ROOMS
    assert folders >= ROOMS - {"system"}  # whose pages need no script


def test_every_service_has_a_test_file_of_its_name() -> None:
    tested = set(tracked("tests/app/services/*.py"))
    missing = [
        str(path)
        for path in modules("app/services")
        if not any(test.parent == "tests" / path.parent and test.stem == f"test_{path.stem}" for test in tested)
    ]
    assert missing == []


def test_a_test_stands_where_what_it_tests_stands() -> None:
    astray = []
    for test in tracked("tests/app/*.py", "tests/models/*.py", "tests/worker/*.py"):
        if test.name == "__init__.py":
            continue
        folder = PROJECT_ROOT / test.parent.relative_to("tests")
        if not (folder.is_dir() or folder.with_suffix(".py").is_file()):
            astray.append(str(test))
    assert astray == []


@pytest.mark.parametrize("document", [path for path in tracked("*.md") if path.name != "CHANGELOG.md"], ids=str)
def test_every_path_that_a_document_names_is_there(document: Path) -> None:
    text = (PROJECT_ROOT / document).read_text(encoding="utf-8")
    named = {match[0] for match in PLACE.finditer(text)}
    assert {name for name in named if not (PROJECT_ROOT / name).exists()} == set()
