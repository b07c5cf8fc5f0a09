"""The annotator's desk, in a real browser over the real product."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import empty_queue
from tests.browsing import PATIENCE_MS, SIGN_IN, Visitor
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
GENERATIONS = "**/api/v1/generations"
JUDGMENTS = "**/api/v1/judgments"
GREEN = r"""card => {
    const [red, green, blue] = getComputedStyle(card).borderTopColor.match(/\d+/g).map(Number);
    return green > 1.3 * red && green > 1.3 * blue;
}"""


def card(page: Page, number: int) -> Locator:
    return page.locator(f'.choice[data-choice="{number}"]')


def type_text(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.press("#text", "Enter")
    expect(page.locator("#source")).to_have_text(text)
    expect(card(page, 3)).to_be_enabled()


def queue(product: Product, *texts: str) -> None:
    """Exactly these texts wait in the queue."""
    empty_queue(product)
    assert product.api.ok("POST", "/prompts", list(texts))["added"] == len(texts)


def hold(page: Page, pattern: str) -> list[Route]:
    """Requests that match wait in the list until the test lets them go: a slow network."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(pattern, keep)
    return held


def let_go(page: Page, held: list[Route]) -> None:
    """Let the oldest held request go, once it has come."""
    wait_for(lambda: page.evaluate("true") and held, what="a request on its way")
    held.pop(0).continue_()


def standing(product: Product) -> list[tuple[str, str | None]]:
    """Verdict and chosen text of every judgment that stands, in the order they were made."""
    return product.rows(
        "SELECT verdict, c.text FROM judgments j LEFT JOIN candidates c ON c.id = j.candidate_id "
        "WHERE undone_at IS NULL ORDER BY j.id"
    )


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("gesture", ["key", "click"])
def test_the_chosen_rewrite_turns_green_and_is_stored(desk: Page, product: Product, number: int, gesture: str) -> None:
    type_text(desk, "You are a stupid idiot")
    before = len(standing(product))
    text = card(desk, number).locator(".choice-text").text_content()
    if gesture == "key":
        desk.keyboard.press(str(number))
    else:
        card(desk, number).click()
    expect(desk.locator("#last")).to_be_visible()
    assert desk.locator("#last-text").text_content() == f"Saved: “{text}”"
    assert [card(desk, each).evaluate(GREEN) for each in (1, 2, 3)] == [each == number for each in (1, 2, 3)]
    assert standing(product)[before:] == [("chosen", text)]


def test_the_screen_shows_three_rewrites_of_the_text(desk: Page) -> None:
    type_text(desk, "Stop talking, you moron!")
    texts = desk.locator(".choice-text").all_text_contents()
    assert len({text for text in texts if text}) == 3


def test_the_next_screen_of_the_queue_comes_at_once_after_a_choice(desk: Page, product: Product) -> None:
    queue(product, "first in the queue", "second in the queue")
    desk.reload()
    expect(desk.locator("#source")).to_have_text("first in the queue")
    held = hold(desk, JUDGMENTS)
    desk.keyboard.press("1")
    expect(card(desk, 1)).to_have_class(re.compile("chosen"))
    assert card(desk, 1).evaluate(GREEN)
    let_go(desk, held)
    expect(desk.locator("#source")).to_have_text("second in the queue")
    expect(card(desk, 1)).not_to_have_class(re.compile("chosen"))


def test_a_drained_queue_says_so_and_hands_the_text_box_over(desk: Page, product: Product) -> None:
    queue(product, "the only one")
    desk.reload()
    expect(desk.locator("#source")).to_have_text("the only one")
    desk.keyboard.press("3")
    expect(desk.locator("#drained")).to_be_visible()
    expect(desk.locator("#screen")).to_be_hidden()
    expect(desk.locator("#text")).to_be_focused()


@pytest.mark.parametrize(("key", "button", "verdict"), [("n", "#none", "none"), ("s", "#skip", "skipped")])
def test_none_and_skip_go_on_without_a_preference(
    desk: Page, product: Product, key: str, button: str, verdict: str
) -> None:
    queue(product, f"{verdict} by key", f"{verdict} by click", f"after {verdict}")
    rows = product.rows("SELECT count(*) FROM preferences")
    desk.reload()
    expect(desk.locator("#source")).to_have_text(f"{verdict} by key")
    desk.keyboard.press(key)
    expect(desk.locator("#source")).to_have_text(f"{verdict} by click")
    desk.click(button)
    expect(desk.locator("#source")).to_have_text(f"after {verdict}")
    assert [said for said, _ in standing(product)[-2:]] == [verdict, verdict]
    assert product.rows("SELECT count(*) FROM preferences") == rows


