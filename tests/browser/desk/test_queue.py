"""The queue on the annotator's desk: one screen after the other, and back."""

from __future__ import annotations

import re
from functools import partial

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.desk.screen import (
    GENERATIONS,
    JUDGMENTS,
    card,
    expect_saved,
    expect_source,
    hold,
    judged,
    let_go,
    queue,
    serve,
    standing,
    texts,
    type_text,
)
from tests.browsing import PATIENCE_MS, Visitor
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
GENERATED = "SELECT 1 FROM generations g JOIN prompts p ON p.id = g.prompt_id WHERE p.text = ?"
UNDONE = "SELECT count(*) FROM (SELECT undone_at FROM judgments ORDER BY id DESC LIMIT ?) WHERE undone_at IS NOT NULL"


def drawn(product: Product, text: str) -> bool:
    """Whether a screen for that text is there."""
    return bool(product.rows(GENERATED, text))


def test_what_a_file_says_of_a_text_is_shown_to_whoever_opens_it(desk: Page, product: Product) -> None:
    queue(product, "told on the desk", "untold on the desk")
    told = {"text": "told on the desk", "metadata": {"language": "en", "id": 7}}
    assert product.api.ok("POST", "/prompts", [told])["duplicates"] == 1
    desk.reload()
    expect_source(desk, "told on the desk")
    box = desk.locator("#beside")
    expect(box.locator("dl")).to_be_hidden()
    box.locator("summary").click()
    expect(box.locator("dd")).to_have_text(["7", "en"])
    card(desk, 1).click()
    expect_source(desk, "untold on the desk")
    expect(box).to_be_hidden()


def test_the_next_screen_of_the_queue_waits_for_no_answer(desk: Page, product: Product) -> None:
    serve(desk, product, "first in the queue", "second in the queue")
    wait_for(lambda: drawn(product, "second in the queue"), what="the next screen drawn ahead")
    desk.wait_for_load_state("networkidle")
    first = texts(desk)
    held = hold(desk, JUDGMENTS)
    took = desk.evaluate(
        """async () => {
            const source = document.getElementById("source");
            const began = performance.now();
            document.querySelector(".choice").click();
            while (source.textContent !== "second in the queue") await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            return performance.now() - began;
        }"""
    )
    # 100 ms is what the page promises on a quiet machine; this one may be training beside the test.
    assert took < 5000, f"{took:.0f} ms from the click to the next three cards"
    assert desk.locator("#last-text").text_content() == f"Saving: “{first[0]}”"
    let_go(desk, held)
    expect(desk.locator("#last-text")).to_have_text(f"Saved: “{first[0]}”")


def test_the_next_screen_knows_of_the_click_before_it_though_it_was_drawn_earlier(desk: Page, product: Product) -> None:
    serve(desk, product, "you are a fool", "your plan is stupid, really", "go away, idiot")
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/v1/generations"):
            asked.append(request.method)

    desk.on("request", note)
    for source, following in (
        ("you are a fool", "your plan is stupid, really"),
        ("your plan is stupid, really", "go away, idiot"),
    ):
        expect_source(desk, source)
        wait_for(partial(drawn, product, following), what="the next screen drawn ahead")
        desk.wait_for_load_state("networkidle")
        before = len(asked)
        card(desk, 1).click()
        expect_source(desk, following)
        assert len(asked) > before, "the server was asked once more"
    [(chosen_by, last)] = product.rows("SELECT max(id), max(last_judgment_id) FROM reward_heads")
    assert chosen_by
    judged_ids = [number for (number,) in product.rows("SELECT id FROM judgments ORDER BY id DESC LIMIT 2")]
    assert last >= judged_ids[1]
    shown = desk.evaluate("document.querySelector('.choice').dataset.candidate")
    [(head,)] = product.rows(
        "SELECT g.head_id FROM generations g JOIN candidates c ON c.generation_id = g.id WHERE c.id = ?", int(shown)
    )
    assert head, "the cards on the desk were chosen by a head"


