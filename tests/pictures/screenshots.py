"""Makes docs/screenshots/*.png from the product as it is shipped: `python -m tests.pictures.screenshots`.

A fresh home, the embedded checkpoint, a real browser; a few clicks are made and a real training run is watched. What
the model writes differs from time to time, so the pictures do too.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from app.config import PROJECT_ROOT
from app.db import make_sessions
from app.services.versions import live_comparison
from tests import factories
from tests.browsing import Cookies, Theme, Visitor, chromium, run_chart_points
from tests.processes import ADMIN, Product, wait_for

FOLDER = PROJECT_ROOT / "docs" / "screenshots"
LARGEST_BYTES = 200_000
TEXTS = (
    "Who asked for your crappy opinion on my garden?",
    "Only a moron parks across two spaces",
    "The meeting was a total shitshow and you know it",
    "Quit being such a pain in the ass about the invoice",
    "Honestly, this update sucks and the team is clueless",
    "What kind of idiot deletes the backups?",
    "Your cooking tastes like garbage, sorry",
    "Stop wasting my time with this useless nonsense",
    "I am sick of your stupid excuses about the train",
)
CLICKS = 48
READING_MS = 1_200
"""Answers within less than a second teach nothing."""
QUEUED = (
    "Some fool left the damn window open all night",
    "Nobody needs your dumb advice on parking",
    "This manual is useless crap from page one",
)
"""None of them was among what the embedded checkpoint was trained on (tests/worker/base/texts/test_held_out.py)."""
PLACES: tuple[tuple[str, str, Theme, int, int], ...] = (
    ("queue", "/admin/data/queue", "dark", 1920, 760),
    ("versions", "/admin/versions", "light", 1280, 1000),
    ("system", "/admin/system", "dark", 1280, 900),
)
"""Where each picture is taken. A test knows that a document shows every one."""


def main() -> int:
    """Write every picture; returns the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium() as chrome:
        photograph_everything(chrome)
    return 0


def photograph_everything(chrome: Browser) -> None:
    """Write every picture of one installation, whatever the gate says of the version that its few clicks make."""
    with tempfile.TemporaryDirectory() as folder, Product(Path(folder) / "home", **ADMIN) as product:
        with Visitor(chrome, product.url) as visitor:
            visitor.sign_in()
            visitor.page.get_by_role("button", name="Show the texts").click()
            visitor.page.get_by_role("button", name="Not now").click()
            for text in TEXTS:
                judge(visitor.page, text)
            cookies = visitor.context.storage_state()
        product.api.ok("POST", "/prompts", list(QUEUED))
        photograph_desk(chrome, product, cookies, "annotate", "light", 1280, 620)
        photograph_desk(chrome, product, cookies, "annotate-360-dark", "dark", 360, 740)
        with Visitor(chrome, product.url, width=1280, height=860, signed_in_as=cookies) as visitor:
            photograph_run(visitor.page)
        compare(product)
        for name, path, theme, width, height in PLACES:
            with Visitor(chrome, product.url, theme, width, height, signed_in_as=cookies) as visitor:
                visitor.page.goto(path)
                visitor.page.wait_for_load_state("networkidle")
                photograph(visitor.page, name)
        with Visitor(chrome, product.url, width=1280, height=1180, signed_in_as=cookies) as visitor:
            visitor.page.goto("/admin/versions/comparison")
            photograph(visitor.page, "comparison")


def compare(product: Product) -> None:
    """Store the clicks of three people who like the cards of the new version twice as much; no page tells which are."""
    chance = random.Random(8)
    with make_sessions(f"sqlite:///{product.home / 'mellow.db'}")() as session:
        comparison = live_comparison.running(session) or factories.comparison(session)
        people = [factories.user(session, name=name).id for name in ("Ann", "Bob", "Cem")]
        for _ in range(CLICKS):
            new_cards = chance.choice((1, 2))
            new = chance.random() < 2 * new_cards / (2 * new_cards + 3 - new_cards)
            liked = comparison.new_number if new else comparison.old_number
            factories.preferred(session, chance.choice(people), comparison, liked, new_cards=new_cards)


def draw(page: Page, text: str) -> None:
    """Type a text and wait for its three rewrites."""
    page.fill("#text", text)
    page.press("#text", "Enter")
    expect(page.locator("#source")).to_have_text(text)


def judge(page: Page, text: str) -> None:
    """Draw a text, take the time to read, and choose the second rewrite by its key."""
    draw(page, text)
    page.wait_for_timeout(READING_MS)
    page.keyboard.press("2")
    expect(page.locator(".choice.chosen")).to_have_count(1)
    expect(page.locator("#text")).to_be_focused()  # once the choice is saved


def photograph_desk(
    chrome: Browser, product: Product, cookies: Cookies, name: str, theme: Theme, width: int, height: int
) -> None:
    """The annotate page with three rewrites of the text that the queue serves."""
    with Visitor(chrome, product.url, theme, width, height, signed_in_as=cookies) as visitor:
        visitor.page.goto("/annotate")
        expect(visitor.page.locator("#source")).to_be_visible()  # the queue's
        photograph(visitor.page, name)


def photograph_run(page: Page) -> None:
    """A run in its middle, which is then waited for."""
    page.goto("/admin")
    page.get_by_role("button", name="Retrain").click()
    wait_for(lambda: run_chart_points(page) >= 10, what="a chart that shows something")
    photograph(page, "run")
    expect(page.locator("#status")).to_have_text("succeeded", timeout=600_000)
    version = 1 if page.locator("#note").is_visible() else 2
    wait_for(lambda: every_process_serves(page, version), what=f"version {version} in every process")


def every_process_serves(page: Page, version: int) -> bool:
    """What the system page says of the web processes."""
    page.goto("/admin/system")
    return all(f"serves version {version}" in text for text in page.locator("[data-process]").all_text_contents())


def photograph(page: Page, name: str) -> None:
    """Write one picture of the window as it is."""
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    size = path.stat().st_size
    assert size <= LARGEST_BYTES, f"{path} has {size} bytes"
    print(f"{path.relative_to(PROJECT_ROOT)}: {size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
