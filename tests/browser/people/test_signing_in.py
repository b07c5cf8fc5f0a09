"""Signing in, who sees what, and a whole session without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import empty_queue
from tests.browsing import PATIENCE_MS, SIGN_IN, Visitor
from tests.processes import ADMIN_EMAIL, ADMIN_PASSWORD, Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, as someone without a mouse does."""
    for _ in range(40):
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reached {selector}")


def test_a_wrong_password_is_told_in_one_sentence(stranger: Visitor) -> None:
    stranger.expect_complaint("403")
    page = stranger.page
    page.goto("/sign-in")
    page.fill("#email", ADMIN_EMAIL)
    page.fill("#password", "not the password")
    page.click("main button")
    expect(page.locator("[role=alert]")).to_have_text("The email or the password is wrong.")
    expect(page.locator("#email")).to_have_value(ADMIN_EMAIL)


def test_signing_in_leads_to_the_page_that_was_wanted(stranger: Visitor) -> None:
    page = stranger.page
    page.goto("/admin/people")
    page.wait_for_url(SIGN_IN)
    page.fill("#email", ADMIN_EMAIL)
    page.fill("#password", ADMIN_PASSWORD)
    page.click("main button")
    page.wait_for_url("**/admin/people")
    expect(page.locator("h1")).to_have_text("People")


def test_a_whole_session_needs_no_mouse(stranger: Visitor, product: Product) -> None:
    empty_queue(product)
    page = stranger.page
    page.goto("/sign-in")
    expect(page.locator("#email")).to_be_focused()
    page.keyboard.type(ADMIN_EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(ADMIN_PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/annotate")
    for text, key, said in (("You are stupid", "2", "Saved: “"), ("You are an idiot", "n", "Saved: none is good.")):
        expect(page.locator("#text")).to_be_focused()
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.locator("#source")).to_have_text(text)
        page.keyboard.press(key)
        expect(page.locator("#last-text")).to_contain_text(said)
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(page.locator("#last-text")).to_contain_text("Saved: “")  # the one before it
    tab_to(page, '.choice[data-choice="3"]')
    with page.expect_response("**/judgments"):  # or else it would be sent after the end of the session
        page.keyboard.press("Enter")
    expect(page.locator('.choice[data-choice="3"]')).to_have_class(re.compile("chosen"))
    tab_to(page, "header button")
    page.keyboard.press("Enter")
    page.wait_for_url(SIGN_IN)


def test_the_first_tab_stop_skips_to_the_content(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    assert page.locator(".skip-link").evaluate("link => link.getBoundingClientRect().height > 10")


def test_an_admin_adds_a_person_who_annotates_and_sees_nothing_of_the_admins(
    visitor: Visitor, stranger: Visitor, chrome: Browser
) -> None:
    page = visitor.page
    page.goto("/admin/people")
    page.fill("#email", "Grace@Example.org")
    page.fill("#name", "Grace <b>H</b>")
    page.fill("#password", "another calm one")
    page.click("#add-person button")
    expect(page.locator("main [role=status]")).to_have_text("grace@example.org may sign in now.")
    expect(page.locator("td.names", has_text="Grace <b>H</b>")).to_be_visible()

    stranger.sign_in_first("grace@example.org", "another calm one")
    stranger.expect_complaint("403")
    theirs = stranger.page
    assert theirs.locator("nav a").all_inner_texts() == ["Mellow", "Annotate", "My work", "Help", "Grace <b>H</b>"]
    theirs.fill("#text", "You are a stupid idiot")
    theirs.press("#text", "Enter")
    expect(theirs.locator("#source")).to_have_text("You are a stupid idiot")
    for place in ("/admin", "/admin/people", "/admin/runs/1"):
        theirs.goto(place)
        expect(theirs.locator("h1")).to_have_text("This is for admins.")

    row = page.locator("tr", has_text="grace@example.org")
    row.locator("summary").click()
    row.get_by_role("button", name="Deactivate").click()
    expect(page.locator("main [role=status]")).to_have_text("grace@example.org may no longer sign in.")
    theirs.goto("/annotate")
    theirs.wait_for_url(SIGN_IN)


def test_a_person_who_cannot_be_added_is_told_why_and_keeps_what_was_typed(visitor: Visitor) -> None:
    visitor.expect_complaint("409")
    page = visitor.page
    page.goto("/admin/people")
    page.fill("#email", ADMIN_EMAIL)
    page.fill("#name", "Second Ada")
    page.fill("#password", "another calm one")
    page.click("#add-person button")
    expect(page.locator("[role=alert]")).to_have_text("There is an account with that email already.")
    expect(page.locator("#name")).to_have_value("Second Ada")


def test_an_api_token_is_shown_once(visitor: Visitor, chrome: Browser, product: Product) -> None:
    page = visitor.page
    page.goto("/admin/people")
    page.fill("#email", "token@example.org")
    page.fill("#password", "another calm one")
    page.click("#add-person button")
    expect(page.locator("main [role=status]")).to_be_visible()
    with Visitor(chrome, product.url) as other:
        other.sign_in_first("token@example.org", "another calm one")
        other.page.goto("/account")
        other.page.get_by_label("Name, such as").fill("a notebook")
        other.page.get_by_label("read").check()
        other.page.get_by_role("button", name="Generate token").click()
        token = other.page.inner_text("[data-token]")
        assert token.startswith("mellow_")
        other.expect_complaint("409")
        other.page.reload()
        expect(other.page.locator("[role=alert]")).to_contain_text("no second one was made")
        expect(other.page.locator("[data-token]")).to_have_count(0)
        other.page.goto("/account")
        expect(other.page.locator("[data-token]")).to_have_count(0)
        expect(other.page.locator("[data-token-id]")).to_have_count(1)
        other.page.get_by_text("Revoke the token a notebook").click()
        other.page.get_by_role("button", name="Revoke token").click()
        expect(other.page.locator("main .alert")).to_have_text("The token a notebook no longer works.")
