"""Every gesture of the annotator's desk, by its key and by its click, and what comes of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk.screen import (
    card,
    expect_saved,
    expect_source,
    last_judgment,
    pairs_of_last,
    serve,
    texts,
    type_text,
)
from tests.browsing import PATIENCE_MS
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


@pytest.mark.parametrize("gesture", ["key", "click"])
def test_a_tie_of_two_prefers_both_to_the_third(desk: Page, product: Product, gesture: str) -> None:
    type_text(desk, f"two are equally good, by {gesture}")
    first, second, third = texts(desk)
    if gesture == "key":
        for key in ("t", "1", "3", "Enter"):
            desk.keyboard.press(key)
    else:
        desk.click("#tie")
        card(desk, 1).click()
        card(desk, 3).click()
        expect(desk.locator("#tie-text")).to_have_text("1 and 3 are equally good.")
        desk.click("#tie-save")
    expect(desk.locator("#last-text")).to_have_text(f"Saved: “{first}” = “{third}”")
    assert last_judgment(product, "verdict") == ("tie",)
    assert pairs_of_last(product) == [(first, second, 0.5), (third, second, 0.5)]


def test_a_tie_of_all_is_t_and_enter(desk: Page, product: Product) -> None:
    type_text(desk, "all are equally good")
    desk.keyboard.press("t")
    desk.keyboard.press("Enter")
    expect_saved(desk, "Saved: all are equally good.")
    assert last_judgment(product, "verdict", "tied") == ("tie", None)
    assert pairs_of_last(product) == []


@pytest.mark.parametrize("gesture", ["key", "click"])
def test_a_text_that_is_already_fine_is_preferred_to_its_rewrites_and_can_be_undone(
    desk: Page, product: Product, gesture: str
) -> None:
    text = f"Thank you for coming so early, by {gesture}."
    type_text(desk, text)
    shown = texts(desk)
    if gesture == "key":
        desk.keyboard.press("a")
    else:
        desk.click("#fine")
    expect_saved(desk, "Saved: the text is already fine.")
    assert last_judgment(product, "verdict", "edited_text", "candidate_id") == ("fine", None, None)
    assert pairs_of_last(product) == [(text, rewrite, 1.0) for rewrite in shown if rewrite != text]
    desk.click("#undo")  # no key: an empty queue puts the cursor into the text box
    wait_for(lambda: last_judgment(product, "undone_at") != (None,), what="the undo")
    expect_source(desk, text)


def test_the_text_itself_is_no_edit_but_already_fine(desk: Page) -> None:
    type_text(desk, "This is fine as it is.")
    desk.keyboard.press("e")
    desk.fill("#edited", "This is fine as it is.")
    desk.press("#edited", "Enter")
    expect(desk.locator("#edited-problem")).to_contain_text("press A for Already fine")


@pytest.mark.parametrize("reason", ["Not English", "I cannot judge this"])
def test_a_skip_may_say_why(desk: Page, product: Product, reason: str) -> None:
    type_text(desk, f"skip me: {reason}")
    desk.click("#skip-why")
    desk.click(f'#skip-form [data-reason="{reason}"]')
    expect_saved(desk, f"Skipped: {reason}")
    assert last_judgment(product, "verdict", "reason", "flagged") == ("skipped", reason, 0)


def test_one_alone_is_no_tie_and_escape_leaves(desk: Page, product: Product) -> None:
    type_text(desk, "one is no tie")
    for key in ("t", "2", "Enter"):
        desk.keyboard.press(key)
    expect(desk.locator("#tie-text")).to_contain_text("A tie has at least two")
    expect(desk.locator("#last")).to_be_hidden()
    desk.keyboard.press("Escape")
    expect(desk.locator("#tie-bar")).to_be_hidden()
    desk.keyboard.press("2")
    expect_saved(desk)
    assert last_judgment(product, "verdict") == ("chosen",)


@pytest.mark.parametrize("gesture", ["key", "click"])
def test_an_edited_rewrite_is_preferred_to_all_three(desk: Page, product: Product, gesture: str) -> None:
    type_text(desk, f"edit me in place, by {gesture}")
    shown = texts(desk)
    if gesture == "key":
        card(desk, 2).focus()
        desk.keyboard.press("e")
    else:
        desk.click("[data-edit='2']")
    expect(desk.locator("#edited")).to_be_focused()
    assert desk.input_value("#edited") == shown[1]
    desk.keyboard.type(", please")
    if gesture == "key":
        desk.keyboard.press("Enter")
    else:
        desk.click("#edited-save")
    better = f"{shown[1]}, please"
    expect(desk.locator("#last-text")).to_have_text(f"Saved: “{better}”")
    assert last_judgment(product, "verdict", "edited_text") == ("edited", better)
    assert pairs_of_last(product) == [(better, text, 1.0) for text in shown]


def test_a_rewrite_of_ones_own_begins_empty(desk: Page, product: Product) -> None:
    type_text(desk, "nobody pointed at a card")
    desk.mouse.move(5, 5)
    desk.keyboard.press("e")
    expect(desk.locator("#edited")).to_have_value("")
    desk.keyboard.press("Enter")
    expect(desk.locator("#edited-problem")).to_have_text("There is no text yet.")
    desk.keyboard.type("first line")
    desk.keyboard.press("Shift+Enter")
    desk.keyboard.type("123 n s u")  # in a text box letters are letters
    desk.keyboard.press("Enter")
    expect_saved(desk)
    assert last_judgment(product, "verdict", "edited_text", "candidate_id") == (
        "edited",
        "first line\n123 n s u",
        None,
    )


def test_a_key_that_is_held_down_types_nothing_into_the_box_that_it_opens(desk: Page) -> None:
    type_text(desk, "a heavy finger")
    shown = texts(desk)
    card(desk, 1).focus()
    for key, box, value in (("e", "#edited", shown[0]), ("/", "#text", "")):
        for _ in range(3):
            desk.keyboard.down(key)
        desk.keyboard.up(key)
        expect(desk.locator(box)).to_be_focused()
        expect(desk.locator(box)).to_have_value(value)
        desk.keyboard.press("a")
        expect(desk.locator(box)).to_have_value(f"{value}a")
        desk.keyboard.press("Backspace")
        desk.keyboard.press("Escape")


def test_an_edit_ends_a_tie_and_a_tie_an_edit(desk: Page) -> None:
    type_text(desk, "one thing at a time")
    for key in ("t", "1"):
        desk.keyboard.press(key)
    desk.click("[data-edit='2']")
    expect(desk.locator("#edited")).to_be_visible()
    expect(desk.locator("#tie-bar")).to_be_hidden()
    desk.keyboard.type("!")
    desk.click("#tie")
    expect(desk.locator("#tie-bar")).to_be_visible()
    expect(desk.locator("#edited")).to_be_hidden()
    expect(desk.locator("[data-edit='2']")).to_have_text("Edit draft")


def test_an_edit_that_cannot_be_saved_says_why_and_stays(desk: Page) -> None:
    type_text(desk, "an edit that changes nothing")
    desk.keyboard.press("Shift+Digit1")
    expect(desk.locator("#edited")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator("#edited-problem")).to_contain_text("This is rewrite 1 as it stands")
    desk.fill("#edited", "😀" * 301)
    desk.keyboard.press("Enter")
    expect(desk.locator("#edited-problem")).to_have_text("1 characters too long: 301 of 300.")
    expect(desk.locator("#edited")).to_have_value("😀" * 301)


def test_drafts_survive_escape_reload_and_undo(desk: Page, product: Product) -> None:
    serve(desk, product, "kept as a draft", "the next one")
    desk.click("[data-edit='3']")
    desk.fill("#edited", "half a th")
    desk.keyboard.press("Escape")
    expect(card(desk, 3)).to_be_visible()
    expect(desk.locator("[data-edit='3']")).to_have_text("Edit draft")
    desk.click("[data-edit='3']")
    desk.locator("#edited").press_sequentially("ought")
    desk.reload()
    expect(desk.locator("#edited")).to_have_value("half a thought")
    desk.press("#edited", "Enter")
    expect_source(desk, "the next one")
    expect_saved(desk)
    desk.click("#undo")
    expect_source(desk, "kept as a draft")
    expect(desk.locator("#edited")).to_have_value("half a thought")
    desk.keyboard.press("Escape")
    desk.keyboard.press("1")
    expect_source(desk, "the next one")


@pytest.mark.parametrize(("key", "button", "flagged"), [("s", "#skip", 0), ("f", "#flag", 1)])
def test_skip_and_flag_take_one_gesture_or_a_reason(
    desk: Page, product: Product, key: str, button: str, flagged: int
) -> None:
    columns = ("verdict", "flagged", "reason")
    said = "Flagged" if flagged else "Skipped"
    serve(desk, product, *(f"{said} {number}" for number in range(1, 6)))
    desk.keyboard.press(key)
    expect_source(desk, f"{said} 2")
    expect(desk.locator("#last-text")).to_have_text(f"{said}.")
    assert last_judgment(product, *columns) == ("skipped", flagged, None)
    desk.click(button)
    expect_source(desk, f"{said} 3")
    desk.keyboard.press(f"Shift+{key.upper()}")
    desk.keyboard.type("because 1 is not 2")
    desk.keyboard.press("Enter")
    expect_source(desk, f"{said} 4")
    expect(desk.locator("#last-text")).to_have_text(f"{said}: because 1 is not 2")
    assert last_judgment(product, *columns) == ("skipped", flagged, "because 1 is not 2")
    desk.click(f"{button}-why")
    desk.keyboard.press("Escape")
    desk.click(f"{button}-why")
    reason = desk.locator(f"{button}-form [data-reason]").first
    text = reason.get_attribute("data-reason")
    reason.click()
    expect_source(desk, f"{said} 5")
    wait_for(lambda: last_judgment(product, *columns) == ("skipped", flagged, text), what="the reason")
