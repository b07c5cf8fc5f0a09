"""What single pages show, and that nothing a person enters makes them wider than the window."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import PATIENCE_MS, SIDEWAYS, Visitor, run_chart_points
from tests.processes import Product
from tests.stored import STEPS

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
LONG_NAME = "someone.with.a.very.long.name.that.does.not.break@a-rather-long-domain-name.example.org"


def assert_fits(page: Page) -> None:
    assert not page.evaluate(SIDEWAYS), f"{page.url} scrolls sideways"


def test_a_very_long_name_does_not_widen_the_page(product: Product, chrome: Browser, visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/people")
    page.fill("#email", LONG_NAME)
    page.fill("#password", "another calm one")
    page.click("#add-person button")
    expect(page.locator("td.names", has_text=LONG_NAME)).to_be_visible()
    with Visitor(chrome, product.url, width=320) as other:
        other.sign_in_first(LONG_NAME, "another calm one")
        assert_fits(other.page)
        other.page.goto("/account")
        assert_fits(other.page)


def test_the_run_page_shows_every_point_and_the_log(visitor: Visitor, ended_run: int) -> None:
    page = visitor.page
    page.goto(f"/admin/runs/{ended_run}")
    expect(page.locator("#result")).to_have_text("Version 1 is published and live.")
    expect(page.locator("#status")).to_have_text("succeeded")
    expect(page.locator("#steps")).to_have_text(f"step {STEPS} of {STEPS}")
    expect(page.locator("output[data-line='rewards/margins']")).to_have_text("3.5500")  # smoothed
    assert run_chart_points(page) == run_chart_points(page, "rewards/margins") == STEPS
    assert (page.text_content("#log") or "").startswith("03:04:05  Training.")
    assert page.locator("#cancel-form").is_hidden()


def test_the_training_page_counts_new_clicks(visitor: Visitor, product: Product) -> None:
    page = visitor.page
    page.goto("/admin")
    before = int(page.inner_text("[data-new-judgments]"))
    product.api.click("One more, idiot")
    page.reload()
    assert int(page.inner_text("[data-new-judgments]")) == before + 1
