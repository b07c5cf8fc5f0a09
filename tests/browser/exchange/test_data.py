"""The admin's data pages in a real Chromium: a file from the drop to the queue, and the queue changed."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import empty_queue
from tests.browser.desk.screen import hold
from tests.browsing import PATIENCE_MS, Visitor
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


def preview(page: Page, name: str, content: str) -> None:
    page.goto("/admin/data")
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": content.encode()})
    expect(page.locator("#preview")).to_be_visible()


def open_columns(page: Page) -> None:
    page.locator("#columns summary").click()


def import_it(page: Page) -> None:
    page.click("#go")
    expect(page.locator("#result-title")).to_have_text("Imported")


def test_a_dropped_file_is_shown_mapped_and_imported_and_its_bad_rows_are_listed(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/data")
    page.evaluate(
        """(content) => {
          const data = new DataTransfer();
          data.items.add(new File([content], "dropped.csv"));
          const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
          document.getElementById("drop").dispatchEvent(drop);
        }""",
        "id,remark,rank,comment\n1,dropped one,5,x\n2,dropped two,7,y\n3,,1,z\n4,dropped two,high,z\n",
    )
    expect(page.locator("#preview")).to_be_visible()
    expect(page.locator("#preview-title")).to_be_focused()
    expect(page.locator("#column-text")).to_have_value("comment")
    open_columns(page)
    page.select_option("#column-text", "remark")
    expect(page.locator("#sample-rows tr").first).to_contain_text("dropped one")
    expect(page.locator("#bad")).to_have_text("1")
    page.select_option("#column-priority", "rank")
    expect(page.locator("#problem-rows")).to_contain_text("The priority must be a whole number, not 'high'.")
    expect(page.locator("#new")).to_have_text("2")
    import_it(page)
    expect(page.locator("#stored")).to_have_text("4 rows read · 2 new in the queue · 0 there already · 2 not usable.")
    expect(page.locator("#refused-rows tr")).to_have_count(2)
    expect(page.locator("main > .figures strong").first).to_have_text("2")
    cells = page.locator("#past tbody tr").first.locator("td")
    tops = cells.evaluate_all(
        r"""(cells) => cells.map((cell) => {
          const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
          while (texts.nextNode() && !texts.currentNode.data.trim());
          const range = document.createRange();
          const begin = texts.currentNode.data.search(/\S/);
          range.setStart(texts.currentNode, begin);
          range.setEnd(texts.currentNode, begin + 1);
          return range.getBoundingClientRect().top;
        })"""
    )
    assert max(tops) - min(tops) < 20, "what is said of an import begins in one line"
    page.get_by_role("link", name="See the queue").click()
    expect(page.locator("[data-prompt] .words")).to_have_text(["dropped two", "dropped one"])


def test_a_preview_that_comes_late_leaves_the_newer_choice_of_a_column(visitor: Visitor) -> None:
    page = visitor.page
    page.route("**/no-such-request", lambda route: route.abort())  # Chromium looks at requests from here on
    preview(page, "late.csv", "id,remark,comment\n1,a remark,a comment\n")
    open_columns(page)
    held = hold(page, "**/api/v1/imports/*")
    page.select_option("#column-text", "remark")
    page.select_option("#column-text", "comment")
    wait_for(lambda: page.evaluate("true") and len(held) == 2, what="both previews on their way")
    with page.expect_response(lambda response: "comment" in response.url):
        held[1].continue_()
    expect(page.locator("#sample-rows tr").first).to_contain_text("a comment")
    with page.expect_response(lambda response: "text=remark" in response.url):
        held[0].continue_()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#column-text")).to_have_value("comment")
    expect(page.locator("#sample-rows tr").first).to_contain_text("a comment")


def test_columns_are_kept_with_the_texts_but_for_those_that_are_ticked_off(visitor: Visitor, product: Product) -> None:
    page = visitor.page
    preview(page, "told.csv", "id,text,language\n1,told one,de\n2,told two,en\n")
    open_columns(page)
    expect(page.locator("#kept-columns label")).to_have_text([" id", " language"])
    expect(page.locator("#sample-rows tr").first).to_contain_text("language: de")
    page.get_by_label("id", exact=True).uncheck()
    expect(page.locator("#sample-rows tr").first).not_to_contain_text("id: 1")
    import_it(page)
    page.goto("/admin/data/queue?metadata=language%3Dde")
    expect(page.locator("[data-prompt] .words")).to_have_text(["told one"])
    page.locator("[data-prompt] summary").click()
    expect(page.locator("[data-prompt] dl")).to_have_text(re.compile(r"^\s*language\s*de\s*$"))
    empty_queue(product)


def test_a_file_is_sent_and_stored_in_the_session_that_is_there_now(visitor: Visitor) -> None:
    visitor.expect_complaint("400")
    page = visitor.page
    page.goto("/admin/data")
    for step in ("sent", "stored"):
        visitor.context.clear_cookies()
        other = visitor.context.new_page()
        visitor.sign_in(page=other)
        if step == "sent":
            page.set_input_files("#file", {"name": "later.txt", "mimeType": "text/plain", "buffer": b"sent later"})
            expect(page.locator("#preview")).to_be_visible()
    import_it(page)
    expect(page.locator("#stored")).to_contain_text("1 row read")


def test_judgments_of_a_file_are_taken_over_once_and_found(visitor: Visitor) -> None:
    page = visitor.page
    lines = [{"prompt": f"taken over {n}", "chosen": f"kind {n}", "rejected": f"rude {n}"} for n in range(3)]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    for said in ("3 judgments taken over.", "3 judgments are here already."):
        preview(page, "pairs.jsonl", content)
        page.check("#judgments")
        import_it(page)
        expect(page.locator("#stored")).to_contain_text(said)
    page.goto("/admin/data/judgments")
    page.fill("#text", "taken over 1")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("[data-judgment]")).to_have_count(1)
    expect(page.locator("[data-best] .words")).to_have_text("kind 1")
    page.locator("#exports > summary").click()
    page.select_option("#format", "csv")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    table = Path(download.value.path()).read_text().splitlines()
    assert table[0] == "prompt,chosen,rejected,judgment,verdict"
    assert [re.sub("i-[0-9a-f]{32}", "KEY", line) for line in table[1:]] == ["taken over 1,kind 1,rude 1,KEY,chosen"]


def test_a_broken_connection_holds_up_the_sending_and_does_not_end_it(visitor: Visitor) -> None:
    page = visitor.page
    visitor.expect_complaint("ERR_FAILED|ERR_INTERNET")
    page.goto("/admin/data")
    refused: list[str] = []

    def fail_once(route: object) -> None:
        if refused:
            route.continue_()  # type: ignore[attr-defined]
        else:
            refused.append("once")
            route.abort()  # type: ignore[attr-defined]

    page.route("**/api/v1/imports?*", fail_once)
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"held up\n"})
    expect(page.locator("#sending-text")).to_have_text("The connection is lost. Sending goes on when it is back.")
    expect(page.locator("#preview")).to_be_visible()
    assert refused == ["once"]


def test_numbers_of_the_queue_are_saved_as_they_are_changed_one_by_one_and_all_at_once(
    visitor: Visitor, product: Product
) -> None:
    page = visitor.page
    empty_queue(product)
    preview(page, "a.txt", "queue one\nqueue two\n")
    import_it(page)
    page.goto("/admin/data/queue")
    first = page.locator("[data-prompt]").nth(0)
    first.locator("[data-field=overlap]").fill("3")
    first.locator("[data-field=overlap]").press("Enter")
    expect(page.locator("#said")).to_contain_text("is saved.")
    expect(first.locator("[data-judged]")).to_have_text("0 of 3")
    page.locator("[data-prompt]").nth(1).get_by_role("button", name="Take out").click()
    expect(page.locator("#said")).to_contain_text("is out of the queue.")
    page.click("#bulk summary")
    page.fill("#bulk-priority", "9")
    page.locator("#bulk form").first.get_by_role("button").click()
    expect(page.locator("#said")).to_have_text("1 prompt is changed.")
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        stored = database.execute(
            "SELECT text, priority, overlap, queued FROM prompts WHERE text LIKE 'queue %' ORDER BY text"
        ).fetchall()
    assert stored == [("queue one", 9, 3, 1), ("queue two", 0, None, 0)]
