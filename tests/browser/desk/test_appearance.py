"""How the desk fits hands and eyes: verdicts in reach on a phone, size and letters of the texts, motion."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.axe import in_both_themes
from tests.browser.conftest import empty_queue
from tests.browser.desk.screen import GENERATIONS, card, type_text
from tests.browsing import PATIENCE_MS, SIDEWAYS, Cookies, Visitor
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
VERDICTS = ("tie", "none", "fine", "write", "skip", "flag")
LONG = "You are a stupid idiot and nobody wants to hear what you have to say. " * 6
LEGIBLE = "Atkinson Hyperlegible"
SIZE = "element => parseFloat(getComputedStyle(element).fontSize)"


def legible(page: Page) -> str:
    """How far the typeface that is easier to read has come."""
    status: str = page.evaluate(
        "family => document.fonts.ready.then(fonts => [...fonts].find(font => font.family.includes(family)).status)",
        LEGIBLE,
    )
    return status


def test_on_a_phone_every_verdict_is_in_reach_whatever_the_text(
    chrome: Browser, product: Product, ada: Cookies
) -> None:
    empty_queue(product)
    with Visitor(chrome, product.url, width=360, height=740, signed_in_as=ada) as visitor:
        page = visitor.page
        page.goto("/annotate")
        rewrites = [{"id": number, "text": f"{number}: {LONG}"} for number in (1, 2, 3)]
        screen = {"id": 1, "text": LONG, "looks_like": None, "candidates": rewrites, "exhausted": False}
        page.route(GENERATIONS, lambda route: route.fulfill(status=201, json=screen))
        page.fill("#text", "as long as this")
        page.press("#text", "Enter")
        expect(card(page, 3)).to_be_enabled()
        for scrolled in (0, 100_000):
            page.evaluate("y => scrollTo(0, y)", scrolled)
            for verdict in VERDICTS:
                expect(page.locator(f"#{verdict}")).to_be_in_viewport(ratio=1)
        assert not page.evaluate(SIDEWAYS)
        page.evaluate("scrollTo(0, 0)")
        page.locator("[data-edit='3']").focus()
        box, bar = page.locator("[data-edit='3']").bounding_box(), page.locator("#verdicts").bounding_box()
        assert box is not None
        assert bar is not None
        assert box["y"] + box["height"] <= bar["y"] + 1, "what is reached with Tab does not end up under the bar"


def test_size_width_and_letters_of_the_texts_are_chosen_and_remembered(desk: Page) -> None:
    type_text(desk, "You are a stupid idiot")
    assert legible(desk) == "unloaded"
    before = card(desk, 1).evaluate(SIZE)
    desk.click("#appearance-open")
    assert in_both_themes(desk) == {}
    desk.check("#appearance [value='large']")
    desk.check("#appearance [value='distinct']")
    with desk.expect_response(stored("narrow")):
        desk.check("#appearance [value='narrow']")
    desk.keyboard.press("Escape")
    expect(desk.locator("#appearance")).to_be_hidden()

    def looks() -> tuple[float, bool, bool]:
        boxes = [card(desk, number).bounding_box() for number in (1, 2)]
        below = boxes[0] is not None and boxes[1] is not None and boxes[1]["y"] > boxes[0]["y"]
        return round(card(desk, 1).evaluate(SIZE) / before, 2), below, legible(desk) == "loaded"

    assert looks() == (1.2, True, True)
    desk.reload()
    expect(card(desk, 1)).to_be_visible()
    assert looks() == (1.2, True, True)
    desk.click("#appearance-open")
    for value in ("[name='text_size'][value='normal']", "[value='usual']"):
        desk.check(f"#appearance {value}")
    with desk.expect_response(stored("width")):
        desk.check("#appearance [name='width'][value='normal']")


def stored(setting: str) -> Callable[[Response], bool]:
    """Tell the answer to what is stored of a setting from those to the settings before it, which come first."""
    return lambda response: response.url.endswith("/api/v1/me") and setting in (response.request.post_data or "")


def test_who_asks_for_less_motion_sees_none(chrome: Browser, product: Product, ada: Cookies) -> None:
    with Visitor(chrome, product.url, signed_in_as=ada) as visitor:
        page = visitor.page
        page.emulate_media(reduced_motion="reduce")
        page.goto("/annotate")
        moving = """() => [...document.querySelectorAll(".desk *")].filter((one) => {
            const style = getComputedStyle(one);
            return style.animationName !== "none" || !/^0s/.test(style.transitionDuration);
        }).length"""
        assert page.evaluate(moving) == 0
