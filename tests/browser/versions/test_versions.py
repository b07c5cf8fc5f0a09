"""The pages of versions, webhooks and the API in a real browser."""

from __future__ import annotations

import json
import tarfile

import pytest
from playwright.sync_api import expect

from tests.axe import in_both_themes
from tests.browsing import PATIENCE_MS, SIDEWAYS, Visitor
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


def test_two_versions_write_for_the_same_text_and_differences_are_marked(visitor: Visitor, spare: int) -> None:
    page = visitor.page
    page.goto("/admin/versions")
    expect(page.locator("#try-one")).to_have_value(str(spare))
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#try-problem")).to_have_text("Type a text first.")
    page.fill("#try-text", "you are a stupid idiot")
    page.press("#try-text", "Enter")
    expect(page.locator("#try-results h3")).to_have_text([f"Version {spare}", "Version 1"])
    assert page.locator("#try-results li").count() >= 2
    assert page.locator("#try-results :is(ins, del)").count() > 0
    page.select_option("#try-against", "nothing")
    expect(page.locator("#try-results :is(ins, del)")).to_have_count(0)


def test_a_version_lives_its_life(visitor: Visitor, spare: int) -> None:
    page = visitor.page
    page.goto("/admin/versions")
    row = page.locator(f"[data-version='{spare}']")
    row.get_by_role("button", name="Make live").click()
    expect(row.locator(".badge")).to_have_text("live")
    page.locator("[data-version='1']").get_by_role("button", name="Roll back to this").click()
    expect(page.locator("[data-version='1'] .badge")).to_have_text("live")
    page.get_by_text("Who promoted which version").click()
    served = page.get_by_role("region", name="Changes of the live version").locator("tbody tr")
    expect(served.nth(0)).to_contain_text("now")
    expect(served.nth(1).locator("a")).to_have_text(str(spare))

    row.get_by_role("link", name=f"Version {spare}").click()
    page.fill("#note", "Only for a test.")
    page.get_by_role("button", name="Save the note").click()
    expect(page.locator("#note")).to_have_value("Only for a test.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download checkpoint").click()
    assert download.value.suggested_filename == f"mellow-version-{spare}.tar"
    with tarfile.open(download.value.path()) as tar:
        assert f"mellow-version-{spare}/model/model.safetensors" in tar.getnames()

    page.fill("#confirm", "0")
    page.get_by_role("button", name=f"Delete version {spare}").click()
    expect(page.locator("main .alert-warning")).to_contain_text(f"Type {spare} to confirm")
    page.fill("#confirm", str(spare))
    page.get_by_role("button", name=f"Delete version {spare}").click()
    expect(row.locator(".badge")).to_have_text("deleted")
    expect(row).to_contain_text("Only for a test.")
    expect(row.get_by_role("button")).to_have_count(0)


def test_a_version_stands_beside_another_text_by_text(visitor: Visitor, spare: int) -> None:
    page = visitor.page
    page.goto("/admin/versions")
    page.get_by_role("link", name=f"Version {spare}, from version 1, never live").press("Enter")
    liked, beside = (page.get_by_role("region", name=name) for name in ("What people like", "Side by side"))
    expect(liked).to_contain_text("No click compares it with another version yet.")
    expect(beside).to_contain_text("12 of 12 held-out texts")
    expect(beside.locator("mark")).to_have_text(["kind", "rude"] * 10)
    pages = beside.get_by_role("navigation", name="Pages of texts")
    pages.get_by_role("link", name="2").press("Enter")
    expect(beside.locator(".asked")).to_contain_text(["text 10", "text 11"])
    expect(pages.get_by_role("link", name="2")).to_have_attribute("aria-current", "page")
    expect(beside).to_be_in_viewport()
    assert in_both_themes(page) == {}
    page.set_viewport_size({"width": 360, "height": 740})
    assert not page.evaluate(SIDEWAYS)
    beside.get_by_label(f"Version {spare} beside").select_option("1")
    beside.get_by_role("button", name="Compare").click()
    expect(beside.locator(".asked")).to_have_count(10)


def test_ticked_versions_are_compared(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/versions")
    page.get_by_label("Compare version 1", exact=True).check()
    page.get_by_role("button", name="Compare the ticked versions").click()
    expect(page.get_by_role("heading", name="Side by side")).to_be_in_viewport()
    expect(page.get_by_label("Compare version 1", exact=True)).to_be_checked()


def test_a_webhook_is_added_tried_and_removed(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/webhooks")
    page.fill("#url", "http://127.0.0.1:9/hook")
    page.get_by_label("judgment.created").uncheck()
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".secret .token")).to_contain_text("whsec_")
    page.goto("/admin/webhooks")
    expect(page.locator(".secret")).to_have_count(0)
    mine = page.locator("[data-webhook]", has_text="127.0.0.1:9/hook")
    expect(mine).to_contain_text("run.finished, alias.moved")
    mine.get_by_role("button", name="Send a test").click()

    def refused() -> bool:
        page.goto("/admin/webhooks")
        return page.locator("[data-message] .message-error").count() > 0

    wait_for(refused, what="the end of the first attempt")
    expect(page.locator("[data-message]").first).to_contain_text("The address cannot be reached: Connection refused.")
    mine.locator("summary").click()
    mine.get_by_role("button", name="Remove it").click()
    expect(page.locator("main .alert-success")).to_have_text("The webhook is removed.")


def test_the_page_of_the_api_shows_every_operation_and_tries_it(visitor: Visitor, product: Product) -> None:
    page = visitor.page
    page.goto("/api")
    described = product.api.ok("GET", "/openapi.json")["paths"]
    expect(page.locator(".operation")).to_have_count(sum(map(len, described.values())))
    page.fill("#find", "rewrites queue")
    expect(page.locator(".operation:visible code").first).to_have_text("/generations")
    page.fill("#find", "")

    operation = page.locator("#post-versions-number-generations")
    operation.locator("summary").first.click()
    expect(operation.locator("textarea")).to_have_value('{\n  "text": "You are a stupid idiot"\n}')
    operation.get_by_role("button", name="Send").click()
    expect(operation.get_by_role("status")).to_contain_text("200")
    assert json.loads(operation.locator("pre").last.text_content() or "")["version"] == 1

    refused = page.locator("#get-versions-number")
    refused.locator("summary").first.click()
    refused.get_by_label("number").fill("12345")
    visitor.expect_complaint("404")
    refused.get_by_role("button", name="Send").click()
    expect(refused.get_by_role("status")).to_contain_text("404")
    expect(refused.locator("pre").last).to_contain_text("There is no version 12345.")
