"""axe, the accessibility checker, on a page as it is: WCAG 2.2 A and AA, and axe's best practices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page

from tests.browsing import Theme

_SCRIPT = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
_THEMES: tuple[Theme, ...] = ("light", "dark")


def violations(page: Page) -> list[str]:
    """What axe finds: the rule, how serious it is, and the first element that breaks it."""
    page.evaluate(_SCRIPT)
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']} ({violation['impact']}): {violation['nodes'][0]['html'][:200]}"
        for violation in found["violations"]
    ]


def in_theme(page: Page, theme: Theme) -> list[str]:
    """The same in a theme. The page follows the system's without being loaded again."""
    # Without motion, so that no colour is measured on its way from one theme to the other.
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.wait_for_function("theme => document.documentElement.dataset.bsTheme === theme", arg=theme)
    return violations(page)


def in_both_themes(page: Page) -> dict[str, list[str]]:
    """The same by theme; empty if nothing."""
    found = {theme: in_theme(page, theme) for theme in _THEMES}
    return {theme: names for theme, names in found.items() if names}
