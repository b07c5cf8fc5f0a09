"""The Retrain form in a real browser: looking ahead, and asking again with changes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.training.runs import add_run
from tests.browsing import PATIENCE_MS, Visitor
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


def test_the_form_looks_ahead_as_it_changes(visitor: Visitor, product: Product) -> None:
    product.api.click("You are a fool, and that is that")
    visitor.expect_complaint("422")
    page = visitor.page
    page.goto("/admin")
    expect(page.locator("#summary")).to_contain_text("It would train on")
    expect(page.locator("#choice")).to_have_text("DPO · Standard · Live version (1)")
    expect(page.locator("#dpo-preset")).to_be_hidden()
    page.get_by_text("Options: method").click()
    page.get_by_text("Settings of DPO").click()
    expect(page.locator("#dpo-learning_rate")).to_have_attribute("placeholder", "0.001")
    page.select_option("#dpo-preset", "gentle")
    expect(page.locator("#dpo-learning_rate")).to_have_attribute("placeholder", "0.0003")
    page.select_option("#parent_version", "1")
    expect(page.locator("#choice")).to_have_text("DPO · Gentle · Version 1")
    page.select_option("#parent_version", "")
    page.fill("#dpo-beta", "eleven")
    expect(page.locator("#not-possible")).to_have_text("beta must be a number, not 'eleven'.")
    page.fill("#dpo-beta", "0.2")
    expect(page.locator("#not-possible")).to_be_hidden()
    page.get_by_text("Clicks to learn from").click()
    page.fill("#to_day", "2001-01-01")
    expect(page.locator("#summary")).to_have_text("It would find no pair to train on.")
    page.get_by_role("button", name="Retrain").click()
    expect(page.locator("#refusal")).to_contain_text("No click fits that selection")
    expect(page.locator("#to_day")).to_have_value("2001-01-01")
    expect(page.locator("#dpo-beta")).to_have_value("0.2")


def test_a_method_shows_its_own_settings_alone(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin")
    page.get_by_text("Options: method").click()
    expect(page.locator("#dpo-preset")).to_be_visible()
    page.get_by_role("radio", name="KTO").check()
    expect(page.locator("#dpo-preset")).to_be_hidden()
    page.get_by_text("Settings of KTO").click()
    expect(page.get_by_label("Weight of bad texts")).to_be_visible()


def test_a_run_is_asked_for_again_with_changes_and_cancelled(visitor: Visitor, product: Product) -> None:
    product.api.click("You are a fool, once more")
    old = add_run(product, {"num_train_epochs": 1000, "per_device_train_batch_size": 1})
    page = visitor.page
    page.goto(f"/admin/runs/{old}")
    page.get_by_role("link", name="Run again with changes").click()
    page.wait_for_url(re.compile(r"/admin\?clone="))
    expect(page.locator("#dpo-num_train_epochs")).to_have_value("1000")
    page.fill("#dpo-beta", "0.3")
    page.get_by_role("button", name="Retrain").click()
    page.wait_for_url("**/admin/runs/*")
    number = int(page.url.rpartition("/")[2])
    assert number > old
    page.goto("/admin")
    expect(page.locator(f"[data-queued='{number}']")).to_be_visible()
    page.get_by_role("button", name=f"Cancel run {number}").click()
    assert product.api.wait_for_run(number, "cancelled")["config"] == {
        "num_train_epochs": 1000,
        "per_device_train_batch_size": 1,
        "beta": 0.3,
    }
    expect(page.locator(f"[data-queued='{number}']")).to_have_count(0)
