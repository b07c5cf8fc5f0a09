"""From the click to the next three cards, as the browser paints them.

    python -m benchmarks.next_screen [--screens 40]

Starts the product on its embedded defaults with a queue of texts. Half of the screens are judged after the next one has
been drawn in advance (the usual case: reading takes longer), the other half, in turns, with the prefetch refused, so
that the next screen is drawn only when it is asked for: the baseline `without_prefetch`. Time is measured in the page,
from the key to the frame after the source has changed. Prints one line of JSON.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, Request, Route

from benchmarks.support.harness import Finding, percentile
from tests.browsing import Visitor, chromium
from tests.processes import ADMIN, Product

GOAL_MILLISECONDS = 100.0
TEXT = "Only a moron would say that, number {}"
ADVANCE = """async () => {
    const source = document.getElementById("source");
    const before = source.textContent;
    const began = performance.now();
    const changed = new Promise((done) => new MutationObserver((_, observer) => {
        if (source.textContent === before) return;
        observer.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
    }).observe(source, { childList: true, characterData: true, subtree: true }));
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "1", code: "Digit1", bubbles: true }));
    return changed;
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=int, default=40)
    screens = parser.parse_args().screens
    with chromium() as chrome, tempfile.TemporaryDirectory() as home, Product(Path(home) / "home", **ADMIN) as product:
        product.api.ok("POST", "/prompts", [TEXT.format(number) for number in range(screens + 5)])
        with Visitor(chrome, product.url) as visitor:
            visitor.expect_complaint(".*")
            visitor.sign_in()
            visitor.page.get_by_role("button", name="Show the texts").click()
            visitor.page.wait_for_selector("#source:visible")
            visitor.page.wait_for_load_state("networkidle")  # the first successor is there
            seen = measure(visitor.page, screens)
    prefetched, without = seen[True], seen[False]
    Finding(
        claim="key to next screen, painted",
        goal=f"p95 < {GOAL_MILLISECONDS:g} ms",
        met=percentile(prefetched, 95) < GOAL_MILLISECONDS,
        measured=figures(prefetched),
        baseline="without prefetch",
        baseline_measured=figures(without),
        ratio=statistics.median(without) / statistics.median(prefetched),
    ).tell()


def figures(milliseconds: list[float]) -> dict[str, float]:
    """What is told of some waits."""
    return {"p50 ms": statistics.median(milliseconds), "p95 ms": percentile(milliseconds, 95)}


def measure(page: Page, screens: int) -> dict[bool, list[float]]:
    """Milliseconds of each advance, by whether the next screen had been drawn in advance."""
    seen: dict[bool, list[float]] = {True: [], False: []}
    door = Door()
    page.route("**/api/v1/generations", door)
    page.on("requestfinished", door.ended)
    page.on("requestfailed", door.ended)
    for number in range(screens):
        prefetched, next_is = number % 2 == 0, number % 2 == 1
        # If there is no successor yet, the key asks for one; then, in either case, the screen shown asks for its own.
        door.decisions = [*([] if prefetched else [True]), next_is]
        seen[prefetched].append(float(page.evaluate(ADVANCE)))
        door.wait(page)
    return seen


class Door:
    """Lets the next requests for screens through or refuses them, as decided, and knows when all have been answered."""

    def __init__(self) -> None:
        self.decisions: list[bool] = []
        self._open = 0

    def __call__(self, route: Route) -> None:
        """One request."""
        self._open += 1
        if self.decisions.pop(0):
            route.continue_()
        else:
            route.abort()

    def ended(self, request: Request) -> None:
        """One request has been answered or refused."""
        if request.url.endswith("/generations"):
            self._open -= 1

    def wait(self, page: Page) -> None:
        """Return once every decision has been used and answered."""
        while self.decisions or self._open:
            page.wait_for_timeout(20)


if __name__ == "__main__":
    main()
