"""How all pages look: the typeface, light and dark, the keyboard, forced colours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.axe import violations
from tests.browsing import PATIENCE_MS, Cookies, Visitor
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

THEME = "document.documentElement.dataset.bsTheme"


@pytest.fixture
def page(product: Product, visitor: Visitor) -> Iterator[Page]:
    """Ada's browser; what she chose of the looks is taken back at the end."""
    yield visitor.page
    product.api.ok("PATCH", "/me", {"settings": {"theme": "system"}})


def test_a_theme_comes_at_once_keeps_what_is_being_written_and_is_remembered(
    product: Product, chrome: Browser, ada: Cookies, page: Page
) -> None:
    page.goto("/annotate")
    page.fill("#text", "half a thought")
    for name, theme in (("Dark", "dark"), ("Light", "light"), ("Dark", "dark")):
        page.get_by_label("Appearance").click()
        with page.expect_response("**/account/theme"):
            page.get_by_role("button", name=name).click()
        assert page.evaluate(THEME) == theme
        expect(page.get_by_label("Appearance")).to_be_focused()
        assert page.input_value("#text") == "half a thought"
    with Visitor(chrome, product.url, "light", signed_in_as=ada) as other:
        other.page.goto("/work")
        assert other.page.evaluate(THEME) == "dark"
        other.page.goto("/account")
        expect(other.page.get_by_label("Dark", exact=True)).to_be_checked()
        other.page.get_by_label("As on this device").check()
        with other.page.expect_navigation():
            other.page.locator("form", has=other.page.get_by_label("Light", exact=True)).get_by_text("Save").click()
        assert other.page.evaluate(THEME) == "light"
        other.page.emulate_media(color_scheme="dark")
        other.page.wait_for_function(f"() => {THEME} === 'dark'")


def test_the_bar_is_reached_in_its_order_and_the_open_menu_is_accessible(page: Page) -> None:
    page.goto("/work")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent.trim()"))
    rooms = ["Annotate", "My work", "Review", "Data", "People", "Training", "Versions", "System", "Help"]
    assert seen[:10] == ["Mellow", *rooms]
    assert seen[11] == "Appearance"
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    assert violations(page) == []


def test_every_page_has_the_typeface_that_ships_with_mellow(page: Page) -> None:
    page.goto("/work")
    assert page.evaluate("document.fonts.ready.then(fonts => [...fonts].map(font => [font.family, font.status]))") == [
        ["Inter", "loaded"]
    ]
    assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Inter")


def test_where_a_system_replaces_all_colours_the_present_page_is_still_marked(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.goto("/work")
    decoration = "element => getComputedStyle(element).textDecorationLine"
    assert page.locator(".places [aria-current]").evaluate(decoration) == "underline"
    assert page.locator(".places a:not([aria-current])").first.evaluate(decoration) == "none"


def test_where_a_system_replaces_all_colours_ticks_are_those_of_the_system(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.goto("/admin/versions?compare=1")
    tick = page.get_by_label("Compare version 1", exact=True)
    expect(tick).to_be_checked()
    look = "element => [getComputedStyle(element).appearance, getComputedStyle(element).backgroundImage]"
    assert tick.evaluate(look) == ["auto", "none"]
