"""How the annotator's desk looks and counts: differences, blur, the content warning, help, figures, breaks."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.axe import in_both_themes
from tests.browser.conftest import empty_queue
from tests.browser.desk.screen import GENERATIONS, card, expect_saved, expect_source, hold, serve, texts, type_text
from tests.browsing import PATIENCE_MS, SIDEWAYS, Cookies, Visitor
from tests.processes import ADMIN_EMAIL, Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
SETTINGS = "SELECT settings FROM users WHERE email = ?"
SCROLL_DOWN = """() => {
    const page = document.documentElement;
    scrollTo(0, page.scrollHeight);
    return [scrollY, page.scrollHeight - innerHeight - scrollY];
}"""
FILTER = "element => getComputedStyle(element).filter"


def settings(product: Product) -> dict[str, object]:
    """Ada's settings as they are stored."""
    stored: dict[str, object] = json.loads(product.rows(SETTINGS, ADMIN_EMAIL)[0][0])
    return stored


@pytest.fixture
def newcomer(desk: Page, product: Product) -> Iterator[Page]:
    """The desk of somebody who has decided nothing yet; what they decide is forgotten afterwards."""
    before = product.rows(SETTINGS, ADMIN_EMAIL)[0][0]
    set_settings(product, "{}")
    desk.reload()
    yield desk
    set_settings(product, before)


def set_settings(product: Product, stored: str) -> None:
    """Store Ada's settings past the product."""
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        database.execute("UPDATE users SET settings = ? WHERE email = ?", (stored, ADMIN_EMAIL))
        database.commit()


def marks(page: Page, number: int) -> tuple[str, str, int]:
    """How a card shows a new word, what it shows of those that are gone, and how many are struck out in the source."""
    new = card(page, number).locator(".new").first.evaluate("word => getComputedStyle(word).textDecorationLine")
    gone = card(page, number).locator(".gone").first.evaluate("word => getComputedStyle(word, '::before').content")
    return new, gone, page.locator("#source .left-out").count()


def test_a_card_shows_its_rewrite_plainly_and_what_differs_where_it_is_pointed_at(newcomer: Page) -> None:
    newcomer.click("#warning-show")
    source = "this tiny model writes nothing like this"
    type_text(newcomer, source)
    newcomer.mouse.move(1, 1)
    assert marks(newcomer, 1) == ("none", "none", 0)
    box = card(newcomer, 1).bounding_box()
    card(newcomer, 1).hover()
    assert (marks(newcomer, 1)[:2], marks(newcomer, 2)[:2]) == (("underline", "none"), ("none", "none"))
    expect(newcomer.locator("#source .left-out").first).to_be_visible()
    expect_source(newcomer, source)
    assert card(newcomer, 1).bounding_box() == box, "nothing moves under the pointer"
    newcomer.mouse.move(1, 1)
    assert marks(newcomer, 1) == ("none", "none", 0)
    newcomer.locator("#source").focus()
    newcomer.keyboard.press("Tab")
    assert (marks(newcomer, 1)[0], marks(newcomer, 2)[0]) == ("underline", "none")


def test_differences_can_be_kept_on_all_cards_and_that_is_remembered(newcomer: Page, product: Product) -> None:
    newcomer.click("#warning-show")
    type_text(newcomer, "this tiny model writes nothing like this")
    newcomer.mouse.move(1, 1)
    shown = texts(newcomer)
    newcomer.keyboard.press("d")
    new, gone, _ = marks(newcomer, 2)
    assert (new, gone != "none", texts(newcomer)) == ("underline", True, shown)
    wait_for(lambda: settings(product).get("diff") is True, what="the setting")
    newcomer.reload()
    expect(newcomer.locator("#diff")).to_have_attribute("aria-pressed", "true")
    newcomer.click("#diff")
    wait_for(lambda: settings(product).get("diff") is False, what="the setting")


def test_blur_that_is_pressed_twice_quickly_is_stored_as_it_is_shown(newcomer: Page, product: Product) -> None:
    blur = newcomer.locator("#blur")
    before = blur.get_attribute("aria-pressed")
    held = hold(newcomer, "**/api/v1/me")
    newcomer.locator("#help-open").focus()
    newcomer.keyboard.press("b")
    newcomer.keyboard.press("b")
    expect(blur).to_have_attribute("aria-pressed", before or "")
    for _ in range(2):
        wait_for(lambda: newcomer.evaluate("true") and held, what="a request on its way")
        with newcomer.expect_response("**/api/v1/me"):
            held.pop().continue_()  # the newest one: were both on their way, the older one would come last
    wait_for(lambda: settings(product).get("blur") is (before == "true"), what="the setting")


def test_a_card_says_its_length_only_where_it_is_far_from_that_of_the_text(desk: Page) -> None:
    desk.route(GENERATIONS, lambda route: route.fulfill(status=201, json=screen_of(["ab", "abcd", "abcdefghij"])))
    desk.fill("#text", "abcde")
    desk.press("#text", "Enter")
    expect_source(desk, "abcde")
    assert desk.locator(".length").all_text_contents() == ["60 % shorter", "", "100 % longer"]


def screen_of(rewrites: list[str]) -> dict[str, object]:
    """A screen as the server might send it."""
    candidates = [{"id": number, "text": text} for number, text in enumerate(rewrites, start=1)]
    return {"id": 1, "text": "abcde", "candidates": candidates, "exhausted": False, "looks_like": None}


