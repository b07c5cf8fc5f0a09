"""The keys of the desk on the keyboards of other countries, and while an input method writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk.screen import card, expect_saved, expect_source, last_judgment, serve, texts, type_text
from tests.browsing import PATIENCE_MS
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

RUSSIAN = """navigator.keyboard.getLayoutMap = async () => new Map([["KeyN", "т"], ["KeyG", "п"], ["Digit1", "1"]]);"""
SHIFT = 8  # as the DevTools protocol numbers the modifiers

Press = Callable[..., None]


@pytest.fixture
def press(desk: Page) -> Press:
    """Press a key that types a character which Playwright's English keyboard does not have."""
    devtools = desk.context.new_cdp_session(desk)

    def press(key: str, code: str, modifiers: int = 0) -> None:
        about = {"key": key, "code": code, "modifiers": modifiers}
        devtools.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": key, **about})
        devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", **about})

    return press


def test_letters_of_another_script_count_by_their_place(desk: Page, product: Product, press: Press) -> None:
    serve(desk, product, "judged in Russian", "judged in Greek", "the last one")
    press("т", "KeyN")
    expect_source(desk, "judged in Greek")
    expect_saved(desk, "Saved: none is good.")
    press("σ", "KeyS")
    expect_source(desk, "the last one")
    expect_saved(desk, "Skipped.")
    press("г", "KeyU")
    expect_source(desk, "judged in Greek")
    press("п", "KeyG")
    expect(desk.locator("#guidelines")).to_be_visible()
    press("ע", "KeyG")
    expect(desk.locator("#guidelines")).to_be_hidden()


@pytest.mark.parametrize(("key", "modifiers"), [("&", 0), ("1", SHIFT)])
def test_the_first_digit_of_a_french_keyboard_chooses(
    desk: Page, product: Product, press: Press, key: str, modifiers: int
) -> None:
    after = f"after {key}"
    serve(desk, product, f"judged in French with {key}", after)
    first = texts(desk)[0]
    press(key, "Digit1", modifiers)
    expect_source(desk, after)
    expect_saved(desk, f"Saved: “{first}”")
    assert last_judgment(product, "verdict") == ("chosen",)


def test_the_tour_knows_the_same_keys(desk: Page, press: Press) -> None:
    desk.click("#help-open")
    desk.click("#tour-again")
    place = desk.locator("#tour-place")
    for number, (key, code) in enumerate((("&", "Digit1"), ("г", "KeyU"), ("ν", "KeyN")), start=1):
        expect(place).to_have_text(f"{number} of 5")
        press(key, code)
    expect(place).to_have_text("4 of 5")
    desk.keyboard.press("Escape")


def test_keys_that_an_input_method_uses_save_and_leave_nothing(desk: Page) -> None:
    type_text(desk, "written with an input method")
    card(desk, 1).focus()
    desk.keyboard.press("e")
    devtools = desk.context.new_cdp_session(desk)
    devtools.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    for key in ("Enter", "Escape"):
        about = {"key": key, "code": key, "windowsVirtualKeyCode": 229}
        devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **about})
        expect(desk.locator("#edited")).to_be_focused()
    expect(desk.locator("#edited")).to_have_value(f"{texts(desk)[0]}にほん")
    expect(desk.locator("#last")).to_be_hidden()


def test_the_help_names_the_keys_as_they_are_printed(desk: Page) -> None:
    letters = desk.locator("#help kbd[data-letter]")
    desk.click("#help-open")
    assert "".join(letters.all_text_contents()) == "TNAESFUDBVG"
    desk.click("#help-close")
    desk.evaluate(RUSSIAN)
    desk.click("#help-open")
    expect(desk.locator("#help kbd[data-letter=N]")).to_have_text("Т")  # the Cyrillic one
    assert "".join(letters.all_text_contents()) == "TТAESFUDBVП"
