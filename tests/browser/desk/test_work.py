"""My work, the guidelines and the tour, in a real browser over the real product."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.axe import in_both_themes
from tests.browser.desk.screen import type_text
from tests.browsing import PATIENCE_MS, SIDEWAYS, Cookies, Visitor
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
WITHOUT = """(text, mark) => {
    return [...text.childNodes].filter(node => node.localName !== mark).map(node => node.textContent).join("");
}"""


@pytest.fixture
def page(visitor: Visitor, product: Product) -> Page:
    """My work in Ada's browser; what she judged last is a text drawn just now, whose first rewrite she chose."""
    product.api.click("You are a stupid idiot")
    visitor.page.goto("/work")
    return visitor.page


@pytest.fixture
def guidelines(product: Product, visitor: Visitor) -> Iterator[str]:
    """What the guidelines say, put there through their page; afterwards they say what they said before."""
    page = visitor.page
    page.goto("/admin/guidelines")
    before = page.input_value("#markdown")
    text = "Keep the *point*."
    page.fill("#markdown", f"{text}\n\n```example\nYou idiot\n+ You are wrong\n```")
    expect(page.locator("#preview em")).to_have_text("point")
    expect(page.locator("#preview .example-good")).to_contain_text("You are wrong")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. Everybody sees it from now on.")).to_be_visible()
    yield text
    page.goto("/admin/guidelines")
    page.fill("#markdown", before)
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()


def standing(product: Product) -> list[tuple[str, str | None]]:
    """Verdict and own text of every judgment that stands, in the order they were made."""
    return product.rows("SELECT verdict, edited_text FROM judgments WHERE undone_at IS NULL ORDER BY id")


def undone(product: Product) -> int:
    count: int = product.rows("SELECT count(*) FROM judgments WHERE undone_at IS NOT NULL")[0][0]
    return count


def test_what_the_others_say_instead_is_marked_in_them(page: Page, product: Product) -> None:
    item = page.locator(".judgment").first
    best, *others = product.rows(
        "SELECT candidates.text FROM candidates JOIN judgments USING (generation_id) WHERE judgments.id = "
        "(SELECT max(id) FROM judgments) ORDER BY candidates.id = candidate_id DESC, position"
    )
    expect(item.locator(".best .shy")).to_have_text(best[0])
    expect(item.locator(".best :is(ins, del)")).to_have_count(0)
    for text, (said,) in zip(item.locator(".answer:not(.best) .shy").all(), others, strict=True):
        assert text.locator("ins").count() + text.locator("del").count() > 0
        assert (text.evaluate(WITHOUT, "del"), text.evaluate(WITHOUT, "ins")) == (said, best[0])
    expect(page.locator("#legend")).to_be_visible()