def test_undo_brings_the_screen_back_and_loses_none_of_the_queue(desk: Page, product: Product) -> None:
    queue(product, "undo me", "then me", "and me")
    desk.reload()
    expect(desk.locator("#source")).to_have_text("undo me")
    shown = desk.locator(".choice-text").all_text_contents()
    desk.keyboard.press("1")
    expect(desk.locator("#source")).to_have_text("then me")
    count = len(standing(product))
    desk.keyboard.press("u")
    expect(desk.locator("#source")).to_have_text("undo me")
    assert desk.locator(".choice-text").all_text_contents() == shown
    assert len(standing(product)) == count - 1
    for following in ("then me", "and me"):
        desk.keyboard.press("2")
        expect(desk.locator("#source")).to_have_text(following)


def test_undo_while_the_next_screen_is_drawn_keeps_both(desk: Page, product: Product) -> None:
    queue(product, "judged and undone", "drawn meanwhile")
    desk.route(GENERATIONS, lambda route: route.continue_())
    desk.reload()
    expect(desk.locator("#source")).to_have_text("judged and undone")
    wait_for(
        lambda: product.rows(
            "SELECT 1 FROM generations g JOIN prompts p ON p.id = g.prompt_id WHERE p.text = 'drawn meanwhile'"
        ),
        what="the next screen drawn ahead",
    )
    desk.keyboard.press("1")
    expect(desk.locator("#last")).to_be_visible()
    desk.keyboard.press("u")
    expect(desk.locator("#source")).to_have_text("judged and undone")
    desk.keyboard.press("2")
    expect(desk.locator("#source")).to_have_text("drawn meanwhile")


def test_an_undone_screen_of_the_queue_comes_back_after_a_reload(desk: Page, product: Product) -> None:
    queue(product, "undone, then reloaded")
    desk.reload()
    expect(desk.locator("#source")).to_have_text("undone, then reloaded")
    desk.keyboard.press("1")
    expect(desk.locator("#drained")).to_be_visible()
    desk.click("#undo")
    expect(desk.locator("#source")).to_have_text("undone, then reloaded")
    desk.reload()
    expect(desk.locator("#source")).to_have_text("undone, then reloaded")


def test_a_typed_text_puts_the_queue_aside_and_the_queue_comes_back(desk: Page, product: Product) -> None:
    queue(product, "from the queue")
    desk.reload()
    expect(desk.locator("#source")).to_have_text("from the queue")
    type_text(desk, "typed in between")
    desk.keyboard.press("2")
    expect(desk.locator("#source")).to_have_text("from the queue")
    desk.keyboard.press("2")
    expect(desk.locator("#drained")).to_be_visible()
    assert [said for said, _ in standing(product)[-2:]] == ["chosen", "chosen"]


def test_a_double_click_judges_one_screen(desk: Page, product: Product) -> None:
    queue(product, "clicked twice", "not meant")
    desk.reload()
    expect(desk.locator("#source")).to_have_text("clicked twice")
    before = len(standing(product))
    box = card(desk, 2).bounding_box()
    assert box is not None
    # The pause lets the next screen come in between, as it does under a hand.
    desk.mouse.click(box["x"] + 20, box["y"] + 20, click_count=1)
    expect(desk.locator("#source")).to_have_text("not meant")
    desk.mouse.move(box["x"] + 20, box["y"] + 20)
    desk.mouse.down(click_count=2)
    desk.mouse.up(click_count=2)
    desk.keyboard.press("u")
    expect(desk.locator("#source")).to_have_text("clicked twice")
    assert len(standing(product)) == before


def test_a_screen_that_was_judged_in_another_tab_is_passed_over(desk: Page, visitor: Visitor, product: Product) -> None:
    visitor.expect_complaint("409")
    queue(product, "open in two tabs", "open in the second only")
    desk.reload()
    expect(desk.locator("#source")).to_have_text("open in two tabs")
    other = visitor.context.new_page()
    other.goto("/annotate")
    expect(other.locator("#source")).to_have_text("open in two tabs")
    desk.keyboard.press("1")
    expect(desk.locator("#last")).to_be_visible()
    other.keyboard.press("2")
    expect(other.locator("#problem")).to_contain_text("judged before, perhaps in another tab")
    expect(other.locator("#source")).to_have_text("open in the second only")


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
    expect(desk.locator("#source")).to_have_text(f"{hostile} queued")
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
    expect(desk.locator("#source")).to_have_text("You are slow")
    expect(desk.locator("#pending")).to_be_hidden()


