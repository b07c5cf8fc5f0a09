"""The product as `make run` starts it, from the printed link to version 2 and back, through a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests import browsing
from tests.browsing import Visitor, run_chart_points
from tests.processes import ADMIN_EMAIL, ADMIN_PASSWORD, Product, alive, wait_for

PATIENCE_MS = 120_000.0
"""A training takes longer than anything else that a page waits for."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

FIRST_TEXT = "You are a stupid idiot"
MORE_TEXTS = (
    "Your idea is garbage, you moron",
    "Shut up, you stupid fool",
    "This is a damn stupid question",
    "What a dumb plan",
)


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Wait longer than the tests of pages do; whatever module was imported last has set how long those wait."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=browsing.PATIENCE_MS)


def test_clicks_become_a_version_that_serves_and_can_be_rolled_back(chrome: Browser, tmp_path: Path) -> None:
    with Product(tmp_path / "home") as product, Visitor(chrome, product.url) as visitor:
        page = visitor.page
        set_up(page, product)
        product.learn_from_quick_answers()
        annotate_first_text(page, product)
        for text in MORE_TEXTS:
            draw(page, text)
            with page.expect_response("**/api/v1/judgments"):
                page.keyboard.press("1")
        retrain_and_watch(page, visitor, product, chrome)

        page.goto("/annotate")
        assert draw_until_version(page, 2) == 2
        assert newest_versions(product) in ({2}, {1, 2}), "in a live comparison version 1 writes, too"

        page.goto("/admin/versions")
        expect(page.locator("[data-version='2'] .badge")).to_have_text("live")
        page.locator("[data-version='1']").get_by_role("button", name="Roll back to this").click()
        expect(page.locator("main .alert-success")).to_have_text("Version 1 is live from now on.")
        page.goto("/annotate")
        assert draw_until_version(page, 1) == 1
        assert newest_versions(product) == {1}

        everything = product.tree()
        assert len(everything) >= 6  # launcher, reaper, queue, gunicorn and its processes, worker
        assert product.interrupt() == 0
        assert product.lines[-1] == "Mellow has stopped."
        wait_for(lambda: not alive(everything), what="the end of everything that was started")


def set_up(page: Page, product: Product) -> None:
    link = re.search(r"create the first admin at (http://\S+/setup\?token=\S+)", product.wait_until_ready())
    assert link is not None
    page.goto(link[1])
    page.fill("#email", ADMIN_EMAIL)
    page.fill("#password", ADMIN_PASSWORD)
    page.click("main button")
    page.wait_for_url("**/annotate")
    expect(page.locator("header")).to_contain_text(ADMIN_EMAIL)


def annotate_first_text(page: Page, product: Product) -> None:
    assert draw(page, FIRST_TEXT) == 1
    texts = page.locator(".choice-text").all_text_contents()
    assert len(set(texts)) == 3
    page.keyboard.press("2")
    expect(page.locator(".choice[data-choice='2']")).to_have_class(re.compile("chosen"))
    expect(page.locator("#last-text")).to_have_text(f"Saved: “{texts[1]}”")
    assert product.rows(
        "SELECT verdict, position, text, version_number FROM judgments j JOIN candidates c ON c.id = j.candidate_id"
    ) == [("chosen", 1, texts[1], 1)]
    rejected = {texts[0], texts[2]}
    assert set(product.rows("SELECT prompt, chosen, rejected FROM preferences")) == {
        (FIRST_TEXT, texts[1], text) for text in rejected
    }
    assert newest_versions(product) == {1}


def retrain_and_watch(page: Page, visitor: Visitor, product: Product, chrome: Browser) -> None:
    page.goto("/admin")
    expect(page.locator("[data-new-judgments]")).to_have_text(str(1 + len(MORE_TEXTS)))
    page.get_by_role("button", name="Retrain").dblclick()
    page.wait_for_url("**/admin/runs/1")
    expect(page.locator("#status")).to_have_text("running")

    earlier = wait_for(lambda: run_chart_points(page), what="the first point of the chart")
    later = wait_for(lambda: run_chart_points(page) > earlier and run_chart_points(page), what="more points")
    assert page.inner_text("#status") == "running", "the points came only after the run"
    assert later > earlier
    assert float(page.get_attribute("#progress", "value") or 0) > 0
    expect(page.locator("#steps")).to_have_text(re.compile(r"step \d+ of \d+"))
    expect(page.locator("#log")).to_contain_text("10 pairs; version 1 is the starting point")

    # Neither a reload nor another browser loses a point.
    page.reload()
    wait_for(lambda: run_chart_points(page) >= later, what="the points after a reload")
    with Visitor(chrome, product.url, signed_in_as=visitor.context.storage_state()) as other:
        other.page.goto("/admin/runs/1")
        wait_for(lambda: run_chart_points(other.page) >= later, what="the points in another browser")

        for each in (page, other.page):
            expect(each.locator("#status")).to_have_text("succeeded")
        (steps,) = product.rows("SELECT count(*) FROM run_metrics WHERE name = 'loss'")[0]
        wait_for(lambda: points(page) == points(other.page) == [steps, steps], what="every point in both browsers")
        assert page.inner_text("#log") == other.page.inner_text("#log")
    version_2_serves(page)


def version_2_serves(page: Page) -> None:
    """The gate lets version 2 serve, or says why not and leaves it to the admin: five clicks are few."""
    if page.locator("#note").is_visible():
        expect(page.locator("#note")).to_contain_text("The version was published but is not live.")
        page.goto("/admin/versions")
        page.locator("[data-version='2']").get_by_role("button", name="Make live").click()
        expect(page.locator("main .alert-success")).to_have_text("Version 2 is live from now on.")
    else:
        expect(page.locator("#result")).to_have_text("Version 2 is published and live.")


def points(page: Page) -> list[int]:
    """How many points each chart shows."""
    return [run_chart_points(page, metric) for metric in ("loss", "rewards/margins")]


def draw(page: Page, text: str) -> int:
    """Type a text and wait for its screen; returns the version that the response names."""
    page.fill("#text", text)
    with page.expect_response(drawn) as response:
        page.press("#text", "Enter")
    expect(page.locator("#source")).to_have_text(text)
    expect(page.locator(".choice[data-choice='3']")).to_be_enabled()
    version: int = response.value.json()["version"]
    return version


def drawn(response: Response) -> bool:
    """Whether it is a screen; the empty queue answers 204."""
    return response.url.endswith("/generations") and response.status == 201


def draw_until_version(page: Page, wanted: int) -> int:
    """The version of the first screen that is drawn within the two seconds that every process has to follow."""
    return wait_for(lambda: (version := draw(page, FIRST_TEXT)) == wanted and version, timeout=10)


def newest_versions(product: Product) -> set[int]:
    """The versions that wrote the newest screen."""
    return {
        version
        for (version,) in product.rows(
            "SELECT version_number FROM candidates WHERE generation_id = (SELECT max(id) FROM generations)"
        )
    }