def test_the_source_stays_in_view_and_the_page_scrolls_at_once(desk: Page) -> None:
    desk.set_viewport_size({"width": 320, "height": 480})
    type_text(desk, "You are a stupid idiot")
    scrolled, below = desk.evaluate(SCROLL_DOWN)
    assert scrolled > 0
    assert below == pytest.approx(0, abs=1)
    box = desk.locator("#source").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 100


def test_texts_are_veiled_until_the_content_warning_is_answered_once(newcomer: Page, product: Product) -> None:
    serve(newcomer, product, "veiled at first")
    expect(newcomer.locator("#warning")).to_be_visible()
    assert newcomer.locator("#source").evaluate(FILTER) != "none"
    assert card(newcomer, 1).locator(".choice-text").evaluate(FILTER) != "none"
    newcomer.click("#warning-show")
    expect(newcomer.locator("#warning")).to_be_hidden()
    assert newcomer.locator("#source").evaluate(FILTER) == "none"
    wait_for(lambda: settings(product).get("warned") is True, what="the setting")
    newcomer.reload()
    expect_source(newcomer, "veiled at first")
    expect(newcomer.locator("#warning")).to_be_hidden()


def test_blurred_texts_show_under_the_pointer_at_the_focus_and_by_a_key(newcomer: Page, product: Product) -> None:
    serve(newcomer, product, "blurred", "blurred again")
    newcomer.click("#warning-blur")
    wait_for(lambda: settings(product).get("blur") is True, what="the setting")
    newcomer.mouse.move(1, 1)
    newcomer.locator("#help-open").focus()
    source, text = newcomer.locator("#source"), card(newcomer, 2).locator(".choice-text")
    assert [source.evaluate(FILTER) == "none", text.evaluate(FILTER) == "none"] == [False, False]
    source.hover()
    assert source.evaluate(FILTER) == "none"
    card(newcomer, 2).hover()
    assert [source.evaluate(FILTER) == "none", text.evaluate(FILTER) == "none"] == [False, True]
    newcomer.mouse.move(1, 1)
    source.focus()
    assert source.evaluate(FILTER) == "none"
    newcomer.locator("#help-open").focus()
    newcomer.keyboard.press("v")
    assert text.evaluate(FILTER) == "none"
    newcomer.keyboard.press("1")
    expect_source(newcomer, "blurred again")
    assert text.evaluate(FILTER) != "none"
    newcomer.keyboard.press("b")
    assert text.evaluate(FILTER) == "none"
    wait_for(lambda: settings(product).get("blur") is False, what="the setting")


def test_help_lists_the_keys_and_gives_the_focus_back(desk: Page) -> None:
    type_text(desk, "help me")
    desk.locator("#none").focus()
    desk.keyboard.press("?")
    expect(desk.locator("#help")).to_be_visible()
    desk.keyboard.press("1")  # no verdict behind the dialog
    desk.keyboard.press("Escape")
    expect(desk.locator("#help")).to_be_hidden()
    expect(desk.locator("#none")).to_be_focused()
    expect(desk.locator("#last")).to_be_hidden()


def test_the_figures_count_up_and_down(desk: Page) -> None:
    type_text(desk, "count me")
    before = int((desk.text_content("#progress") or "0").split()[0])
    desk.keyboard.press("1")
    expect(desk.locator("#progress")).to_have_text(f"{before + 1} today")
    expect_saved(desk)
    desk.reload()
    expect(desk.locator("#progress")).to_have_text(f"{before + 1} today")


def test_the_desk_says_how_much_of_the_queue_is_done_and_how_much_is_left(desk: Page, product: Product) -> None:
    serve(desk, product, *(f"left {number}" for number in range(8)))
    before, whole = map(int, (desk.text_content("#progress") or "").split(" of "))
    assert whole - before == 8
    for number in range(1, 6):
        desk.keyboard.press("n")
        expect_source(desk, f"left {number}")
    expect(desk.locator("#progress")).to_have_text(f"{before + 5} of {whole}")
    expect(desk.locator("#remaining")).to_have_text(re.compile(r"^about .+ left$"))
    desk.keyboard.press("u")
    expect(desk.locator("#progress")).to_have_text(f"{before + 4} of {whole}")


def test_a_break_is_suggested_after_enough_work_and_can_be_put_off(desk: Page, product: Product) -> None:
    desk.clock.install()
    serve(desk, product, *(f"text {number}" for number in range(20)))
    for number in range(1, 14):
        desk.clock.fast_forward(4 * 60_000)
        desk.keyboard.press("n")
        expect_source(desk, f"text {number}")
        if number < 13:
            expect(desk.locator("#break")).to_be_hidden()
    expect(desk.locator("#break-text")).to_contain_text("You have worked for 4")
    desk.click("#break-over")
    desk.keyboard.press("n")
    expect_source(desk, "text 14")
    expect(desk.locator("#break")).to_be_hidden()


def test_axe_finds_nothing_whatever_is_open_and_nothing_is_wider_than_the_window(
    chrome: Browser, product: Product, ada: Cookies
) -> None:
    empty_queue(product)
    with Visitor(chrome, product.url, width=320, signed_in_as=ada) as visitor:
        page = visitor.page
        page.goto("/annotate")
        type_text(page, "You are a stupid idiot")
        check(page)
        page.keyboard.press("t")
        page.keyboard.press("1")
        check(page)
        page.keyboard.press("Escape")
        page.click("#flag-why")
        check(page)
        page.keyboard.press("Escape")
        page.click("[data-edit='1']")
        check(page)
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        check(page)
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        expect_saved(page)
        check(page)


def check(page: Page) -> None:
    assert in_both_themes(page) == {}
    assert not page.evaluate(SIDEWAYS)
