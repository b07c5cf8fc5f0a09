"""What pages load out of packages."""

from __future__ import annotations

from hashlib import sha256

import pytest
from flask import Flask

PUBLISHED = {
    "uplot.iife.min.js": "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2",
    "uplot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""uPlot 1.6.31 as it is on npm: the SHA-256 of files of dist/."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_library_is_served_as_its_authors_published_it(app: Flask, name: str) -> None:
    answer = app.test_client().get(f"/static/libraries/uplot/{name}", buffered=True)
    assert sha256(answer.data).hexdigest() == PUBLISHED[name]


def test_what_else_the_package_holds_is_not_served(app: Flask) -> None:
    assert app.test_client().get("/static/libraries/uplot/../figure.py").status_code == 404
