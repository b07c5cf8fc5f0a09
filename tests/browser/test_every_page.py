"""Every page from 320 px to 3840 px: axe finds nothing, nothing complains, nothing is too wide."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import cycle, islice

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
Look = tuple[int, Theme]
LOOKS: tuple[Look, ...] = ((3840, "light"), (320, "dark"), (3840, "dark"), (320, "light"))
NO_PAGES = {
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/setup",
    "/account/export",
    "/admin/queue",
    "/admin/system/audit/copy",
}
"""What is no page of its own, or, as the setup page, gone once there is an admin."""


@pytest.fixture(scope="module")
def addresses(
    tmp_path_factory: pytest.TempPathFactory, product: Product, ended_run: int, measured_version: int
) -> Iterator[list[str]]:
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
        "/admin/people/1/delete",
        f"/admin/people/groups/{product.api.ok('POST', '/groups', {'name': 'Evenings'})['id']}",
        "/admin/data/prompts/1/delete",
        f"/admin/runs/{ended_run}",
        f"/admin/runs/compare?run={ended_run}",
        f"/admin/versions/{measured_version}",
        f"/admin/versions?compare={measured_version}",
        "/admin/versions/forget?kind=person&number=1",
        "/help/docs/managing-data.md",
        "/join/no-such-invitation",
        "/reset/no-such-link",
        "/no-such-page",
    ]
    dispose(app)


def problems(page: Page, looks: Collection[Look]) -> list[str]:
    """What is wrong with the page as it is."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate(SIDEWAYS):
            found.append(f"scrolls sideways at {width} px")
        for theme in (theme for at, theme in looks if at == width):
            found += [f"{width} px, {theme}: {name}" for name in in_theme(page, theme)]
    return found


@pytest.mark.parametrize("each", [1, pytest.param(len(LOOKS), marks=pytest.mark.slow)], ids=["one look", "every look"])
def test_every_page_is_accessible_and_fits(
    product: Product, chrome: Browser, ada: Cookies, addresses: list[str], each: int
) -> None:
    """A page has one look or all; of one, the pages take turns at the four."""
    turns = cycle(LOOKS)
    empty_queue(product)
    product.api.click("You are a stupid idiot")
    found = {}
    with Visitor(chrome, product.url, signed_in_as=ada) as visitor:
        visitor.expect_complaint("404")
        for address in addresses:
            visitor.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
            visitor.page.goto(address)
            visitor.page.wait_for_load_state("load")
            found[address] = problems(visitor.page, list(islice(turns, each)))
    with Visitor(chrome, product.url) as stranger:
        stranger.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        stranger.page.goto("/sign-in")
        found["/sign-in, as a stranger"] = problems(stranger.page, LOOKS)
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
