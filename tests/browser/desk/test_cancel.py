"""Rewrites that are not wanted any more while they are being drawn."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk.screen import (
    GENERATIONS,
    JUDGMENTS,
    card,
    expect_saved,
    expect_source,
    hold,
    let_go,
    queue,
    serve,
)
from tests.browsing import PATIENCE_MS
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


def draw(desk: Page, text: str) -> list[str]:
    """Send a text whose rewrites do not come; returns what becomes of the request."""
    desk.wait_for_load_state("networkidle")
    desk.route(GENERATIONS, lambda route: None)
    ended: list[str] = []
    desk.on("requestfailed", lambda request: ended.append(request.failure or ""))
    desk.fill("#text", text)
    desk.press("#text", "Enter")
    expect(desk.locator("#pending")).to_be_visible()
    return ended


@pytest.mark.parametrize("way", ["Escape in the box", "Escape elsewhere", "button"])
def test_a_draw_is_cancelled_and_the_text_is_still_there(desk: Page, way: str) -> None:
    ended = draw(desk, "You are a stupid idiot")
    if way == "Escape elsewhere":
        desk.locator("#help-open").focus()
    if way == "button":
        desk.click("#pending-cancel")
    else:
        desk.keyboard.press("Escape")
    expect(desk.locator("#pending")).to_be_hidden()
    expect(desk.locator("#problem")).to_be_hidden()
    expect(desk.locator("#text")).to_be_focused()
    expect(desk.locator("#text")).to_have_value("You are a stupid idiot")
    expect(desk.locator("#said")).to_have_text("Stopped: nothing was drawn.")
    wait_for(lambda: desk.evaluate("true") and ended == ["net::ERR_ABORTED"], what="the end of the request")
    desk.unroute(GENERATIONS)
    desk.press("#text", "Enter")
    expect_source(desk, "You are a stupid idiot")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("You are a fool", "The server is slow, or draws for others first."),
        ("You fool. You idiot! And why?", "Each of its 3 sentences is rewritten by itself, which takes its time."),
    ],
)
def test_a_long_wait_says_what_takes_the_time(desk: Page, text: str, said: str) -> None:
    desk.clock.install()
    draw(desk, text)
    expect(desk.locator("#pending-text")).to_have_text("Three rewrites are being drawn…")
    desk.clock.fast_forward(5_000)
    expect(desk.locator("#pending-text")).to_have_text(f"Three rewrites are being drawn… {said}")
    desk.click("#pending-cancel")


def test_the_screen_before_is_still_there_and_can_be_judged(desk: Page, product: Product) -> None:
    serve(desk, product, "on the desk", "after it")
    draw(desk, "typed meanwhile")
    desk.keyboard.press("Escape")
    expect_source(desk, "on the desk")
    desk.unroute(GENERATIONS)
    desk.keyboard.press("Escape")  # leaves the box, as nothing is drawn any more
    expect(desk.locator("#text")).not_to_be_focused()
    desk.keyboard.press("1")
    expect_source(desk, "after it")
    expect_saved(desk)
    assert desk.input_value("#text") == "typed meanwhile"


def test_what_was_typed_meanwhile_and_what_was_sent_are_both_kept(desk: Page) -> None:
    draw(desk, "the first text")
    desk.fill("#text", "the second text")
    desk.keyboard.press("Escape")
    expect(desk.locator("#problem")).to_contain_text("Stopped. What you had sent: “the first text”.")
    assert desk.input_value("#text") == "the second text"


def test_the_next_screen_of_the_queue_is_cancelled_and_drawn_when_it_is_wanted(desk: Page, product: Product) -> None:
    queue(product, "waits in the queue")
    desk.route(GENERATIONS, lambda route: None)
    desk.reload()
    expect(desk.locator("#pending-text")).to_have_text("Drawing the next screen…")
    desk.keyboard.press("Escape")
    expect(desk.locator("#problem")).to_contain_text(
        "You stopped the drawing of the next screen. Its text waits in the queue."
    )
    desk.unroute(GENERATIONS)
    desk.click("#retry")
    expect_source(desk, "waits in the queue")


def test_a_click_is_kept_although_the_screen_after_it_is_cancelled(desk: Page, product: Product) -> None:
    serve(desk, product, "clicked")
    desk.wait_for_load_state("networkidle")
    desk.route(GENERATIONS, lambda route: None)
    held = hold(desk, JUDGMENTS)
    card(desk, 1).click()
    expect(desk.locator("#pending-text")).to_have_text("Drawing the next screen…")
    desk.click("#pending-cancel")
    expect(desk.locator("#retry")).to_be_visible()
    let_go(desk, held)
    expect_saved(desk)
    expect(desk.locator("#retry")).to_be_visible()  # what is stored meanwhile draws nothing by itself
    desk.unroute(GENERATIONS)
    queue(product, "drawn when it is wanted")
    desk.click("#retry")
    expect_source(desk, "drawn when it is wanted")
