"""Typed texts on the annotator's desk, in a real browser over the real product."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk.screen import (
    GENERATIONS,
    JUDGMENTS,
    MARKED,
    card,
    expect_saved,
    expect_source,
    hold,
    let_go,
    queue,
    standing,
    texts,
    type_text,
)
from tests.browsing import PATIENCE_MS, Visitor
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("gesture", ["key", "click"])
def test_the_chosen_rewrite_is_marked_and_stored(desk: Page, product: Product, number: int, gesture: str) -> None:
    type_text(desk, "You are a stupid idiot")
    before = len(standing(product))
    text = card(desk, number).locator(".choice-text").text_content()
    if gesture == "key":
        desk.keyboard.press(str(number))
    else:
        card(desk, number).click()
    expect(desk.locator("#last-text")).to_have_text(f"Saved: “{text}”")
    assert [card(desk, each).evaluate(MARKED) for each in (1, 2, 3)] == [each == number for each in (1, 2, 3)]
    assert standing(product)[before:] == [("chosen", text)]


def test_the_screen_shows_three_rewrites_of_the_text(desk: Page) -> None:
    type_text(desk, "Stop talking, you moron!")
    assert len({text for text in texts(desk) if text}) == 3


def test_enter_sends_and_shift_enter_makes_a_line(desk: Page) -> None:
    desk.focus("#text")
    desk.keyboard.type("You are")
    desk.keyboard.press("Shift+Enter")
    desk.keyboard.type("an idiot")
    assert desk.input_value("#text") == "You are\nan idiot"
    desk.keyboard.press("Enter")
    expect(desk.locator("#source")).to_have_text("You are\nan idiot", use_inner_text=True)
    assert desk.input_value("#text") == ""


def test_a_text_that_is_too_long_says_so_and_is_not_sent(desk: Page) -> None:
    sent: list[str] = []
    desk.on("request", lambda request: sent.append(request.method) if "generations" in request.url else None)
    desk.wait_for_load_state("networkidle")
    sent.clear()
    desk.fill("#text", "a" * 301)
    expect(desk.locator("#text-hint")).to_have_text("1 characters too long: 301 of 300")
    expect(desk.locator("#send")).to_be_disabled()
    desk.press("#text", "Enter")
    desk.wait_for_load_state("networkidle")
    assert sent == []
    assert desk.input_value("#text") == "a" * 301
    desk.fill("#text", "a" * 300)
    expect(desk.locator("#send")).to_be_enabled()


@pytest.mark.parametrize(
    "hostile",
    [
        "<img src=x onerror=alert(1)>",
        "</blockquote><script>alert(document.cookie)</script>",
        '"><svg onload=alert(1)>{{ 7 * 7 }}',
        "javascript:alert(1)",
    ],
)
def test_hostile_text_is_shown_as_text(desk: Page, product: Product, hostile: str) -> None:
    queue(product, f"{hostile} queued")
    type_text(desk, hostile)
    desk.keyboard.press("1")
    expect(desk.locator("#last")).to_be_visible()
    desk.reload()
    expect_source(desk, f"{hostile} queued")
    assert desk.locator("#screen img, #screen script, #screen svg").count() == 0


def test_a_slow_generation_shows_that_it_is_under_way(desk: Page) -> None:
    desk.wait_for_load_state("networkidle")
    held = hold(desk, GENERATIONS)
    desk.fill("#text", "You are slow")
    desk.press("#text", "Enter")
    expect(desk.locator("#pending")).to_be_visible()
    expect(desk.locator("#pending-text")).to_have_text("Three rewrites are being drawn…")
    expect(desk.locator("#pending-seconds")).to_have_text(re.compile(r"^[1-9]\d*\.\d s$"))  # it counts on
    expect(desk.locator("#send")).to_be_disabled()
    desk.press("#text", "Enter")
    assert len(held) == 1
    let_go(desk, held)
    expect_source(desk, "You are slow")
    expect(desk.locator("#pending")).to_be_hidden()


def test_what_is_typed_during_a_generation_stays(desk: Page) -> None:
    desk.wait_for_load_state("networkidle")
    held = hold(desk, GENERATIONS)
    desk.fill("#text", "the first text")
    desk.press("#text", "Enter")
    expect(desk.locator("#pending")).to_be_visible()
    desk.fill("#text", "the second text")
    let_go(desk, held)
    expect_source(desk, "the first text")
    assert desk.input_value("#text") == "the second text"


def test_a_text_sent_before_the_last_click_is_acknowledged_need_not_wait_for_it(desk: Page, product: Product) -> None:
    type_text(desk, "the text before")
    before = len(standing(product))
    held = hold(desk, JUDGMENTS)
    desk.keyboard.press("1")
    expect(card(desk, 1)).to_have_class(re.compile("chosen"))
    type_text(desk, "the text after")
    assert len(standing(product)) == before
    let_go(desk, held)
    expect_saved(desk)
    assert len(standing(product)) == before + 1


def test_a_reload_during_a_generation_keeps_the_text(desk: Page) -> None:
    desk.wait_for_load_state("networkidle")
    desk.route(GENERATIONS, lambda route: None)
    desk.fill("#text", "not answered yet")
    desk.press("#text", "Enter")
    expect(desk.locator("#pending")).to_be_visible()
    desk.reload()
    expect(desk.locator("#text")).to_have_value("not answered yet")


def test_the_back_button_leads_to_the_same_screen(desk: Page) -> None:
    type_text(desk, "Keep this in mind, idiot")
    shown = texts(desk)
    desk.click("text=People")
    desk.wait_for_url("**/admin/people")
    desk.go_back()
    expect(desk.locator("#source")).to_have_text("Keep this in mind, idiot")
    assert texts(desk) == shown
    desk.keyboard.press("1")
    expect(desk.locator("#last")).to_be_visible()


def test_a_generation_that_fails_keeps_the_text(desk: Page, visitor: Visitor) -> None:
    visitor.expect_complaint("Failed to load resource")
    desk.wait_for_load_state("networkidle")
    desk.route(GENERATIONS, lambda route: route.abort())
    desk.fill("#text", "You are a stupid idiot")
    desk.press("#text", "Enter")
    expect(desk.locator("#problem")).to_contain_text("Mellow cannot be reached.")
    desk.unroute(GENERATIONS)
    desk.press("#text", "Enter")
    expect_source(desk, "You are a stupid idiot")
    expect(desk.locator("#problem")).to_be_hidden()
