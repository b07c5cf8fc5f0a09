"""The files that the help consists of: the documents, and what they show or lead to.

A file is called by its path from the project's root. Pages have the same paths, so that a relative link between two
documents leads to the same place in a browser as on the disk.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from pathlib import Path

from app.config import PROJECT_ROOT
from app.domain_errors import NotFound
from app.services.system.documents.rendering import Document, render
from app.words import gettext

INDEX = "docs/README.md"
_SERVED = (
    "*.md",
    "LICENSE",
    "docs/**/*",
    "benchmarks/README.md",
    "benchmarks/base_checkpoint.json",
    "models/base/README.md",
    "models/reliability.py",
    "models/settings/*.py",
)


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Return the name of every file of the help."""
    found = chain.from_iterable(PROJECT_ROOT.glob(pattern) for pattern in _SERVED)
    return frozenset(str(path.relative_to(PROJECT_ROOT)) for path in found if path.is_file())


def path_of(name: str) -> Path:
    """Return where a file of the help is; raises NotFound."""
    if name not in names():
        raise NotFound(gettext("The help has no page %(name)s.", name=name))
    return PROJECT_ROOT / name


@lru_cache(maxsize=64)
def document(name: str) -> Document:
    """Return a document of the help as a page; raises NotFound."""
    return render(path_of(name).read_text(encoding="utf-8"))
