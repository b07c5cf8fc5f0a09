"""Mellow below a path of its host: behind a proxy that says so, nothing leads outside of that path."""

from __future__ import annotations

import http.client
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.desk.screen import expect_saved, texts
from tests.browser.proxy import PathProxy
from tests.browsing import PATIENCE_MS, Visitor
from tests.processes import ADMIN_EMAIL, ADMIN_PASSWORD, PATIENCE, Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

PATH = "/mellow"
# What a page leads to; what scripts fetch is in attributes of the page's own.
LEADS = re.compile(r"href|src|action|formaction|poster|data-(source|events|document)")
SPECIFICATION = "https://www.standardwebhooks.com"  # the only link to another host
NO_PAGE = re.compile(r"/api/v1/|/static/|/typeface/|/bootstrap/|/checkpoint|/backup")


class Page(NamedTuple):
    """A response: its status, where it leads to, and its text."""

    status: int
    location: str | None
    text: str


class _Leads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if value and LEADS.fullmatch(name)]


class Client:
    """Somebody without a browser: keeps the cookies that are for the path of a request, and follows nothing."""

    def __init__(self, proxy: PathProxy) -> None:
        self.proxy = proxy
        self._cookies: dict[str, str] = {}
        self.cookie_paths: set[str] = set()

    def ask(self, address: str, form: dict[str, str] | None = None) -> Page:
        """Ask for an address of the proxy's host; with `form`, send it."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if form is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Referer": f"{self.proxy.url}{address}"}
        host = urlsplit(self.proxy.url)
        with closing(http.client.HTTPConnection(host.hostname or "", host.port, timeout=PATIENCE)) as connection:
            connection.request("GET" if form is None else "POST", address, urlencode(form) if form else None, headers)
            response = connection.getresponse()
            for _, value in (header for header in response.getheaders() if header[0] == "Set-Cookie"):
                for name, cookie in SimpleCookie(value).items():
                    self._cookies[name] = cookie.value
                    self.cookie_paths.add(cookie["path"])
            return Page(response.status, response.getheader("Location"), response.read().decode(errors="replace"))

    def submit(self, address: str, page: str, **form: str) -> Page:
        """Send a form with the token of the page that it is on."""
        token = re.search(r'name="csrf-token" content="([^"]+)"', self.ask(page).text)
        assert token is not None
        return self.ask(address, {**form, "csrf_token": token[1]})

    def sign_in(self, email: str, password: str, wanted: str) -> None:
        """Be led from a page to the sign-in page and, signed in, back to it."""
        led = self.ask(wanted).location or ""
        assert led.startswith(f"{PATH}/sign-in?next="), led
        assert self.submit(led, led, email=email, password=password).location == wanted

    def crawl(self) -> tuple[list[str], list[str]]:
        """Open everything that is led to from the first page on; returns the pages and what leads outside the path."""
        pages, outside, waiting = list[str](), list[str](), [f"{PATH}/"]
        for address in waiting:
            if NO_PAGE.search(address):
                continue
            page = self.ask(address)
            assert page.status < 500, (address, page.text)
            pages.append(address)
            parser = _Leads()
            parser.feed(page.text)
            for lead in filter(None, [*parser.found, page.location]):
                there = urlsplit(urljoin(self.proxy.url + address, lead))
                if lead == SPECIFICATION or (address.startswith(f"{PATH}/help/") and there.scheme == "https"):
                    continue  # documents name their sources
                if f"{there.scheme}://{there.netloc}" != self.proxy.url or not there.path.startswith(f"{PATH}/"):
                    outside.append(f"{lead} on {address}")
                elif there.path not in {urlsplit(one).path for one in waiting}:  # one of each, whatever is asked of it
                    waiting.append(there._replace(scheme="", netloc="", fragment="").geturl())
        return pages, outside


@pytest.fixture(scope="module")
def proxy(product: Product, ended_run: int, measured_version: int) -> Iterator[PathProxy]:
    """The product, with something to show, at /mellow of another port."""
    product.api.click("You are a stupid idiot")
    with PathProxy(product.port, PATH) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def admin(proxy: PathProxy) -> Client:
    """Ada, who has signed in through the proxy."""
    client = Client(proxy)
    client.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD, f"{PATH}/admin/data")
    return client


def test_all_that_an_admin_is_led_to_is_below_the_path(admin: Client, ended_run: int) -> None:
    pages, outside = admin.crawl()
    assert outside == []
    assert {f"{PATH}/annotate", f"{PATH}/admin/runs/{ended_run}", f"{PATH}/admin/system", f"{PATH}/api"} <= set(pages)
    assert len(pages) > 20
    assert admin.cookie_paths == {PATH}


def test_an_invitation_leads_below_the_path_and_so_does_all_that_an_annotator_sees(admin: Client) -> None:
    people = f"{PATH}/admin/people"
    wanted = {"role": "annotator", "label": "", "days": "7", "form_key": secrets.token_hex(16)}
    made = admin.submit(f"{people}/invitations", people, **wanted)
    link = re.search(r'id="link"[^>]*value="([^"]+)"', made.text)
    assert link is not None
    assert link[1].startswith(f"{admin.proxy.url}{PATH}/join/")
    guest, page = Client(admin.proxy), urlsplit(link[1]).path
    joined = guest.submit(page, page, email="path@example.org", name="", password="a calm password")
    assert joined.location == f"{PATH}/"
    pages, outside = guest.crawl()
    assert outside == []
    assert {f"{PATH}/annotate", f"{PATH}/work", f"{PATH}/account"} <= set(pages)


def test_signing_in_leads_to_no_other_program_of_the_host(admin: Client) -> None:
    page = f"{PATH}/sign-in?next=/elsewhere"
    led = Client(admin.proxy).submit(page, page, email=ADMIN_EMAIL, password=ADMIN_PASSWORD)
    assert led.location == f"{PATH}/"


def test_a_form_that_is_sent_signed_out_leads_back_to_its_page(admin: Client) -> None:
    led = urlsplit(Client(admin.proxy).ask(f"{PATH}/admin/people", {"email": "new@example.org"}).location or "")
    assert (led.path, parse_qs(led.query)) == (f"{PATH}/sign-in", {"next": [f"{PATH}/admin/people"]})


def test_a_screen_is_judged_and_every_script_asks_below_the_path(
    proxy: PathProxy, chrome: Browser, product: Product, ended_run: int
) -> None:
    with Visitor(chrome, proxy.url) as visitor:
        page = visitor.page
        page.goto(f"{PATH}/sign-in")
        page.fill("#email", ADMIN_EMAIL)
        page.fill("#password", ADMIN_PASSWORD)
        page.click("main button")
        page.wait_for_url(f"**{PATH}/annotate")
        page.fill("#text", "judged below a path")
        page.press("#text", "Enter")
        expect(page.locator("#source")).to_have_text("judged below a path")
        first = texts(page)[0]
        page.keyboard.press("1")
        expect_saved(page, f"Saved: “{first}”")
        page.goto(f"{PATH}/api")
        page.locator("#get-me summary").click()
        page.locator("#get-me .trial button").click()
        expect(page.locator("#get-me .trial [role=status]")).to_contain_text("200")
        page.goto(f"{PATH}/admin/runs/{ended_run}")
        expect(page.locator("#status")).to_have_text("succeeded")
        page.goto(f"{PATH}/admin/data")
        page.set_input_files("#file", {"name": "few.csv", "mimeType": "text/csv", "buffer": b"text\nbelow a path\n"})
        expect(page.locator("#what")).to_contain_text("1 row")
        page.goto(f"{PATH}/admin/start")
        page.set_input_files("#file", {"name": "few.tsv", "mimeType": "", "buffer": b"you fool\tyou are wrong\n"})
        expect(page.locator("#pairs")).to_have_text("1")
    assert [stray for stray in proxy.strays if stray != "/favicon.ico"] == []
