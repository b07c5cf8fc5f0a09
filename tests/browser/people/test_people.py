"""Inviting someone who joins, and looking after the system, in a real browser."""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.axe import in_theme
from tests.browsing import OWN_PASSWORD, PATIENCE_MS, SIGN_IN, Visitor
from tests.processes import ADMIN_PASSWORD, Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


def test_someone_joins_by_a_link_and_is_an_admin_later(visitor: Visitor, stranger: Visitor) -> None:
    page, theirs = visitor.page, stranger.page
    visitor.context.clear_cookies()
    visitor.sign_in()  # a moment ago, or changing the role would take the password
    page.goto("/admin/people")
    page.fill("#invite-label", "for Katherine")
    page.get_by_role("button", name="Generate link").click()
    expect(page.locator("#link")).to_be_focused()
    link = page.input_value("#link")
    page.click("#copy")
    expect(page.locator("#copied")).not_to_be_empty()

    theirs.goto(link)
    theirs.fill("#email", "katherine@example.org")
    theirs.fill("#name", "Katherine")
    theirs.fill("#password", "another calm one")
    theirs.click("main button")
    theirs.wait_for_url("**/annotate")

    page.goto("/admin/people")
    row = page.get_by_role("row", name="katherine@example.org").first
    expect(row).to_contain_text("just now")
    row.get_by_role("link", name="Katherine").click()
    expect(page.locator("h1")).to_have_text("Katherine")
    expect(page.locator("main")).to_contain_text("No judgments yet.")
    page.select_option("#role", "admin")
    page.get_by_role("button", name="Change role").click()
    expect(page.locator("main .alert")).to_have_text("katherine@example.org is an admin from now on.")
    theirs.goto("/admin/system")
    expect(theirs.locator("h1")).to_have_text("System")

    stranger.expect_complaint("404")
    theirs.goto(link)
    expect(theirs.locator("h1")).to_contain_text("was used already")


def test_a_forgotten_password_is_reset_by_a_link_that_an_admin_makes_with_theirs(
    visitor: Visitor, stranger: Visitor, product: Product
) -> None:
    page, theirs = visitor.page, stranger.page
    page.goto("/admin/people")
    page.fill("#email", "dorothy@example.org")
    page.fill("#password", "another calm one")
    page.click("#add-person button")
    page.get_by_role("link", name="dorothy@example.org").click()
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database, database:
        database.execute("UPDATE sessions SET confirmed_at = '2026-01-01 00:00:00.000000'")
    page.get_by_role("button", name="Generate reset link").click()
    expect(page.locator("h1")).to_have_text("Confirm your password")
    assert in_theme(page, "dark") == []
    page.locator("#password").press_sequentially(ADMIN_PASSWORD)
    page.keyboard.press("Enter")
    link = page.input_value("#link")

    theirs.goto(link)
    assert in_theme(theirs, "light") == []
    for field in ("#new", "#again"):
        theirs.fill(field, OWN_PASSWORD)
    theirs.click("main button")
    expect(theirs.locator("main [role=status]")).to_have_text("Your new password is set: sign in with it.")
    stranger.sign_in("dorothy@example.org", OWN_PASSWORD)

    page.reload()
    assert in_theme(page, "light") == []
    page.locator("summary", has_text="Sign them out everywhere").click()
    page.get_by_role("button", name="Sign them out", exact=True).click()
    expect(page.locator("main .alert")).to_have_text("They are signed out everywhere.")
    theirs.goto("/annotate")
    theirs.wait_for_url(SIGN_IN)


def test_the_system_page_knows_the_processes_and_keeps_backups(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/system")
    expect(page.locator("[data-process]")).to_contain_text("serves version 1")
    expect(page.locator("[data-worker]")).to_contain_text("core")
    page.get_by_role("button", name="Back up now").click()
    expect(page.locator("main .alert")).to_contain_text("is kept in")
    with page.expect_download() as download:
        page.locator("[data-backup] a").first.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["backup.json", "mellow.db"]
    row = page.locator("[data-backup]").first
    remaining = page.locator("[data-backup]").count() - 1
    row.locator("summary").press("Enter")
    row.get_by_role("button", name="Delete for good").click()
    expect(page.locator("main .alert")).to_contain_text("was deleted.")
    expect(page.locator("[data-backup]")).to_have_count(remaining)
    page.get_by_role("link", name="Audit log").click()
    page.select_option("#action", "backup.removed")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("[data-event]").first).to_contain_text("backup.removed")
