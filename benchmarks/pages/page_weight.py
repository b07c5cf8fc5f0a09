"""Measures what it costs to open a page: bytes over the wire, time to the first paint, and time until it answers.

    python -m benchmarks.pages.page_weight [--rounds 3] [--throttle 4]

Starts the product on its embedded defaults, with a few clicks, a run and an evaluation, and opens each page in Chromium
with an empty cache, on a processor that DevTools slows down `--throttle` times: 4 stands for a phone of the middle
range. Bytes are what the network layer counts, headers included. A page answers as soon as a real key or click shows
what it does: the desk when Help opens, which its scripts do, every other page when Tab moves the focus and its scripts
have run. The first contentful paint is Chromium's own figure. The baseline, named `uncompressed`, is the same page,
asked for once with `Accept-Encoding: identity`. Prints one line of JSON a page.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page

from benchmarks.support.harness import Finding
from tests.browsing import Cookies, Visitor, chromium
from tests.pictures.gallery import PAGES, fill
from tests.processes import ADMIN, Product

DESK = "/annotate"
DESK_BYTES, GOAL_BYTES = 150_000, 250_000
GOAL_SECONDS = 1.0
HELP = """() => {
    const { x, y, width, height } = document.getElementById("help-open").getBoundingClientRect();
    return [x + width / 2, y + height / 2];
}"""
HELP_IS_OPEN = "() => document.querySelector('#help:modal') ? performance.now() / 1000 : null"
FOCUS_HAS_MOVED = """() => {
    const [{ domContentLoadedEventEnd }] = performance.getEntriesByType("navigation");
    return domContentLoadedEventEnd && document.activeElement !== document.body ? performance.now() / 1000 : null;
}"""
PAINTED = """new Promise(done => new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime / 1000);
}).observe({ type: "paint", buffered: true }))"""


class Visit(NamedTuple):
    """What one visit took: bytes, seconds to the first contentful paint, seconds until the page answered."""

    size: int
    painted: float
    answered: float


def main() -> None:
    """Measure every page and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--throttle", type=float, default=4)
    options = parser.parse_args()
    with chromium() as chrome, tempfile.TemporaryDirectory() as home, Product(Path(home) / "home", **ADMIN) as product:
        run = fill(product)
        product.api.ok("PATCH", "/me", {"settings": {"toured": True, "warned": True}})
        with Visitor(chrome, product.url) as visitor:
            visitor.sign_in()
            opener = Opener(chrome, product.url, visitor.context.storage_state(), options.throttle)
        for page in PAGES:
            measure(opener, page.format(run=run), options.rounds).tell()


class Opener:
    """Opens pages as somebody who is signed in and has never been here."""

    def __init__(self, chrome: Browser, url: str, cookies: Cookies, throttle: float) -> None:
        self.chrome = chrome
        self.url = url
        self.cookies = cookies
        self.throttle = throttle

    def open(self, page: str, *, compressed: bool = True) -> Visit:
        """Visit a page once."""
        received = 0

        def count(event: dict[str, Any]) -> None:
            nonlocal received
            received += int(event["encodedDataLength"])

        with Visitor(self.chrome, self.url, signed_in_as=self.cookies) as visitor:
            visitor.expect_complaint("404")
            devtools = visitor.context.new_cdp_session(visitor.page)
            devtools.send("Network.enable")
            devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": self.throttle})
            if not compressed:
                devtools.send("Network.setExtraHTTPHeaders", {"headers": {"Accept-Encoding": "identity"}})
            devtools.on("Network.loadingFinished", count)
            visitor.page.goto(page, wait_until="commit")
            answered = until_it_answers(visitor.page)
            painted = float(visitor.page.evaluate(PAINTED))
            visitor.page.wait_for_load_state("load")
            return Visit(received, painted, answered)


def until_it_answers(page: Page) -> float:
    """Use the page until it answers; return the seconds since the navigation began."""
    desk = page.url.endswith(DESK)
    if desk:
        page.wait_for_selector("#help-open")
    while not (seconds := page.evaluate(HELP_IS_OPEN if desk else FOCUS_HAS_MOVED)):
        if desk:
            page.mouse.click(*page.evaluate(HELP))
        else:
            page.keyboard.press("Tab")
    return float(seconds)


def measure(opener: Opener, page: str, rounds: int) -> Finding:
    """The medians of a page and the bytes of its baseline."""
    visits = [opener.open(page) for _ in range(rounds)]
    plain = opener.open(page, compressed=False)
    most = DESK_BYTES if page == DESK else GOAL_BYTES
    size, answered = int(median(visit.size for visit in visits)), median(visit.answered for visit in visits)
    return Finding(
        claim=f"opening {page} with an empty cache",
        goal=f"< {most:,} bytes, answers within {GOAL_SECONDS:g} s",
        met=size < most and answered < GOAL_SECONDS,
        measured={
            "bytes": size,
            "first paint s": median(visit.painted for visit in visits),
            "answers s": answered,
            "processor slowed": opener.throttle,
        },
        baseline="uncompressed",
        baseline_measured={"bytes": plain.size},
        ratio=plain.size / size,
    )


def median(values: Iterable[float]) -> float:
    """The median of what the visits took."""
    return statistics.median(values)


if __name__ == "__main__":
    main()
