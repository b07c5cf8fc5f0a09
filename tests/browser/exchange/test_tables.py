"""Tables in a real Chromium: cards on a phone, sorting, selected rows, columns; what asks once; parts of files."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.exchange.test_data import import_it, preview
from tests.browsing import PATIENCE_MS, SIDEWAYS, Visitor

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

TALLEST = 4100
"""Of a page with 25 rows on a phone, in pixels."""
LONG = "you are a very stupid and lazy person who never does anything right, and everybody knows it by now "


@pytest.fixture
def filled(visitor: Visitor) -> Visitor:
    """Ada's browser; 30 long texts wait, and 30 others were judged."""
    page = visitor.page
    lines = [{"prompt": f"{LONG} judged {n}", "chosen": f"{LONG} kind {n}", "rejected": "rude"} for n in range(30)]
    preview(page, "judged.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    page.check("#judgments")
    expect(page.locator("#take")).to_be_disabled()
    import_it(page)
    preview(page, "waiting.csv", "text,language\n" + "".join(f'"{LONG} waiting {n}",en\n' for n in range(30)))
    import_it(page)
    return visitor


def test_tables_are_cards_on_a_phone_sort_and_change_what_is_selected(filled: Visitor) -> None:
    page = filled.page
    page.set_viewport_size({"width": 360, "height": 740})
    for address, rows in (("/admin/data/queue", "[data-prompt]"), ("/admin/data/judgments", "[data-judgment]")):
        page.goto(address)
        expect(page.locator(rows)).to_have_count(25)
        assert page.evaluate("document.documentElement.scrollHeight") < TALLEST, address
        assert not page.evaluate(SIDEWAYS), address

    page.set_viewport_size({"width": 1280, "height": 740})
    page.goto("/admin/data/queue?text=waiting")
    page.get_by_role("link", name="Text", exact=True).click()
    page.wait_for_url("**sort=text")  # until it is loaded: only then does its script listen
    expect(page.get_by_role("columnheader", name="Text")).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("[data-prompt] .words").nth(1)).to_have_text(re.compile("waiting 1$"))
    page.locator("[data-prompt]").nth(24).scroll_into_view_if_needed()
    head = page.get_by_role("columnheader", name="Text").bounding_box()
    assert head is not None
    assert 0 <= head["y"] < 5, "the headings stay in sight"
    expect(page.locator("#selected [value=priority]")).to_be_disabled()
    page.get_by_label("Select all rows of this page").check()
    expect(page.locator("[data-picked]")).to_have_text("25")
    page.locator("#selected [name=priority]").fill("8")
    page.locator("#selected [value=priority]").click()
    expect(page.locator("main .alert")).to_have_text("25 prompts are changed.")
    expect(page).to_have_url(re.compile(r"queue\?text=waiting&sort=text$"))
    page.get_by_role("link", name="Page 2").click()
    expect(page.locator("[data-prompt]")).to_have_count(5)


def test_the_chosen_columns_stay_when_the_page_is_opened_again(filled: Visitor) -> None:
    page = filled.page
    page.goto("/admin/data/judgments")
    page.locator(".view-form summary").click()
    page.get_by_label("Seconds").uncheck()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("columnheader", name="Time")).to_be_visible()
    page.goto("/admin/data/judgments")
    expect(page.get_by_role("columnheader", name="Time")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Seconds")).to_have_count(0)
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kathmandu"})
    page.reload()
    moment = page.locator("[data-judgment] time").first
    expect(moment).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC$"))
    assert moment.inner_text() + " UTC" != moment.get_attribute("title"), "it is a quarter to six hours later there"


def test_deactivating_somebody_asks_once_and_says_what_happens(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/people")
    page.fill("#email", "hedy@example.org")
    page.fill("#password", "another calm one")
    page.click("#add-person button")
    row = page.get_by_role("row", name="hedy@example.org").first
    row.locator("summary").press("Enter")
    expect(row).to_contain_text("They are signed out everywhere")
    row.locator("details button").click()
    expect(page.locator("main .alert")).to_have_text("hedy@example.org may no longer sign in.")
    page.get_by_role("button", name="Reactivate hedy@example.org").click()
    expect(page.locator("main .alert")).to_have_text("hedy@example.org may sign in again.")


def test_a_part_of_a_file_is_taken_and_an_empty_file_says_so(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/data")
    page.set_input_files("#file", {"name": "empty.csv", "mimeType": "text/csv", "buffer": b"text\n"})
    expect(page.locator("#file-problem")).to_have_text("The file is empty: it holds no row with a text.")
    expect(page.locator("#preview")).to_be_hidden()
    preview(page, "parts.txt", "".join(f"part {n}\n" for n in range(9)))
    expect(page.locator("#take-number")).to_be_hidden()
    page.select_option("#take", "random")
    page.fill("#take-number", "4")
    import_it(page)
    expect(page.locator("#stored")).to_contain_text("9 rows read · 4 new in the queue")