def test_an_earlier_judgment_is_undone_and_redone_with_keys_alone(page: Page, product: Product) -> None:
    before, taken_back = standing(product), undone(product)
    item = page.locator(".judgment").first
    item.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Undone: it no longer counts.")).to_be_visible()
    assert standing(product) == before[:-1]
    assert undone(product) == taken_back + 1
    expect(page.locator("#judgments-title")).to_be_focused()
    page.goto("/work?state=undone")
    page.locator(".judgment").first.get_by_role("button", name="Redo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="It counts again.")).to_be_visible()
    assert standing(product) == before


def test_a_verdict_is_changed_and_an_own_text_is_set_aside_only_when_pressed_twice(
    page: Page, product: Product
) -> None:
    before = standing(product)
    item = page.locator(".judgment").first
    item.get_by_text("Change…").click()
    item.get_by_label("A better text of my own").first.check()
    item.locator("textarea").fill("You are <mistaken>")
    item.get_by_role("button", name="Save the change").click()
    expect(item.locator("h3")).to_have_text("My own text")
    assert standing(product) == [*before[:-1], ("edited", "You are <mistaken>")]
    expect(item).to_be_focused()
    item.get_by_text("Undo…").click()
    assert standing(product)[-1] == ("edited", "You are <mistaken>")
    item.get_by_role("button", name="Undo it").click()
    wait_for(lambda: standing(product) == before[:-1], what="the text set aside")


def test_a_change_that_cannot_be_made_loses_nothing_that_was_typed(page: Page, visitor: Visitor) -> None:
    visitor.expect_complaint("422")
    item = page.locator(".judgment").first
    item.get_by_text("Change…").click()
    item.get_by_label("A better text of my own").first.check()
    item.locator("textarea").fill("x" * 301)
    item.get_by_role("button", name="Save the change").click()
    expect(item.get_by_role("alert")).to_have_text("The text has 301 characters and may have at most 300.")
    expect(item.locator("textarea")).to_have_value("x" * 301)


def test_what_was_typed_outlives_the_session(page: Page, visitor: Visitor, product: Product) -> None:
    visitor.expect_complaint("400")
    item = page.locator(".judgment").first
    item.get_by_text("Change…").click()
    item.get_by_label("A better text of my own").first.check()
    item.locator("textarea").fill("typed before the session ended")
    visitor.context.clear_cookies()
    save = item.get_by_role("button", name="Save the change")
    save.click()
    expect(item.get_by_role("alert")).to_contain_text("You are signed out, so nothing is changed.")
    expect(item.locator("textarea")).to_have_value("typed before the session ended")
    other = visitor.context.new_page()
    visitor.sign_in(page=other)
    save.click()
    expect(item.locator("h3")).to_have_text("My own text")
    assert standing(product)[-1] == ("edited", "typed before the session ended")


def test_the_days_are_those_of_the_persons_own_time_zone(product: Product, chrome: Browser, ada: Cookies) -> None:
    context = chrome.new_context(base_url=product.url, storage_state=ada, timezone_id="Pacific/Kiritimati")
    with context:
        page = context.new_page()
        page.goto("/work")
        look = "SELECT json_extract(settings, '$.time_zone') FROM users WHERE email = 'ada@example.org'"
        wait_for(lambda: product.rows(look) == [("Pacific/Kiritimati",)], what="the time zone being known")
        page.reload()
        assert page.locator("#work").get_attribute("data-time-zone") == "Pacific/Kiritimati"
        today = page.evaluate("new Date().toLocaleDateString('sv')")
        expect(page.locator(".days time").last).to_have_attribute("datetime", today)


def test_the_guidelines_open_beside_the_cards_which_the_keys_still_choose(
    guidelines: str, visitor: Visitor, product: Product
) -> None:
    page = visitor.page
    page.goto("/annotate")
    type_text(page, "You are a stupid idiot")
    before = len(standing(product))
    page.press("#text", "Escape")
    page.keyboard.press("g")
    expect(page.locator("#guidelines-text")).to_contain_text("Keep the point.")
    expect(page.locator("#guidelines-title")).to_be_focused()
    page.keyboard.press("2")
    wait_for(lambda: len(standing(product)) == before + 1, what="the choice being stored")
    page.locator("#guidelines-title").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#guidelines")).to_be_hidden()


def test_a_draft_of_the_guidelines_outlives_a_reload(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/guidelines")
    stored = page.input_value("#markdown")
    page.fill("#markdown", "A draft")
    page.reload()
    expect(page.locator("#markdown")).to_have_value("A draft")
    page.get_by_role("button", name="Discard the draft").click()
    expect(page.locator("#markdown")).to_have_value(stored)
    page.reload()
    expect(page.locator("#draft")).to_be_hidden()


def test_the_tour_is_taken_with_keys_stores_nothing_and_is_not_offered_twice(
    product: Product, visitor: Visitor
) -> None:
    page = visitor.page
    tell = "fetch('/api/v1/me', {method: 'PATCH', headers: {'Content-Type': 'application/json', 'X-CSRFToken': "
    tell += "document.querySelector('meta[name=csrf-token]').content}, body: JSON.stringify({settings: "
    tell += "{toured: false, warned: true}})}).then(answer => answer.status)"
    page.goto("/account")
    assert page.evaluate(tell) == 200
    page.goto("/annotate")
    before = (standing(product), undone(product))
    page.locator("#tour-offer").get_by_role("button", name="Take the tour").click()
    task = page.locator("#tour-task")
    expect(task).to_contain_text("Press 1, 2 or 3")
    page.keyboard.press("n")
    expect(task).to_contain_text("Here, press 1, 2 or 3.")
    page.keyboard.press("1")
    expect(task).to_contain_text("Press U to take it back.")
    page.keyboard.press("u")
    expect(task).to_contain_text("press N")
    page.keyboard.press("n")
    expect(task).to_contain_text("press E")
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    expect(task).to_contain_text("Change something first")
    page.keyboard.type("Friend: ")
    page.keyboard.press("Enter")
    expect(task).to_contain_text("press T, then 1 and 2")
    for key in ("t", "1", "Enter"):
        page.keyboard.press(key)
    expect(task).to_contain_text("A tie needs at least two")
    for key in ("2", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#tour-place")).to_have_text("Done")
    page.keyboard.press("Enter")
    expect(page.locator("#tour")).to_be_hidden()
    assert (standing(product), undone(product)) == before
    look = "SELECT json_extract(settings, '$.toured') FROM users WHERE email = 'ada@example.org'"
    wait_for(lambda: product.rows(look) == [(1,)], what="the tour being remembered")
    page.reload()
    expect(page.locator("#help-open")).to_be_visible()
    expect(page.locator("#tour-offer")).to_be_hidden()
    page.click("#help-open")
    page.click("#tour-again")
    expect(page.locator("#tour-place")).to_have_text("1 of 5")
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()


def test_my_work_is_accessible_and_fits_a_phone_while_a_verdict_is_changed(
    product: Product, chrome: Browser, ada: Cookies
) -> None:
    product.api.click("You are a stupid idiot")
    with Visitor(chrome, product.url, width=320, signed_in_as=ada) as visitor:
        visitor.page.goto("/work")
        visitor.page.get_by_text("Change…").first.click()
        assert in_both_themes(visitor.page) == {}
        assert not visitor.page.evaluate(SIDEWAYS)
