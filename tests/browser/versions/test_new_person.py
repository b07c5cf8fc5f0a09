"""A new person finds everything that matters from the first page, by what the pages say and without an address."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browsing import PATIENCE_MS, Visitor

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


class Newcomer:
    """Somebody who presses what they read, and how often they had to."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.steps = 0

    def press(self, found: Locator) -> None:
        """Press what was found by its name."""
        found.click()
        self.steps += 1

    def go(self, name: str) -> None:
        """Follow the link that says so."""
        self.press(self.page.get_by_role("link", name=name, exact=True))

    def section(self, name: str) -> Locator:
        """The part of the page under that heading."""
        return self.page.get_by_role("region", name=name)

    def button(self, name: str) -> Locator:
        """The button that says so."""
        return self.page.get_by_role("button", name=name)

    def took(self) -> int:
        """The steps since the last question."""
        steps, self.steps = self.steps, 0
        return steps


@pytest.fixture
def newcomer(visitor: Visitor) -> Newcomer:
    """Ada on the first page, with nothing in the queue."""
    visitor.page.goto("/")
    return Newcomer(visitor.page)


def test_a_text_to_judge_and_undo_are_found_on_the_first_page(newcomer: Newcomer) -> None:
    expect(newcomer.button("Load 50 sample texts")).to_be_visible()
    newcomer.press(newcomer.section("Nothing waits for you: try one of these").get_by_role("button").first)
    cards = newcomer.section("Choose the best rewrite").locator("[aria-keyshortcuts='1']")
    expect(cards).to_be_enabled()
    assert newcomer.took() == 1, "a text to judge"
    newcomer.press(cards)
    expect(cards).to_be_disabled()
    newcomer.press(newcomer.button("Undo"))
    expect(cards).to_be_enabled()
    assert newcomer.took() == 2, "judged and undone"


def test_retrain_the_new_version_and_the_way_back_are_found_from_the_first_page(newcomer: Newcomer, spare: int) -> None:
    page = newcomer.page
    newcomer.go("Training")
    expect(newcomer.section("Retrain").get_by_role("button", name="Retrain")).to_be_visible()
    assert newcomer.took() == 1, "where to retrain"

    newcomer.go("Versions")
    newcomer.go(f"Version {spare}")
    expect(newcomer.section("What people like")).to_be_in_viewport()
    expect(newcomer.section("Side by side")).to_be_visible()
    assert newcomer.took() == 2, "how good the new version is"

    newcomer.press(newcomer.button("Make live"))
    expect(page.get_by_role("status").filter(has_text=f"Version {spare} is live from now on.")).to_be_visible()
    newcomer.took()
    newcomer.press(newcomer.button("Roll back to this"))
    expect(page.get_by_role("status").filter(has_text="Version 1 is live from now on.")).to_be_visible()
    assert newcomer.took() == 1, "how to go back"
