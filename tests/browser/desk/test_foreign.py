"""Texts that the model does not read: said before their rewrites are shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.axe import in_both_themes
from tests.browser.desk.screen import card, expect_saved, expect_source, judged, last_judgment, serve
from tests.browsing import PATIENCE_MS
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
GERMAN = "Das ist doch nicht zu glauben, du bist so dumm."


def test_a_text_in_another_language_is_said_before_its_rewrites_which_wait_to_be_asked_for(
    desk: Page, product: Product
) -> None:
    serve(desk, product, GERMAN, "an English text")
    before = judged(product)
    expect(desk.locator("#foreign-text")).to_have_text("The model reads English; this looks like German.")
    expect(desk.locator("#cards")).to_be_hidden()
    expect(desk.locator("#verdicts")).to_be_hidden()
    assert in_both_themes(desk) == {}
    for key in ("1", "n", "t", "e", "a"):
        desk.keyboard.press(key)
    desk.keyboard.press("v")
    expect(card(desk, 1)).to_be_visible()
    expect(desk.locator("#foreign")).to_be_hidden()
    assert judged(product) == before, "no verdict on what was not shown"
    desk.keyboard.press("1")
    expect_source(desk, "an English text")
    expect(card(desk, 1)).to_be_visible()
    expect_saved(desk)
    desk.keyboard.press("u")
    expect_source(desk, GERMAN)
    expect(card(desk, 1)).to_be_visible()


@pytest.mark.parametrize("gesture", ["key", "click"])
def test_skipping_it_says_why(desk: Page, product: Product, gesture: str) -> None:
    english = f"an English text after a {gesture}"
    serve(desk, product, f"{GERMAN} ({gesture})", english)
    if gesture == "key":
        desk.keyboard.press("s")
    else:
        desk.click("#foreign-skip")
    expect_source(desk, english)
    expect_saved(desk, "Skipped: Not English")
    assert last_judgment(product, "verdict", "reason") == ("skipped", "Not English")
