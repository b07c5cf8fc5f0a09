"""The training pages in a real browser: looking ahead, asking again with changes, comparing."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import expect

from app.db.training.training_run import new_run_key
from tests.browsing import PATIENCE_MS, SIDEWAYS, Visitor, run_chart_points
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
STEPS = 20


def add_run(product: Product, config: dict[str, Any]) -> int:
    """A run that has ended well, with its curves; written past the worker, whose work other tests look at."""
    moment = "2026-01-02 03:04:05.000000"
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        cursor = database.execute(
            "INSERT INTO training_runs (key, method, config, selection, status, stage, step, total_steps, pairs, "
            "last_judgment_id, attempts, deaths, furthest, parent_version, log, created_at, started_at, finished_at) "
            "VALUES (?, 'dpo', ?, '{}', 'succeeded', 'succeeded', ?, ?, 12, 0, 1, 0, 0, 1, '', ?, ?, ?)",
            (new_run_key(), json.dumps(config), STEPS, STEPS, moment, moment, moment),
        )
        assert cursor.lastrowid is not None
        database.executemany(
            "INSERT INTO run_metrics (run_id, step, name, value) VALUES (?, ?, ?, ?)",
            [
                (cursor.lastrowid, step, name, value)
                for step in range(1, STEPS + 1)
                for name, value in (("loss", 0.7 / step), ("logps/chosen", -20 + step), ("logps/rejected", -20 - step))
            ],
        )
        database.commit()
        return cursor.lastrowid


def test_the_form_looks_ahead_as_it_changes(visitor: Visitor, product: Product) -> None:
    product.api.click("You are a fool, and that is that")
    visitor.expect_complaint("422")
    page = visitor.page
    page.goto("/admin")
    expect(page.locator("#summary")).to_contain_text("It would train on")
    page.get_by_text("Settings of DPO").click()
    expect(page.locator("#dpo-learning_rate")).to_have_attribute("placeholder", "0.001")
    page.select_option("#dpo-preset", "gentle")
    expect(page.locator("#dpo-learning_rate")).to_have_attribute("placeholder", "0.0003")
    page.fill("#dpo-beta", "eleven")
    expect(page.locator("#not-possible")).to_have_text("beta must be a number, not 'eleven'.")
    page.fill("#dpo-beta", "0.2")
    expect(page.locator("#not-possible")).to_be_hidden()
    page.get_by_text("Which clicks it learns from").click()
    page.fill("#to_day", "2001-01-01")
    expect(page.locator("#summary")).to_have_text("It would find no pair to train on.")
    page.get_by_role("button", name="Retrain").click()
    expect(page.locator("#refusal")).to_contain_text("No click fits that selection")
    expect(page.locator("#to_day")).to_have_value("2001-01-01")
    expect(page.locator("#dpo-beta")).to_have_value("0.2")


def test_a_method_shows_its_own_settings_alone(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin")
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
    page.get_by_role("link", name="Again, with changes").click()
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


def test_a_chart_can_have_two_lines_and_one_without_values_is_not_shown(visitor: Visitor, product: Product) -> None:
    number = add_run(product, {})
    page = visitor.page
    for _ in range(2):  # a reload loses nothing
        page.goto(f"/admin/runs/{number}")
        lines = page.locator("svg[data-lines='logps/chosen logps/rejected'] polyline")
        expect(lines).to_have_count(2)
        assert all(len((line.get_attribute("points") or "").split()) == STEPS for line in lines.all())
        expect(page.locator("figure", has=page.locator("svg[data-metric='anchor_kl']"))).to_be_hidden()
        assert run_chart_points(page) == STEPS
    expect(page.locator("output[data-metric='logps/rejected']")).to_have_text("-40.00")


@pytest.mark.parametrize("width", [320, 1280])
def test_runs_are_compared_on_one_chart(visitor: Visitor, product: Product, width: int) -> None:
    first, second = add_run(product, {}), add_run(product, {"beta": 0.2})
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/admin/runs")
    for number in (first, second):
        page.get_by_label(f"Compare run {number}").check()
    page.get_by_role("button", name="Compare the ticked runs").click()
    expect(page.locator("#comparison polyline")).to_have_count(2)
    page.select_option("#metric", "logps/rejected")
    page.select_option("#along", "share")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(f"output[data-run='{first}']")).to_have_text("-40")
    expect(page.locator("tr.differs th", has_text="Beta")).to_be_visible()
    assert not page.evaluate(SIDEWAYS)
