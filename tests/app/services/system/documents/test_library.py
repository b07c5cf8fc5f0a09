"""The help has every document, and all that its documents show or lead to."""

from __future__ import annotations

import posixpath
import re

import pytest

from app.config import PROJECT_ROOT
from app.domain_errors import NotFound
from app.services.system.documents import library

DOCUMENTS = sorted(name for name in library.names() if name.endswith(".md"))
LEADS_TO = re.compile(r'(?:href|src)="(?!https?:|mailto:)([^"]+)"')


def test_every_document_below_docs_is_in_it() -> None:
    below = {str(path.relative_to(PROJECT_ROOT)) for path in (PROJECT_ROOT / "docs").rglob("*.md")}
    assert len(below) > 60
    assert below <= set(DOCUMENTS)
    assert {"README.md", "CHANGELOG.md", "docs/glossary.md"} <= set(DOCUMENTS)


def test_every_link_and_picture_of_a_document_is_in_it() -> None:
    anchors = {name: {heading.anchor for heading in library.document(name).headings} for name in DOCUMENTS}
    places = library.names() | {f"{name}#{anchor}" for name in DOCUMENTS for anchor in anchors[name]}
    missing = []
    for name in DOCUMENTS:
        for link in LEADS_TO.findall(library.document(name).html):
            path, _, anchor = link.partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            if (f"{target}#{anchor}" if anchor else target) not in places:
                missing.append((name, link))
    assert missing == []


@pytest.mark.parametrize("name", ["docs/no-such.md", "app/config.py", ".env.example", "docs/../app/config.py", "docs"])
def test_nothing_else_is_in_it(name: str) -> None:
    with pytest.raises(NotFound, match="The help has no page"):
        library.path_of(name)