def test_a_drained_queue_says_so_and_hands_the_text_box_over(desk: Page, product: Product) -> None:
    serve(desk, product, "the only one")
    desk.keyboard.press("3")
    expect(desk.locator("#drained")).to_be_visible()
    expect(desk.locator("#screen")).to_be_hidden()
    expect(desk.locator("#text")).to_be_focused()


def test_what_is_queued_after_the_end_comes_by_itself(desk: Page, product: Product) -> None:
    desk.clock.install()
    desk.reload()
    expect(desk.locator("#text")).to_be_focused()
    desk.wait_for_load_state("networkidle")
    queue(product, "queued later")
    desk.clock.run_for(21_000)
    expect_source(desk, "queued later")


def test_an_empty_queue_is_looked_into_once_however_often_it_was_found_empty(desk: Page, product: Product) -> None:
    desk.clock.install()
    serve(desk, product, "undone and judged again")
    desk.keyboard.press("1")
    for _ in range(5):
        expect(desk.locator("#drained")).to_be_visible()
        desk.keyboard.press("Escape")  # leaves the text box
        desk.keyboard.press("u")
        expect_source(desk, "undone and judged again")
        desk.keyboard.press("1")
    expect(desk.locator("#drained")).to_be_visible()
    expect_saved(desk)
    desk.wait_for_load_state("networkidle")
    looks: list[str] = []
    desk.on("request", lambda request: looks.append(request.url) if request.url.endswith("/generations") else None)
    with desk.expect_response(GENERATIONS):
        desk.clock.run_for(21_000)
    desk.wait_for_load_state("networkidle")
    assert len(looks) == 1


@pytest.mark.parametrize(("key", "button", "verdict"), [("n", "#none", "none"), ("s", "#skip", "skipped")])
def test_none_and_skip_go_on_without_a_preference(
    desk: Page, product: Product, key: str, button: str, verdict: str
) -> None:
    queue(product, f"{verdict} by key", f"{verdict} by click", f"after {verdict}")
    rows = product.rows("SELECT count(*) FROM preferences")
    desk.reload()
    expect_source(desk, f"{verdict} by key")
    desk.keyboard.press(key)
    expect_source(desk, f"{verdict} by click")
    desk.click(button)
    expect_source(desk, f"after {verdict}")
    expect_saved(desk, {"none": "Saved: none is good.", "skipped": "Skipped."}[verdict])
    assert [said for said, _ in standing(product)[-2:]] == [verdict, verdict]
    assert product.rows("SELECT count(*) FROM preferences") == rows


def test_undo_brings_the_screen_back_and_loses_none_of_the_queue(desk: Page, product: Product) -> None:
    serve(desk, product, "undo me", "then me", "and me")
    shown = texts(desk)
    desk.keyboard.press("1")
    expect_source(desk, "then me")
    expect_saved(desk)
    count = len(standing(product))
    desk.keyboard.press("u")
    expect_source(desk, "undo me")
    assert texts(desk) == shown
    wait_for(lambda: len(standing(product)) == count - 1, what="the undoing")
    for following in ("then me", "and me"):
        desk.keyboard.press("2")
        expect_source(desk, following)


def test_undo_goes_back_step_by_step(desk: Page, product: Product) -> None:
    serve(desk, product, "step one", "step two", "step three")
    for key, following in (("1", "step two"), ("n", "step three")):
        desk.keyboard.press(key)
        expect_source(desk, following)
    expect_saved(desk, "Saved: none is good.")
    for back in ("step two", "step one"):
        desk.keyboard.press("u")
        expect_source(desk, back)
    expect(desk.locator("#last")).to_be_hidden()
    wait_for(lambda: product.rows(UNDONE, 2)[0] == (2,), what="both undone")
    desk.keyboard.press("3")
    expect_source(desk, "step two")


