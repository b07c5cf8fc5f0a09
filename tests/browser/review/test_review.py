"""Cases are decided by keyboard, in a real browser over the real product."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.db import make_sessions
from tests import factories
from tests.axe import in_both_themes
from tests.browsing import PATIENCE_MS, SIDEWAYS, Visitor
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
TEXTS = ("You are wrong.", "I see it differently.", "That is not so.")
PROMPTS = ("you silly fool", "what a silly idea", "silly nonsense")


@pytest.fixture
def page(visitor: Visitor, product: Product) -> Page:
    """The list of reviews; two people chose different rewrites of three prompts, where no test has decided them yet."""
    sessions = make_sessions(f"sqlite:///{product.home / 'mellow.db'}")
    with sessions() as session:
        people = [factories.user(session).id for _ in range(2)]
        for text in PROMPTS:
            prompt = factories.prompt(session, f"{text} {people[0]}", source="review")
            for place, person in enumerate(people):
                screen = factories.generation(session, person, TEXTS, prompt=prompt)
                factories.judgment(session, screen, candidate_id=screen.candidates[place].id)
    sessions.kw["bind"].dispose()
    visitor.page.goto("/review?source=review")
    return visitor.page


def shown(page: Page, prompt: str) -> None:
    """Wait for the case of a prompt, and for its keys, which its script brings."""
    expect(page.locator(".review-source")).to_contain_text(prompt)
    expect(page.locator("#veil")).to_be_visible()


def decisions(product: Product) -> list[tuple[str, str | None, str | None]]:
    """Verdict, own text and reason of the decisions that stand, in the order they were made."""
    found: list[tuple[str, str | None, str | None]] = product.rows(
        "SELECT verdict, edited_text, reason FROM judgments WHERE decision AND undone_at IS NULL ORDER BY id"
    )
    return found


def test_two_cases_are_decided_by_keyboard_and_the_last_decision_is_undone(page: Page, product: Product) -> None:
    expect(page.locator(".cases > li")).to_have_count(3)
    page.get_by_role("link", name="Decide one after the other").click()
    shown(page, PROMPTS[2])
    page.keyboard.press("r")
    page.keyboard.type("2 keeps the meaning")
    page.keyboard.press("Enter")
    shown(page, PROMPTS[2])
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    shown(page, PROMPTS[1])
    expect(page.get_by_text("Decided just now: 2 is best.")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.type("I would not do that.")
    page.keyboard.press("Enter")
    shown(page, PROMPTS[0])
    stored = [("chosen", None, "2 keeps the meaning"), ("edited", "I would not do that.", None)]
    assert decisions(product) == stored
    page.keyboard.press("u")
    expect(page.get_by_text("Taken back: what people said counts again.")).to_be_visible()
    shown(page, PROMPTS[1])
    assert decisions(product) == stored[:1]
    page.keyboard.press("p")
    expect(page.get_by_role("link", name="Hide names")).to_be_visible()
    expect(page.locator(".opinions")).to_contain_text("@example.org")
    shown(page, PROMPTS[1])
    page.keyboard.press("o")
    expect(page.get_by_text("Sent back just now for one more opinion.")).to_be_visible()
    expect(page.locator(".opinions")).to_contain_text("@example.org")


def test_the_pages_are_accessible_and_fit_a_telephone(page: Page) -> None:
    assert in_both_themes(page) == {}
    page.locator(".cases a").first.click()
    expect(page.locator(".review-source")).to_be_visible()
    assert in_both_themes(page) == {}
    page.set_viewport_size({"width": 360, "height": 740})
    assert not page.evaluate(SIDEWAYS)
