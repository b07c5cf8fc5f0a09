"""The page of a run in a real browser: the bar of the whole run, the tab, and the notification of its end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.training.runs import ENDED, STEPS, add_run, change_run, heart, set_to_work
from tests.browsing import PATIENCE_MS, Visitor
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
ICON = "document.querySelector('link[rel=icon]').href"
LISTEN = """
  window.told = [];
  const Real = window.Notification;
  window.Notification = class extends Real {
    constructor(title, options) { super(title, options); window.told.push([title, options.body]); }
  };
"""
"""Keeps what the browser is asked to show; the notification itself is shown by the system."""


@pytest.fixture
def run_id(product: Product) -> Iterator[int]:
    """A run that seems to train, until the test ends."""
    number = add_run(product, {})
    set_to_work(product, number, STEPS // 2, "training")
    with heart(product, number):
        yield number
    end(product, number)


def end(product: Product, run_id: int) -> None:
    values = {"status": "succeeded", "stage": "succeeded", "wish": None, "produced_version": 1, "finished_at": ENDED}
    change_run(product, run_id, **values, step=STEPS)


def test_the_bar_is_that_of_the_whole_run_and_never_full_before_its_end(
    visitor: Visitor, product: Product, run_id: int
) -> None:
    page = visitor.page
    page.goto(f"/admin/runs/{run_id}")
    expect(page.locator("#share")).to_have_text("48 %")  # 12 s and a half of 24 s, of 50 s
    expect(page.locator("#phases [aria-current='step']")).to_have_text("Training")
    expect(page.locator("#eta")).to_be_empty()  # no run of this studio has told yet how long each phase takes
    expect(page).to_have_title(re.compile("^48 % · Run"))
    set_to_work(product, run_id, STEPS, "training", "converting", "evaluating")
    expect(page.locator("#phases [aria-current='step']")).to_have_text("Evaluating")
    expect(page.locator("#share")).to_have_text("74 %")
    assert page.locator("#phases .done").all_inner_texts() == ["Preparing", "Training", "Converting"]
    working = page.evaluate(ICON)
    end(product, run_id)
    expect(page.locator("#status")).to_have_text("succeeded")
    expect(page.locator("#course")).to_be_hidden()
    expect(page).to_have_title(re.compile("^succeeded · Run"))
    assert page.evaluate(ICON).startswith("data:image/svg+xml,")
    assert page.evaluate(ICON) != working


def test_the_browser_tells_of_the_end_only_if_it_was_asked_to(visitor: Visitor, product: Product, run_id: int) -> None:
    page = visitor.page
    visitor.context.grant_permissions(["notifications"])
    page.add_init_script(LISTEN)
    page.goto(f"/admin/runs/{run_id}")
    button = page.get_by_role("button", name="Notify me when it ends")
    button.click()
    expect(page.locator("#told")).to_have_text("You will be told when it ends, as long as this page is open.")
    expect(button).to_have_attribute("aria-pressed", "true")
    end(product, run_id)
    expect(page.locator("#status")).to_have_text("succeeded")
    expect(button).to_be_hidden()
    assert page.evaluate("told") == [[f"Run {run_id}: succeeded", "Version 1 is published and live."]]


def test_a_browser_that_does_not_allow_notifications_says_so_and_nobody_is_asked_before_the_click(
    visitor: Visitor, product: Product, run_id: int
) -> None:
    page = visitor.page
    page.add_init_script(
        LISTEN + "Notification.requestPermission = async () => { told.push('asked'); return 'denied'; }"
    )
    page.goto(f"/admin/runs/{run_id}")
    expect(page.locator("#share")).to_have_text("48 %")
    assert page.evaluate("told") == []
    page.get_by_role("button", name="Notify me when it ends").click()
    expect(page.locator("#told")).to_contain_text("The browser does not allow it")
    end(product, run_id)
    expect(page.locator("#status")).to_have_text("succeeded")
    assert page.evaluate("told") == ["asked"]
