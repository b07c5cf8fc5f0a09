"""Documents lead somewhere: every link of theirs, the index, and the arrows of the loop."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from app.config import PROJECT_ROOT
from tests.test_tree import tracked

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
DOCS = PROJECT_ROOT / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")


def prose(document: Path) -> str:
    """A document without its blocks of code."""
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def links(document: Path) -> list[str]:
    """Where a document leads to on this disk."""
    return LINK.findall(prose(document))


def anchors(document: Path) -> set[str]:
    """The names of a document's headings, as the hosting site and the built one make them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_picture_is_shown_by_a_document() -> None:
    shown = {link.rpartition("/")[2] for document in tracked("*.md") for link in links(PROJECT_ROOT / document)}
    assert [path.name for path in tracked("docs/screenshots/*") if path.name not in shown] == []


@pytest.mark.parametrize("document", tracked("*.md"), ids=str)
def test_every_link_leads_somewhere(document: Path) -> None:
    here = PROJECT_ROOT / document
    broken = []
    for link in links(here):
        path, _, anchor = link.partition("#")
        target = here.parent / path if path else here
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(
    ("index", "pattern"),
    [
        ("docs/README.md", r"docs/([^/]+|experiments/.+|decisions/README)\.md"),
        ("docs/decisions/README.md", r"docs/decisions/.+"),
    ],
    ids=["documents", "decisions"],
)
def test_every_document_is_in_its_index(index: str, pattern: str) -> None:
    place = (PROJECT_ROOT / index).parent
    listed = {(place / link.partition("#")[0]).resolve() for link in links(PROJECT_ROOT / index)}
    pages = [page for page in tracked("docs/*.md") if re.fullmatch(pattern, str(page)) and str(page) != index]
    assert pages
    assert [str(page) for page in pages if (PROJECT_ROOT / page).resolve() not in listed] == []


def test_every_arrow_of_the_loop_names_the_file_that_does_it() -> None:
    drawn = ARCHITECTURE.partition("## The loop")[2].partition("```text")[2].partition("```")[0]
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| `([^`]+)` \|", ARCHITECTURE, re.MULTILINE)
    assert sorted({int(number) for number in re.findall(r"\b\d+\b", drawn)}) == [int(number) for number, _ in rows]
    assert [file for _, file in rows if not (PROJECT_ROOT / file).is_file()] == []


def test_every_path_of_the_architecture_is_there() -> None:
    named = {path for path in re.findall(r"`([\w.-]+/[\w./-]*)`", ARCHITECTURE) if not path.startswith("build/")}
    assert len(named) > 50
    assert [path for path in sorted(named) if not (PROJECT_ROOT / path).exists()] == []


def test_the_architecture_draws_the_layers_that_are_checked() -> None:
    contracts = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layered = {one["containers"][0]: " → ".join(one["layers"]) for one in contracts if one["type"] == "layers"}
    drawn = dict(re.findall(r"^    ([\w.]+) +(.+ → .+)$", ARCHITECTURE, re.MULTILINE))
    assert {name: drawn.get(name) for name in layered} == layered
