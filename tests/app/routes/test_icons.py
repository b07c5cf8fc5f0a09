"""Icons are drawn into the page by their names."""

from __future__ import annotations

import re

import pytest

from app.config import PROJECT_ROOT
from app.routes.icons import icon


def test_an_icon_is_its_shape_in_the_colour_of_its_words_and_is_not_read_aloud() -> None:
    drawn = icon("house")
    assert re.fullmatch(r'<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="[^"]+"/></svg>', drawn)
    assert "fill=" not in drawn


def test_an_unknown_icon_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"no icon no-such-icon"):
        icon("no-such-icon")


def test_every_icon_that_a_template_names_exists() -> None:
    texts = [path.read_text() for path in (PROJECT_ROOT / "templates").rglob("*.html")]
    calls = [call for text in texts for call in re.findall(r"icon\(([^)]*)\)", text)]
    names = {name for call in calls for name in re.findall(r"'([\w-]+)'", call)}
    assert len(names) >= 10
    for name in names:
        assert icon(name)
