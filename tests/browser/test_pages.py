"""Every page, at three widths and in both themes: no complaint, nothing wider than the window."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import empty_queue
from tests.browsing import PATIENCE_MS, SIDEWAYS, Cookies, Theme, Visitor, run_chart_points
from tests.processes import Product
from tests.reports import report

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
STEPS = 40
LONG_NAME = "someone.with.a.very.long.name.that.does.not.break@a-rather-long-domain-name.example.org"


@pytest.fixture(scope="module")
def ended_run(product: Product) -> int:
    """The id of a run that has ended well; its rows are written past the worker, whose work other tests look at."""
    moment = "2026-01-02 03:04:05.000000"
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        cursor = database.execute(
            "INSERT INTO training_runs (method, config, status, stage, step, total_steps, pairs, last_judgment_id, "
            "attempts, parent_version, produced_version, note, log, created_at, started_at, finished_at) VALUES "
            "('dpo', '{}', 'succeeded', 'succeeded', ?, ?, 12, 0, 1, 1, 1, NULL, ?, ?, ?, ?)",
            (STEPS, STEPS, "03:04:05  Training.\n" * 30 + "x" * 300, moment, moment, moment),
        )
        run_id = cursor.lastrowid
        assert run_id is not None
        database.executemany(
            "INSERT INTO run_metrics (run_id, step, name, value) VALUES (?, ?, ?, ?)",
            [
                (run_id, step, name, value)
                for step in range(1, STEPS + 1)
                for name, value in (("loss", 0.7 / step), ("rewards/margins", 0.1 * step - 0.3))
            ],
        )
        database.commit()
    return run_id


@pytest.fixture(scope="module")
def measured_version(product: Product) -> int:
    """The number of a version that has an evaluation."""
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        metrics = json.dumps({"evaluation": report()})
        database.execute("UPDATE versions SET metrics = ? WHERE number = 1", (metrics,))
        database.commit()
    return 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1440])
def test_no_page_complains_or_scrolls_sideways(
    product: Product,
    chrome: Browser,
    ada: Cookies,
    ended_run: int,
    measured_version: int,
    theme: Theme,
    width: int,
) -> None:
    empty_queue(product)
    with Visitor(chrome, product.url, theme, width, signed_in_as=ada) as visitor:
        visitor.expect_complaint("404")
        page = visitor.page
        for place in (
            "/annotate",
            "/admin",
            "/admin/start",
            f"/admin/runs/{ended_run}",
            f"/admin/versions/{measured_version}",
            "/admin/people",
            "/account",
            "/no-such-page",
        ):
            page.goto(place)
            page.wait_for_load_state("load")
            assert_fits(page)
            assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
        page.goto("/annotate")
        page.fill("#text", "unbroken" * 36)
        page.press("#text", "Enter")
        expect(page.locator("#source")).to_have_text("unbroken" * 36)
        assert_fits(page)
        page.keyboard.press("n")
        expect(page.locator("#last")).to_be_visible()
        assert_fits(page)
    with Visitor(chrome, product.url, theme, width) as stranger:
        stranger.page.goto("/sign-in")
        assert_fits(stranger.page)


def assert_fits(page: Page) -> None:
    assert not page.evaluate(SIDEWAYS), f"{page.url} scrolls sideways"


def test_a_very_long_name_does_not_widen_the_page(product: Product, chrome: Browser, visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/people")
    page.fill("#email", LONG_NAME)
    page.fill("#password", "another calm one")
    page.click("main section button")
    expect(page.locator("td", has_text=LONG_NAME)).to_be_visible()
    with Visitor(chrome, product.url, width=320) as other:
        other.sign_in(LONG_NAME, "another calm one")
        assert_fits(other.page)
        other.page.goto("/account")
        assert_fits(other.page)


def test_the_run_page_shows_every_point_and_the_log(visitor: Visitor, ended_run: int) -> None:
    page = visitor.page
    page.goto(f"/admin/runs/{ended_run}")
    expect(page.locator("#result")).to_have_text("Version 1 is published and serves.")
    expect(page.locator("#status")).to_have_text("succeeded")
    expect(page.locator("#steps")).to_have_text(f"step {STEPS} of {STEPS}")
    expect(page.locator("output[data-metric='rewards/margins']")).to_have_text("3.7000")
    page.wait_for_function("document.querySelector('svg[data-metric=\"rewards/margins\"] polyline') !== null")
    assert run_chart_points(page) == run_chart_points(page, "rewards/margins") == STEPS
    assert (page.text_content("#log") or "").startswith("03:04:05  Training.")
    assert page.locator("#cancel-form").is_hidden()


def test_the_training_page_counts_new_clicks_and_exports_them(visitor: Visitor, product: Product) -> None:
    page = visitor.page
    page.goto("/admin")
    before = int(page.inner_text("[data-new-judgments]"))
    product.api.click("One more, idiot")
    page.reload()
    assert int(page.inner_text("[data-new-judgments]")) == before + 1
    expect(page.locator("[data-version='1'] .badge")).to_have_text("serving")
    expect(page.locator("[data-process]")).to_contain_text("serves version 1")
    with page.expect_download() as download:
        page.click(".exports a >> nth=0")
    lines = download.value.path().read_text().splitlines()
    assert (
        len(lines)
        == product.rows(
            "SELECT count(*) FROM preferences p JOIN judgments j ON j.id = p.judgment_id WHERE j.undone_at IS NULL"
        )[0][0]
    )
