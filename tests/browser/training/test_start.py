"""Initial training in a browser: a file is dropped, looked at, and started."""

from __future__ import annotations

import gzip
import io
import json

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from tests.browsing import PATIENCE_MS, Visitor
from tests.processes import Product
from tests.scorer_cache import share_cache

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
PAIRS = "source\ttarget\n" + "".join(f"you fool {n}\tyou {n}\n" for n in range(30)) + "nothing\t\nyou fool 1\tyou 1\n"


@pytest.fixture
def start(visitor: Visitor) -> Page:
    visitor.page.goto("/admin")
    visitor.page.get_by_role("link", name="start from a model").click()
    visitor.page.wait_for_url("**/admin/start")  # until it is loaded: only then does its script listen
    expect(visitor.page.locator("#go")).to_be_disabled()
    return visitor.page


def choose(page: Page, name: str, text: str | bytes) -> None:
    content = text.encode() if isinstance(text, str) else text
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": content})


def workbook(rows: list[list[str]]) -> bytes:
    """An XLSX file with those rows."""
    book, body = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(body)
    return body.getvalue()


def test_a_file_is_looked_at_before_anything_starts(start: Page) -> None:
    choose(start, "pairs.tsv", PAIRS)
    expect(start.locator("#pairs")).to_have_text("31")
    expect(start.locator("#duplicates")).to_have_text("1")
    expect(start.locator("#bad-rows")).to_have_text("1")
    expect(start.locator("#problem-rows")).to_have_text("32the target is empty")
    expect(start.locator("#sample-rows tr").first).to_have_text("2you fool 0you 0")
    expect(start.locator("#go")).to_be_enabled()


@pytest.mark.parametrize("name", ["pairs.tsv.gz", "pairs.xlsx", "pairs.json"])
def test_compressed_files_workbooks_and_json_can_be_chosen(start: Page, name: str) -> None:
    rows = [["source", "target"], ["you fool", "you"], ["you twit", "you"]]
    made = {
        "pairs.tsv.gz": lambda: gzip.compress("".join("\t".join(row) + "\n" for row in rows).encode()),
        "pairs.xlsx": lambda: workbook(rows),
        "pairs.json": lambda: json.dumps([dict(zip(*(rows[0], row), strict=True)) for row in rows[1:]]).encode(),
    }
    assert name.rpartition(".")[2] in (start.get_attribute("#file", "accept") or "")
    choose(start, name, made[name]())
    expect(start.locator("#pairs")).to_have_text("2")
    expect(start.locator("#sample-rows tr").first).to_contain_text("you fool")
    expect(start.locator("#go")).to_be_enabled()


def test_a_dropped_file_is_taken_like_a_chosen_one(start: Page) -> None:
    transfer = start.evaluate_handle(
        "text => { const transfer = new DataTransfer(); transfer.items.add(new File([text], 'dropped.tsv')); "
        "return transfer; }",
        PAIRS,
    )
    start.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    expect(start.locator("#file-name")).to_have_text("dropped.tsv")
    expect(start.locator("#pairs")).to_have_text("31")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("pairs.pdf", b"%PDF-1.7", "The file is a PDF document: save its rows as CSV, JSON Lines, XLSX or Parquet."),
        ("pairs.tsv", b"source\ttarget\ncaf\xe9\tb\n", "Line 2 is not UTF-8 text (it holds the byte 0xe9): save"),
        ("pairs.csv", b"", "The file holds no pairs."),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    start: Page, visitor: Visitor, name: str, text: bytes, sentence: str
) -> None:
    visitor.expect_complaint("4(00|22)")
    choose(start, "pairs.tsv", PAIRS)
    expect(start.locator("#go")).to_be_enabled()
    choose(start, name, text)
    expect(start.locator("#data-problem")).to_contain_text(sentence)
    expect(start.locator("#preview")).to_be_hidden()
    expect(start.locator("#go")).to_be_disabled()


def test_naming_the_columns_reads_the_file_again(start: Page, visitor: Visitor) -> None:
    visitor.expect_complaint("400")
    choose(start, "pairs.csv", "source,target,before,after\na,b,c,d\n")
    expect(start.locator("#sample-rows")).to_have_text("2ab")
    start.click("text=The columns have other names")
    start.fill("#source_column", "before")
    start.fill("#target_column", "nowhere")
    start.press("#target_column", "Tab")
    expect(start.locator("#data-problem")).to_contain_text("There is no source column before with a target column")
    start.fill("#target_column", "after")
    start.press("#target_column", "Tab")
    expect(start.locator("#sample-rows")).to_have_text("2cd")


def test_a_setting_out_of_bounds_is_shown_where_it_is(start: Page) -> None:
    choose(start, "pairs.tsv", PAIRS)
    expect(start.locator("#go")).to_be_enabled()
    start.click("text=More settings")
    start.fill("#seed", "-1")
    start.click("text=More settings")
    start.click("#go")
    expect(start.locator("#seed")).to_be_visible()
    assert start.url.endswith("/admin/start")


@pytest.mark.slow
def test_start_trains_publishes_and_shows_it_all(start: Page, product: Product) -> None:
    """From version 1, which is tiny; it is not to serve, since the other tests look at version 1."""
    share_cache(product.home)
    choose(start, "pairs.tsv", PAIRS)
    expect(start.locator("#go")).to_be_enabled()
    start.select_option("#base", "1")
    start.fill("#num_train_epochs", "2")
    start.uncheck("#serve")
    start.click("#go")
    start.wait_for_url("**/admin/runs/*")
    expect(start.locator("#status")).to_have_text("succeeded", timeout=240_000)
    expect(start.locator("#note")).to_have_text("The version was published and is not live, as was asked.")
    expect(start.locator("#log")).to_contain_text("1 of 32 rows was left out: line 32 (the target is empty).")
    for metric in ("loss", "dev_loss", "dev_chrf"):
        expect(start.locator(f"svg[data-metric='{metric}'] polyline")).to_have_count(1)
        expect(start.locator(f"output[data-metric='{metric}']")).not_to_be_empty()
    rows = product.rows("SELECT config FROM training_runs WHERE method = 'sft' AND produced_version IS NOT NULL")
    assert len(rows) == 1
    assert '"num_train_epochs": 2' in rows[0][0]
