"""A real Chromium for the tests, and a watch over it that hears every complaint a page makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    StorageState,
    WebError,
    sync_playwright,
)

from tests.processes import ADMIN_EMAIL, ADMIN_PASSWORD

# The one without a window of its own takes a third less time for the same pages.
CHROMIUMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 30_000.0
OWN_PASSWORD = "nine quiet otters"
"""The password that people choose whom an admin added."""
SIGN_IN = re.compile(r"/sign-in(\?|$)")
SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

Theme = Literal["light", "dark"]
Cookies = StorageState


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium where there is one, else the one that Playwright installed."""
    with sync_playwright() as playwright:
        executable = next((path for path in CHROMIUMS if path.exists()), None)
        browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def _give(page: Page, email: str, password: str) -> None:
    page.goto("/sign-in")
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("main button")


def run_chart_points(page: Page, metric: str = "loss") -> int:
    """How many points the chart of a metric shows, as it says itself."""
    said = page.locator(f'figure[data-metric="{metric}"] .plot').get_attribute("aria-label") or ""
    counted = re.search(r": (\d+) values", said)
    return int(counted[1]) if counted else 0


class Visitor:
    """One browser of one person: its own cookies, and a list of everything that no visit should cause.

    Complaints are console warnings and errors (a breach of the Content-Security-Policy is one), uncaught exceptions,
    dialogs, and requests to any other host. Leaving the block fails if there were some that nobody expected.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        theme: Theme = "light",
        width: int = 1280,
        height: int = 900,
        signed_in_as: Cookies | None = None,
        locale: str | None = None,
        *,
        touch: bool = False,
    ) -> None:
        self.url = url
        self.complaints: list[str] = []
        self._expected: list[str] = []
        self.context: BrowserContext = browser.new_context(
            base_url=url,
            color_scheme=theme,
            viewport={"width": width, "height": height},
            storage_state=signed_in_as,
            locale=locale,
            has_touch=touch,
            is_mobile=touch,
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.set_default_navigation_timeout(PATIENCE_MS)
        self.context.on("console", self._hear)
        self.context.on("weberror", self._fall)
        self.context.on("dialog", self._interrupt)
        self.context.on("request", self._leave)
        self.page: Page = self.context.new_page()

    def expect_complaint(self, pattern: str) -> None:
        """A complaint that matches is part of this test: a refused request, say, which browsers log by themselves."""
        self._expected.append(pattern)

    def sign_in(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD, page: Page | None = None) -> None:
        """Sign in through the page and wait for the desk."""
        page = page or self.page
        _give(page, email, password)
        page.wait_for_url("**/annotate")

    def sign_in_first(self, email: str, typed: str) -> None:
        """Sign in with a password that an admin typed, choose another one, and wait for the desk."""
        _give(self.page, email, typed)
        self.page.wait_for_url("**/account")
        self.page.fill("#old", typed)
        for field in ("#new", "#again"):
            self.page.fill(field, OWN_PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url("**/annotate")

    def describe(self) -> str:
        """Where the browser is and what it shows, for whoever wonders why a test failed."""
        try:
            text = self.page.inner_text("body", timeout=1_000)
        except Exception as error:  # the page is gone; the failure that is being reported matters more
            text = f"nothing ({type(error).__name__})"
        return f"The browser is at {self.page.url} and shows:\n{text}\nComplaints: {self.complaints}"

    def unexpected(self) -> list[str]:
        """The complaints that no one announced."""
        return [text for text in self.complaints if not any(re.search(one, text) for one in self._expected)]

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            print(self.describe())
        self.context.close()
        if kind is None:
            assert not (found := self.unexpected()), found

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type} at {message.location.get('url')}: {message.text}")

    def _fall(self, error: WebError) -> None:
        self.complaints.append(f"uncaught: {error.error}")

    def _interrupt(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _leave(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.complaints.append(f"request to another host: {request.url}")