def test_undo_while_the_next_screen_is_drawn_keeps_both(desk: Page, product: Product) -> None:
    serve(desk, product, "judged and undone", "drawn meanwhile")
    wait_for(lambda: drawn(product, "drawn meanwhile"), what="the next screen drawn ahead")
    desk.keyboard.press("1")
    expect(desk.locator("#last")).to_be_visible()
    desk.keyboard.press("u")
    expect_source(desk, "judged and undone")
    desk.keyboard.press("2")
    expect_source(desk, "drawn meanwhile")


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
    serve(desk, product, "from the queue")
    type_text(desk, "typed in between")
    desk.keyboard.press("2")
    expect_source(desk, "from the queue")
    desk.keyboard.press("2")
    expect(desk.locator("#drained")).to_be_visible()
    expect_saved(desk)
    assert [said for said, _ in standing(product)[-2:]] == ["chosen", "chosen"]


def test_a_double_click_judges_one_screen(desk: Page, product: Product) -> None:
    serve(desk, product, "clicked twice", "not meant")
    before, all_before = len(standing(product)), judged(product)
    box = card(desk, 2).bounding_box()
    assert box is not None
    # The pause lets the next screen come in between, as it does under a hand.
    desk.mouse.click(box["x"] + 20, box["y"] + 20, click_count=1)
    expect_source(desk, "not meant")
    desk.mouse.move(box["x"] + 20, box["y"] + 20)
    desk.mouse.down(click_count=2)
    desk.mouse.up(click_count=2)
    desk.keyboard.press("u")
    expect_source(desk, "clicked twice")
    # Before the click is stored nothing is left to undo either.
    wait_for(lambda: judged(product) > all_before and len(standing(product)) == before, what="the undoing")
    assert judged(product) == all_before + 1


def test_a_queue_that_cannot_be_reached_offers_another_try(desk: Page, visitor: Visitor, product: Product) -> None:
    visitor.expect_complaint("Failed to load resource")
    queue(product, "reached at last")
    desk.route(GENERATIONS, lambda route: route.abort())
    desk.reload()
    expect(desk.locator("#retry")).to_be_visible()
    desk.unroute(GENERATIONS)
    desk.click("#retry")
    expect_source(desk, "reached at last")
    expect(desk.locator("#problem")).to_be_hidden()


def test_where_nothing_waits_an_example_is_a_click_away(desk: Page) -> None:
    expect(desk.locator("#begin")).to_be_visible()
    example = desk.locator("[data-example]").first
    text = example.inner_text()
    example.click()
    expect_source(desk, text)
    expect(desk.locator("#begin")).to_be_hidden()


def test_an_admin_loads_samples_and_judges_the_first(desk: Page) -> None:
    desk.click("text=Load 50 sample texts")
    expect(desk.locator(".alert-success")).to_have_text("50 sample texts wait in the queue.")
    expect_source(desk, "Your code is garbage, did you even run it once?")


def test_two_tabs_of_one_person_never_show_the_same_screen(desk: Page, product: Product) -> None:
    serve(desk, product, *(f"for two tabs {number}" for number in range(6)))
    wait_for(lambda: drawn(product, "for two tabs 1"), what="the next screen drawn ahead")
    desk.wait_for_load_state("networkidle")
    other = desk.context.new_page()
    other.goto("/annotate")
    expect(other.locator("#source")).to_have_text(re.compile(r"^for two tabs [1-5]$"))
    held = other.locator("#source").text_content() or ""
    seen = [judged_one(desk) for _ in range(2)]
    assert seen[0] == "for two tabs 0"
    assert held not in seen
    other.close()
    desk.reload()
    expect(desk.locator("#source")).to_have_text(re.compile("^for two tabs"))
    while desk.locator("#source").text_content() != held:  # what a closed tab held is served again
        judged_one(desk)


def judged_one(desk: Page) -> str:
    """The text that the desk shows, which is judged, and after which another one is shown."""
    source = desk.locator("#source")
    text = source.text_content() or ""
    card(desk, 1).click()
    expect(source).not_to_have_text(text)
    return text