def test_what_is_typed_during_a_generation_stays(desk: Page) -> None:
    desk.wait_for_load_state("networkidle")
    held = hold(desk, GENERATIONS)
    desk.fill("#text", "the first text")
    desk.press("#text", "Enter")
    expect(desk.locator("#pending")).to_be_visible()
    desk.fill("#text", "the second text")
    let_go(desk, held)
    expect(desk.locator("#source")).to_have_text("the first text")
    assert desk.input_value("#text") == "the second text"


def test_a_text_sent_before_the_last_click_is_acknowledged_waits_for_it(desk: Page, product: Product) -> None:
    type_text(desk, "the text before")
    before = len(standing(product))
    held = hold(desk, JUDGMENTS)
    desk.keyboard.press("1")
    expect(card(desk, 1)).to_have_class(re.compile("chosen"))
    desk.fill("#text", "the text after")
    desk.press("#text", "Enter")
    expect(desk.locator("#send")).to_be_disabled()
    let_go(desk, held)
    expect(desk.locator("#source")).to_have_text("the text after")
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
    shown = desk.locator(".choice-text").all_text_contents()
    desk.click("text=People")
    desk.wait_for_url("**/admin/people")
    desk.go_back()
    expect(desk.locator("#source")).to_have_text("Keep this in mind, idiot")
    assert desk.locator(".choice-text").all_text_contents() == shown
    desk.keyboard.press("1")
    expect(desk.locator("#last")).to_be_visible()


@pytest.mark.parametrize("failure", ["no connection", "server error"])
def test_a_choice_that_is_not_saved_keeps_the_screen_and_can_be_made_again(
    desk: Page, visitor: Visitor, product: Product, failure: str
) -> None:
    visitor.expect_complaint("Failed to load resource")
    type_text(desk, "You are a stupid idiot")
    before = len(standing(product))
    refuse = (lambda route: route.abort()) if failure == "no connection" else (lambda route: route.fulfill(status=500))
    desk.route(JUDGMENTS, refuse)
    desk.keyboard.press("2")
    expect(desk.locator("#problem")).to_contain_text("Not saved.")
    expect(card(desk, 2)).to_be_enabled()
    expect(card(desk, 2)).not_to_have_class(re.compile("chosen"))
    assert len(standing(product)) == before
    desk.unroute(JUDGMENTS)
    desk.keyboard.press("2")
    expect(desk.locator("#last")).to_be_visible()
    expect(desk.locator("#problem")).to_be_hidden()
    assert len(standing(product)) == before + 1


def test_a_generation_that_fails_keeps_the_text(desk: Page, visitor: Visitor) -> None:
    visitor.expect_complaint("Failed to load resource")
    desk.wait_for_load_state("networkidle")
    desk.route(GENERATIONS, lambda route: route.abort())
    desk.fill("#text", "You are a stupid idiot")
    desk.press("#text", "Enter")
    expect(desk.locator("#problem")).to_contain_text("Mellow cannot be reached.")
    desk.unroute(GENERATIONS)
    desk.press("#text", "Enter")
    expect(desk.locator("#source")).to_have_text("You are a stupid idiot")
    expect(desk.locator("#problem")).to_be_hidden()


def test_a_queue_that_cannot_be_reached_offers_another_try(desk: Page, visitor: Visitor, product: Product) -> None:
    visitor.expect_complaint("Failed to load resource")
    queue(product, "reached at last")
    desk.route(GENERATIONS, lambda route: route.abort())
    desk.reload()
    expect(desk.locator("#retry")).to_be_visible()
    desk.unroute(GENERATIONS)
    desk.click("#retry")
    expect(desk.locator("#source")).to_have_text("reached at last")
    expect(desk.locator("#problem")).to_be_hidden()


def test_a_choice_counts_even_if_the_page_is_left_at_once(desk: Page, product: Product) -> None:
    type_text(desk, "chosen in passing")
    before = len(standing(product))
    desk.keyboard.press("1")
    desk.goto("/account")
    wait_for(lambda: len(standing(product)) == before + 1, what="the judgment")


def test_signing_out_in_another_tab_loses_nothing(desk: Page, visitor: Visitor) -> None:
    visitor.expect_complaint("401")
    type_text(desk, "You are a stupid idiot")
    other = visitor.context.new_page()
    other.goto("/account")
    other.click("text=Sign out")
    other.wait_for_url(SIGN_IN)
    desk.keyboard.press("1")
    expect(desk.locator("#problem")).to_contain_text("You are signed out")
    visitor.sign_in(page=other)
    desk.keyboard.press("1")
    expect(desk.locator("#last")).to_be_visible()
