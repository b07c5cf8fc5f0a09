"""What the desk does when connection, session or page go away: nothing is lost, nothing is stored twice."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.domain_errors import PROBLEM_JSON, DiskFull
from tests.browser.desk.screen import (
    JUDGMENTS,
    card,
    expect_saved,
    expect_source,
    hold,
    judged,
    queue,
    serve,
    standing,
    type_text,
)
from tests.browsing import PATIENCE_MS, SIGN_IN, Visitor
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


def test_a_lost_connection_keeps_the_gestures_and_sends_them_in_order(
    desk: Page, visitor: Visitor, product: Product
) -> None:
    visitor.expect_complaint("Failed to load resource")
    serve(desk, product, "before the tunnel", "in the tunnel", "behind the tunnel")
    desk.wait_for_load_state("networkidle")
    before = judged(product)
    visitor.context.set_offline(True)
    desk.keyboard.press("1")
    expect_source(desk, "in the tunnel")
    expect(desk.locator("#connection")).to_contain_text("No connection. One judgment is kept on this device")
    expect(desk.locator("#last-text")).to_contain_text("Kept on this device: “")
    desk.keyboard.press("n")
    desk.keyboard.press("u")
    desk.keyboard.press("s")
    expect(desk.locator("#connection")).to_contain_text("3 judgments and one undo are kept")
    assert judged(product) == before
    visitor.context.set_offline(False)
    expect(desk.locator("#connection")).to_have_text("All that was kept has been sent.")
    expect_source(desk, "behind the tunnel")
    rows = product.rows(
        "SELECT verdict, undone_at IS NULL FROM judgments ORDER BY id DESC LIMIT ?", judged(product) - before
    )
    assert rows == [("skipped", 1), ("none", 0), ("chosen", 1)]


def test_an_answer_that_was_never_heard_makes_no_second_judgment(
    desk: Page, visitor: Visitor, product: Product
) -> None:
    visitor.expect_complaint("Failed to load resource")
    type_text(desk, "stored, but the answer is lost")
    before = judged(product)
    lost: list[Route] = []

    def lose_the_first_answer(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route)
        route.fetch()
        route.abort()

    desk.route(JUDGMENTS, lose_the_first_answer)
    desk.keyboard.press("2")
    expect_saved(desk, "Saved: “")
    assert lost
    assert judged(product) == before + 1


def test_a_full_disk_is_told_and_the_gesture_is_kept_until_there_is_room(
    desk: Page, visitor: Visitor, product: Product
) -> None:
    visitor.expect_complaint("Failed to load resource")
    type_text(desk, "while the disk is full")
    before = judged(product)
    detail = str(DiskFull())
    full = True

    def refuse(route: Route) -> None:
        if full:
            route.fulfill(status=507, content_type=PROBLEM_JSON, body=json.dumps({"detail": detail}))
        else:
            route.continue_()

    desk.route(JUDGMENTS, refuse)
    desk.keyboard.press("2")
    kept = "One judgment is kept on this device and will be sent as soon as it is possible."
    expect(desk.locator("#connection")).to_have_text(f"{detail} {kept}")
    assert judged(product) == before
    full = False
    expect_saved(desk, "Saved: “")
    assert judged(product) == before + 1


def test_gestures_that_were_kept_are_sent_by_the_next_visit(desk: Page, visitor: Visitor, product: Product) -> None:
    visitor.expect_complaint("Failed to load resource")
    serve(desk, product, "kept over a reload", "after the reload")
    before = len(standing(product))
    desk.route(JUDGMENTS, lambda route: route.abort())
    desk.keyboard.press("1")
    expect_source(desk, "after the reload")
    expect(desk.locator("#connection")).to_contain_text("One judgment is kept")
    desk.reload()
    expect_source(desk, "after the reload")  # what is judged here does not come again
    assert len(standing(product)) == before
    desk.unroute(JUDGMENTS)
    desk.reload()
    wait_for(lambda: len(standing(product)) == before + 1, what="the judgment that was kept")
    expect_source(desk, "after the reload")


def test_a_server_error_keeps_the_gesture_and_says_so(desk: Page, visitor: Visitor, product: Product) -> None:
    visitor.expect_complaint("Failed to load resource")
    type_text(desk, "You are a stupid idiot")
    before = len(standing(product))
    desk.route(JUDGMENTS, lambda route: route.fulfill(status=500))
    desk.keyboard.press("2")
    expect(desk.locator("#connection")).to_contain_text("Something went wrong on the server. One judgment is kept")
    expect(card(desk, 2)).to_have_class(re.compile("chosen"))
    desk.unroute(JUDGMENTS)
    expect_saved(desk, "Saved: “")
    assert len(standing(product)) == before + 1


def test_a_gesture_that_the_server_refuses_comes_back_with_the_reason(
    desk: Page, visitor: Visitor, product: Product
) -> None:
    visitor.expect_complaint("422")
    serve(desk, product, "refused once", "after the refused one")
    held = hold(desk, JUDGMENTS)
    desk.click("[data-edit='1']")
    desk.fill("#edited", "what was typed")
    desk.press("#edited", "Enter")
    expect_source(desk, "after the refused one")
    wait_for(lambda: desk.evaluate("true") and held, what="the judgment on its way")
    held[0].fulfill(status=422, json={"detail": "It may not be so."})
    expect(desk.locator("#problem-text")).to_have_text("Not saved. It may not be so.")
    desk.unroute(JUDGMENTS)
    desk.keyboard.press("Escape")
    desk.keyboard.press("n")
    expect_source(desk, "refused once")
    expect(desk.locator("#edited")).to_have_value("what was typed")


def test_a_choice_counts_even_if_the_page_is_left_at_once(desk: Page, product: Product) -> None:
    type_text(desk, "chosen in passing")
    before = len(standing(product))
    desk.keyboard.press("1")
    desk.goto("/account")
    wait_for(lambda: len(standing(product)) == before + 1, what="the judgment")


def test_signing_out_in_another_tab_loses_nothing(visitor: Visitor) -> None:
    visitor.expect_complaint("40[01]")
    visitor.context.clear_cookies()
    visitor.sign_in()  # a session of this test alone, since it ends here
    desk = visitor.page
    type_text(desk, "You are a stupid idiot")
    other = visitor.context.new_page()
    other.goto("/account")
    other.click("text=Sign out")
    other.wait_for_url(SIGN_IN)
    visitor.context.clear_cookies()  # even the session's secret is another one afterwards
    desk.keyboard.press("1")
    expect(desk.locator("#connection")).to_contain_text(
        "You are signed out: sign in in another tab. One judgment is kept"
    )
    visitor.sign_in(page=other)
    expect_saved(desk, "Saved: “")
    expect(desk.locator("#connection")).to_have_text("All that was kept has been sent.")


def test_a_screen_that_was_judged_in_another_browser_is_passed_over(
    desk: Page, visitor: Visitor, product: Product, chrome: Browser
) -> None:
    visitor.expect_complaint("409")
    queue(product, "open in two tabs", "open in the second only")
    desk.reload()
    expect_source(desk, "open in two tabs")
    signed_in = visitor.context.storage_state()
    signed_in["origins"] = []
    other = chrome.new_context(base_url=product.url, storage_state=signed_in).new_page()
    other.goto("/annotate")
    expect_source(other, "open in two tabs")
    desk.keyboard.press("1")
    expect_saved(desk)
    other.click("[data-edit='2']")
    other.fill("#edited", "typed in vain")
    other.press("#edited", "Enter")
    expect(other.locator("#problem")).to_contain_text("judged before, perhaps in another tab")
    expect(other.locator("#problem")).to_contain_text("What you wrote: “typed in vain”.")
    expect_source(other, "open in the second only")
