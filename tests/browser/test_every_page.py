"""Every page, in both themes and from 320 px to 3840 px: axe finds nothing, nothing complains, nothing is too wide."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app import create_app
from app.config import Settings
from tests.axe import in_theme
from tests.browser.conftest import empty_queue
from tests.browsing import PATIENCE_MS, SIDEWAYS, Cookies, Theme, Visitor
from tests.processes import Product
from tests.studio import dispose

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
expect.set_options(timeout=PATIENCE_MS)

WIDTHS = (3840, 1440, 768, 320)
NO_PAGES = {"/", "/healthz", "/readyz", "/metrics", "/setup", "/admin/queue"}
"""What is no page of its own, or, as the setup page, gone once there is an admin."""


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory, ended_run: int, measured_version: int) -> Iterator[list[str]]:
    """Every page that has no number in its address, and those that have one, with a number."""
    app = create_app(Settings.from_env({"MELLOW_HOME": str(tmp_path_factory.mktemp("home"))}))
    plain = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and not rule.rule.startswith("/api/v1")
    }
    assert plain >= NO_PAGES
    yield [
        *sorted(plain - NO_PAGES),
        "/admin/people/1",
        f"/admin/runs/{ended_run}",
        f"/admin/runs/compare?run={ended_run}",
        f"/admin/versions/{measured_version}",
        f"/admin/versions?compare={measured_version}",
        "/join/no-such-invitation",
        "/no-such-page",
    ]
    dispose(app)


def problems(page: Page, wide: Theme, narrow: Theme) -> list[str]:
    """What is wrong with the page as it is: axe looks at it at the greatest and at the least width."""
    found = [f"{WIDTHS[0]} px, {wide}: {name}" for name in in_theme(page, wide)]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate(SIDEWAYS):
            found.append(f"scrolls sideways at {width} px")
    return found + [f"{WIDTHS[-1]} px, {narrow}: {name}" for name in in_theme(page, narrow)]


@pytest.mark.parametrize(("wide", "narrow"), [("light", "dark"), pytest.param("dark", "light", marks=pytest.mark.slow)])
def test_every_page_is_accessible_and_fits(
    product: Product, chrome: Browser, ada: Cookies, addresses: list[str], wide: Theme, narrow: Theme
) -> None:
    empty_queue(product)
    product.api.click("You are a stupid idiot")
    found = {}
    with Visitor(chrome, product.url, signed_in_as=ada) as visitor:
        visitor.expect_complaint("404")
        for address in addresses:
            visitor.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
            visitor.page.goto(address)
            visitor.page.wait_for_load_state("load")
            found[address] = problems(visitor.page, wide, narrow)
    with Visitor(chrome, product.url) as stranger:
        stranger.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        stranger.page.goto("/sign-in")
        found["/sign-in, as a stranger"] = problems(stranger.page, wide, narrow)
    assert {address: names for address, names in found.items() if names} == {}


@pytest.mark.parametrize("width", [320, 1440])
def test_one_endless_word_does_not_widen_the_desk(visitor: Visitor, width: int) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/annotate")
    page.fill("#text", "unbroken" * 36)
    page.press("#text", "Enter")
    expect(page.locator("#source")).to_have_text("unbroken" * 36)
    assert not page.evaluate(SIDEWAYS)
    page.keyboard.press("n")
    expect(page.locator("#last")).to_be_visible()
    assert not page.evaluate(SIDEWAYS)
