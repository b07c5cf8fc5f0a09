"""The colours of static/css/tokens.css can be told apart by everybody; no other file names a colour."""

from __future__ import annotations

import re

import pytest

from app.config import PROJECT_ROOT

CSS = PROJECT_ROOT / "static" / "css"
TEXT = ("link", "link-hover", "success", "selection", "chosen", "warning", "danger", "mellow", "mellow-strong")
SIGNS = ("focus", "chosen-line", "line-firm", "selection-firm")
BACKGROUNDS = ("surface", "page", "selection-soft", "success-soft", "chosen-soft", "warning-soft")
FOR_TEXT, FOR_SIGNS = 4.5, 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11."""


def colours(theme: str) -> dict[str, str]:
    """The colours of a theme by name; the dark one has those of the light one where it names none."""
    css = (CSS / "tokens.css").read_text(encoding="utf-8")
    blocks = re.findall(r'\[data-bs-theme="(\w+)"\] \{(.*?)\n\}', css, re.DOTALL)
    found: dict[str, str] = {}
    for name, content in blocks:
        if name in ("light", theme):
            found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", content))
    return found


def luminance(colour: str) -> float:
    """The relative luminance of WCAG."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_and_signs_stand_out_from_every_background(theme: str) -> None:
    known = colours(theme)
    assert contrast("#fff", "#000") == pytest.approx(21)
    weak = [
        f"{name} on {background}: {found:.2f}"
        for names, least in ((TEXT, FOR_TEXT), (SIGNS, FOR_SIGNS))
        for name in names
        for background in BACKGROUNDS
        if (found := contrast(known[name], known[background])) < least
    ]
    weak += [name for name in ("action", "action-hover", "action-off") if contrast("#fff", known[name]) < FOR_TEXT]
    assert weak == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_colour_has_one_meaning(theme: str) -> None:
    known = colours(theme)
    meanings = [
        known[name] for name in ("mellow", "link", "success", "selection", "focus", "chosen", "warning", "danger")
    ]
    assert len(set(meanings)) == len(meanings)


def test_only_the_tokens_name_colours() -> None:
    named = {
        f"{path.name}: {colour}"
        for path in CSS.rglob("*.css")
        if path.name != "tokens.css"
        for declarations in re.findall(r"\{([^{}]*)\}", path.read_text(encoding="utf-8"))
        for colour in re.findall(r"#[0-9a-f]{3,8}\b", declarations)
    }
    assert named == set()
