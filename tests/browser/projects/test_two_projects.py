"""Two projects in one studio, from the form that creates the second one to what each of them says of a click."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.axe import in_both_themes
from tests.browser.desk.screen import expect_saved, texts
from tests.browsing import PATIENCE_MS, SIDEWAYS, Visitor
from tests.processes import ADMIN, ADMIN_TOKEN, Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=PATIENCE_MS)


def test_a_click_in_the_second_project_is_of_that_project_alone(chrome: Browser, tmp_path: Path) -> None:
    with Product(tmp_path / "home", WEB_CONCURRENCY="1", **ADMIN) as product:
        with Visitor(chrome, product.url) as ada:
            create(ada)
            ada.page.goto("/p/answers/admin/people")
            ada.page.fill("#email", "bea@example.org")
            ada.page.fill("#password", "another calm one")
            ada.page.select_option("#add-project-1", "")
            ada.page.select_option("#add-project-2", "annotator")
            ada.page.click("#add-person button")
            look(ada)
        with Visitor(chrome, product.url) as bea:
            bea.sign_in_first("bea@example.org", "another calm one")
            judge(bea)
        assert len(judged(product, "/p/answers")) == 1
        assert judged(product, "") == []


def create(ada: Visitor) -> None:
    """Create the second project on the page, whose address is suggested while its name is typed."""
    ada.sign_in()
    page = ada.page
    page.goto("/admin/projects")
    page.locator("#name").press_sequentially("Short answers")
    expect(page.locator("#slug")).to_have_value("short-answers")
    page.fill("#slug", "answers")
    page.fill("#instruction", "Choose the calm one.")
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url("**/p/answers/admin/project")
    expect(page.locator("main .alert")).to_contain_text("The project Short answers is there.")


def look(ada: Visitor) -> None:
    """Look at the new pages with axe, wide and narrow, and change to the other project by the menu."""
    page = ada.page
    for address in ("/p/answers/admin/project", "/admin/projects", "/p/answers/admin/people"):
        page.goto(address)
        page.set_viewport_size({"width": 320, "height": 900})
        assert not page.evaluate(SIDEWAYS), address
        assert in_both_themes(page) == {}, address
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/p/answers/admin/data")
    page.locator(".projects summary").press("Enter")
    page.get_by_role("link", name="First project").press("Enter")
    page.wait_for_url(re.compile(r"\d/admin/data$"))
    expect(page.locator(".projects summary")).to_contain_text("First project")


def judge(bea: Visitor) -> None:
    """Judge a text of one's own with the keyboard, where signing in has led to."""
    page = bea.page
    assert page.url.endswith("/p/answers/annotate")
    expect(page.locator(".projects")).to_have_count(0)
    expect(page.locator(".task")).to_have_text("Choose the calm one.")
    page.keyboard.press("Escape")
    page.fill("#text", "You are a stupid idiot")
    page.press("#text", "Enter")
    expect(page.locator("#source")).to_have_text("You are a stupid idiot")
    first = texts(page)[0]
    page.keyboard.press("1")
    expect_saved(page, f"Saved: “{first}”")
    bea.expect_complaint("404")
    page.goto("/p/first/annotate")
    expect(page.locator("h1")).to_have_text("There is no such project, or you are not in it.")


def judged(product: Product, project: str) -> list[object]:
    """The judgments of a project, as its API has them."""
    address = f"{product.url}{project}/api/v1/judgments"
    asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    with urllib.request.urlopen(asked) as answer:
        found: list[object] = json.load(answer)["judgments"]
    return found
