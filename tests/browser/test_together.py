"""Two annotators and an admin at once: the same rewrites for both, an order for each, and one studio for all three."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import empty_queue
from tests.browser.desk.screen import expect_source, texts
from tests.browsing import PATIENCE_MS, Visitor
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

PASSWORD = "a calm password too"
FIRST, SECOND = "You two are stupid idiots", "Both of you are morons"


def add(admin: Page, name: str) -> str:
    """Let a person in; returns their email."""
    email = f"{name.lower()}@example.org"
    admin.goto("/admin/people")
    admin.fill("#email", email)
    admin.fill("#name", name)
    admin.fill("#password", PASSWORD)
    admin.click("#add-person button")
    expect(admin.locator("main [role=status]")).to_have_text(f"{email} may sign in now.")
    return email


def choose(page: Page, text: str) -> None:
    """Press the key of the card that holds the text."""
    page.keyboard.press(str(texts(page).index(text) + 1))


def test_two_annotators_and_an_admin_at_once(product: Product, chrome: Browser, visitor: Visitor) -> None:
    admin = visitor.page
    emails = [add(admin, "Nina"), add(admin, "Otto")]
    empty_queue(product)
    product.api.ok("POST", "/prompts", [{"text": text, "overlap": 2} for text in (FIRST, SECOND)])
    with Visitor(chrome, product.url) as nina, Visitor(chrome, product.url) as otto:
        for person, email in zip((nina, otto), emails, strict=True):
            person.sign_in_first(email, PASSWORD)
            expect_source(person.page, FIRST)
        shown = texts(nina.page)
        assert sorted(shown) == sorted(texts(otto.page))

        choose(nina.page, shown[0])
        expect_source(nina.page, SECOND)
        choose(otto.page, shown[0])
        expect_source(otto.page, SECOND)
        second = texts(nina.page)
        assert sorted(second) == sorted(texts(otto.page))

        # The admin raises a new text to the front while both read; what they read stays on their desks.
        admin.goto("/admin/data/queue")
        expect(admin.get_by_text(SECOND)).to_be_visible()
        product.api.ok("POST", "/prompts", [{"text": "Front of the queue, fools", "priority": 9}])
        expect_source(nina.page, SECOND)

        choose(nina.page, second[0])
        otto.page.keyboard.press("n")
        expect(otto.page.locator("#last-text")).to_contain_text("Saved: none is good.")
        otto.page.locator("#undo").click()  # no key: an empty queue puts the cursor into the text box
        expect_source(otto.page, SECOND)
        choose(otto.page, second[1])
        expect(otto.page.locator("#last-text")).to_contain_text("Saved: “")

        admin.goto("/admin/people")
        row = admin.get_by_role("region", name="Table of agreement").locator("tr", has_text="Nina").first
        expect(row).to_contain_text("Otto")
        expect(row).to_contain_text("50")
        admin.goto("/admin/data/judgments")
        for text in (shown[0], second[0], second[1]):
            expect(admin.locator("[data-best]").get_by_text(text).first).to_be_visible()
