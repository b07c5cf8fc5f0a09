"""What it costs to open a page: bytes over the wire and time until it answers to keys.

    python -m benchmarks.page_weight [--rounds 5]

Starts the product on its embedded defaults and opens each page in Chromium with an empty cache. Bytes are what the
network layer counts, headers included. A page is interactive when its DOM and all its scripts have run
(`domContentLoadedEventEnd`: module scripts run before it). The baseline, named `uncompressed`, is the same page, asked
for with `Accept-Encoding: identity`, in turns with the other. Prints one line of JSON a page.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks.support.harness import Finding
from tests.browsing import Cookies, Visitor, chromium
from tests.processes import ADMIN, Product

PAGES = ("/annotate", "/work", "/admin", "/admin/data", "/admin/people", "/admin/versions", "/admin/system", "/api")
DESK_BYTES, GOAL_BYTES = 150_000, 250_000
GOAL_SECONDS = 1.0


def main() -> None:
    """Measure every page and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with chromium() as chrome, tempfile.TemporaryDirectory() as home, Product(Path(home) / "home", **ADMIN) as product:
        for _ in range(3):
            product.api.click()
        with Visitor(chrome, product.url) as visitor:
            visitor.sign_in()
            cookies = visitor.context.storage_state()
        for page in PAGES:
            measure(chrome, product, cookies, page, rounds).tell()


def measure(chrome: Browser, product: Product, cookies: Cookies, page: str, rounds: int) -> Finding:
    """The medians of a page and of its baseline, and the ratio of the bytes."""
    seen: dict[bool, list[tuple[int, float]]] = {True: [], False: []}
    for _ in range(rounds):
        for compressed in (True, False):
            seen[compressed].append(open_page(chrome, product, cookies, page, compressed))
    (size, seconds), (plain_size, plain_seconds) = (medians(seen[compressed]) for compressed in (True, False))
    most = DESK_BYTES if page == "/annotate" else GOAL_BYTES
    return Finding(
        claim=f"opening {page} with an empty cache",
        goal=f"≤ {most:,} bytes, interactive within {GOAL_SECONDS:g} s",
        met=size < most and seconds < GOAL_SECONDS,
        measured={"bytes": size, "interactive s": seconds},
        baseline="uncompressed",
        baseline_measured={"bytes": plain_size, "interactive s": plain_seconds},
        ratio=plain_size / size,
    )


def open_page(chrome: Browser, product: Product, cookies: Cookies, page: str, compressed: bool) -> tuple[int, float]:
    """(bytes received, seconds until interactive) of one visit with an empty cache."""
    received = 0

    def count(event: dict[str, Any]) -> None:
        nonlocal received
        received += int(event["encodedDataLength"])

    with Visitor(chrome, product.url, signed_in_as=cookies) as visitor:
        devtools = visitor.context.new_cdp_session(visitor.page)
        devtools.send("Network.enable")
        devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        if not compressed:
            devtools.send("Network.setExtraHTTPHeaders", {"headers": {"Accept-Encoding": "identity"}})
        devtools.on("Network.loadingFinished", count)
        visitor.page.goto(page, wait_until="networkidle")
        script = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd / 1000"
        return received, float(visitor.page.evaluate(script))


def medians(visits: list[tuple[int, float]]) -> tuple[int, float]:
    """The median size and the median time."""
    sizes, seconds = zip(*visits, strict=True)
    return int(statistics.median(sizes)), round(statistics.median(seconds), 3)


if __name__ == "__main__":
    main()
