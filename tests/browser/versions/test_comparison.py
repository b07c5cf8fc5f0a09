"""The page of a live comparison while one runs: real screens of two versions, judged, shown and ended."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.axe import in_both_themes
from tests.browsing import PATIENCE_MS, SIDEWAYS, Visitor
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def rival(product: Product, spare: int) -> Iterator[int]:
    """A version that is compared live with version 1, which stays live meanwhile; afterwards 1 is live."""
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        database.execute(
            "INSERT INTO live_comparisons (old_number, new_number, serving_number, state, threshold_new, "
            "threshold_old, most_clicks, started_at) VALUES (1, ?, 1, 'running', 4, 3, 500, '2026-01-02 03:04:05')",
            (spare,),
        )
        database.commit()
    yield spare
    product.api.ok("PUT", "/aliases/serving", {"version": 1})
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        database.execute("UPDATE live_comparisons SET state = 'ended', ended_at = started_at WHERE state = 'running'")
        database.commit()


def mixed_screen(product: Product, text: str) -> tuple[dict[str, Any], list[int]] | None:
    """Draw a screen and return it with the versions of its cards; None if one version wrote them all."""
    screen: dict[str, Any] = product.api.ok("POST", "/generations", {"text": text})
    wrote = dict(product.rows("SELECT id, version_number FROM candidates WHERE generation_id = ?", screen["id"]))
    versions = [wrote[card["id"]] for card in screen["candidates"]]
    return (screen, versions) if len(set(versions)) == 2 else None


def prefer(product: Product, version: int, clicks: int) -> None:
    """Judge so many screens on which two versions wrote, each time for a card of that version."""
    numbers = count()
    for click in range(clicks):

        def drawn() -> tuple[dict[str, Any], list[int]] | None:
            return mixed_screen(product, f"you are stupid {next(numbers)} times, says {version}")

        found = wait_for(drawn, what=f"a screen of both versions for click {click}")
        assert found is not None
        screen, versions = found
        product.api.judge(screen, versions.index(version))


def test_the_page_tells_how_a_comparison_stands_and_keeps_the_version_of_ones_choice(
    visitor: Visitor, product: Product, rival: int
) -> None:
    prefer(product, rival, 6)
    page = visitor.page
    page.goto(f"/admin/versions/{rival}")
    liked = page.get_by_role("region", name="What people like")
    expect(liked).to_contain_text(f"So far version {rival} was chosen in 6 of 6")
    liked.get_by_role("link", name="Live comparison").click()
    shown = page.get_by_role("region", name=f"Version {rival} against version 1")
    expect(shown).to_contain_text(re.compile(r"About \d+ more clicks to know\."))
    expect(shown).to_contain_text("Version 1 is live meanwhile. 6 clicks counted")
    points = shown.locator("polyline").evaluate_all("lines => lines.map((line) => line.points.numberOfItems)")
    assert points == [7, 7], "from no evidence to that after the sixth click, for either version"
    new, old = (shown.get_by_role("row", name=f"Version {number} (").get_by_role("cell") for number in (rival, 1))
    expect(new.first).to_have_text("6")
    expect(old.first).to_have_text("0")
    expect(page.get_by_role("region", name="All comparisons as a table").locator("tbody tr").first).to_contain_text(
        "running"
    )
    assert in_both_themes(page) == {}
    page.set_viewport_size({"width": 360, "height": 740})
    assert not page.evaluate(SIDEWAYS)

    prefer(product, 1, 1)
    page.reload()
    expect(shown).to_contain_text("7 clicks counted")
    expect(old.first).to_have_text("1")
    shown.get_by_role("button", name=f"Keep version {rival}").click()
    expect(page.locator("main .alert-success")).to_contain_text(f"has ended: version {rival} is live.")
    expect(page.get_by_role("button", name="Keep version")).to_have_count(0)
    expect(page.locator("section.comparison")).to_contain_text(f"Version {rival} was made live by hand.")


def test_a_comparison_without_clicks_draws_nothing_and_can_be_ended(visitor: Visitor, rival: int) -> None:
    page = visitor.page
    page.goto("/admin/versions")
    page.locator("#comparison").get_by_role("link", name="Live comparison").click()
    shown = page.get_by_role("region", name=f"Version {rival} against version 1")
    expect(shown).to_contain_text("How many clicks it takes cannot be said yet, at most 500 more.")
    expect(shown.locator("polyline")).to_have_count(0)
    shown.get_by_role("button", name="End it, version 1 stays live").click()
    expect(page.locator("main .alert-success")).to_contain_text("has ended: version 1 is live.")
    expect(page.locator("section.comparison")).to_contain_text("It was ended by hand.")
