"""The same job in Mellow and in Label Studio: read a text, choose the best of three rewrites by keyboard, get the next.

    python -m benchmarks.pages.beside_label_studio [--judgments 20]

Both run whole on this machine, each in a window of the same Chromium, on the same texts. Mellow writes its three
rewrites itself and needs one key a judgment; Label Studio shows three that are given, with the keys 1 2 3 as its
choices, and needs that key and then Ctrl+Enter to submit. Seconds are counted in the page, from the first key to the
frame in which the next text stands; before each judgment a second passes, as for a quick reader. Bytes are those of
opening the page on which people judge, with an empty cache. Afterwards both must hold exactly as many judgments as were
made. Prints one line of JSON.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.support.harness import Finding, percentile
from benchmarks.support.label_studio import EMAIL, VERSION, LabelStudio
from tests.browsing import Visitor, chromium
from tests.processes import ADMIN, Product

GOAL_RATIO = 5.0
READING_MS = 1_000
PATIENCE_MS = 120_000
TEXT = "Only a moron would come up with such a plan, number {}."
REWRITES = {
    "one": "I do not think that this plan is a good one.",
    "two": "This plan could be better.",
    "three": "I would have planned it in another way.",
}
CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Text name="one" value="$one"/><Text name="two" value="$two"/><Text name="three" value="$three"/>
  <Choices name="best" toName="text" choice="single" required="true">
    <Choice value="one" hotkey="1"/><Choice value="two" hotkey="2"/><Choice value="three" hotkey="3"/>
  </Choices>
</View>"""
WATCH = """selector => {
    const shown = () => document.querySelector(selector)?.textContent ?? "";
    const before = shown();
    let began = null;
    addEventListener("keydown", () => { began ??= performance.now(); }, { capture: true });
    window.took = new Promise((done) => {
        const look = () => {
            if (began !== null && shown() && shown() !== before) done((performance.now() - began) / 1000);
            else requestAnimationFrame(look);
        };
        look();
    });
}"""


class Seat:
    """A browser in front of one of the two, and what each of its judgments took, in seconds."""

    def __init__(self, page: Page, text: str, keys: tuple[str, ...]) -> None:
        self.page = page
        self.text = text
        self.keys = keys
        self.seconds: list[float] = []
        self.received = 0

    def open(self, go: Callable[[Page], object]) -> None:
        """Open the page on which people judge, and count what it weighs."""
        devtools = self.page.context.new_cdp_session(self.page)
        devtools.send("Network.enable")
        devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        devtools.on("Network.loadingFinished", self._count)
        go(self.page)
        self.page.wait_for_selector(self.text)
        self.page.wait_for_load_state("networkidle")
        devtools.detach()

    def judge(self) -> None:
        """Read, then choose the first rewrite and wait for the next text."""
        self.page.wait_for_timeout(READING_MS)
        self.page.evaluate(WATCH, self.text)
        for key in self.keys:
            self.page.keyboard.press(key)
        self.seconds.append(float(self.page.evaluate("took")))

    def figures(self) -> dict[str, float]:
        """Return what is told of it; the first judgment warms it up."""
        seconds = self.seconds[1:]
        return {
            "keys": len(self.keys),
            "p50 s": statistics.median(seconds),
            "p95 s": percentile(seconds, 95),
            "page bytes": self.received,
        }

    def _count(self, event: dict[str, Any]) -> None:
        self.received += int(event["encodedDataLength"])


def main() -> None:
    """Judge in both, in turns, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgments", type=int, default=20)
    count = parser.parse_args().judgments + 1
    texts = [TEXT.format(number) for number in range(count + 2)]
    with ExitStack() as stack:
        chrome = stack.enter_context(chromium())
        homes = [Path(stack.enter_context(tempfile.TemporaryDirectory())) / "home" for _ in range(2)]
        product = stack.enter_context(Product(homes[0], **ADMIN))
        other = stack.enter_context(LabelStudio(homes[1]))
        other.wait_until_ready()
        ours, theirs = at_mellow(stack, chrome, product, texts), at_label_studio(stack, chrome, other, texts)
        for _ in range(count):
            ours.judge()
            theirs.judge()
        check(product, other, count)
    report(ours.figures(), theirs.figures())


def at_mellow(stack: ExitStack, chrome: Browser, product: Product, texts: list[str]) -> Seat:
    """The desk of Mellow, with the texts in its queue."""
    product.api.ok("POST", "/prompts", texts)
    product.api.ok("PATCH", "/me", {"settings": {"toured": True, "warned": True}})
    visitor = stack.enter_context(Visitor(chrome, product.url))
    visitor.sign_in()
    seat = Seat(visitor.page, "#source:not(:empty)", ("1",))
    seat.open(lambda page: page.goto("/annotate"))
    return seat


def at_label_studio(stack: ExitStack, chrome: Browser, other: LabelStudio, texts: list[str]) -> Seat:
    """The labelling stream of Label Studio, with a task a text."""
    project = {"title": "three rewrites", "label_config": CONFIG, "maximum_annotations": 1}
    other.project = int(other.call("POST", "/api/projects/", project)["id"])
    other.call("POST", f"/api/projects/{other.project}/import", [{"text": text} | REWRITES for text in texts])
    context = chrome.new_context(base_url=f"http://127.0.0.1:{other.port}", viewport={"width": 1280, "height": 900})
    stack.callback(context.close)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/user/login")
    page.fill("[name=email]", EMAIL)
    page.fill("[name=password]", other.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.goto(f"/projects/{other.project}/data")
    page.get_by_role("button", name="Label All Tasks").click()
    page.wait_for_url("**labeling=1**")
    seat = Seat(page, ".lsf-richtext__line", ("1", "Control+Enter"))
    seat.open(lambda page: page.reload())
    return seat


def check(product: Product, other: LabelStudio, count: int) -> None:
    """Raise AssertionError unless both hold as many judgments as were made."""
    (ours,) = product.rows("SELECT count(*) FROM judgments WHERE verdict = 'chosen'")[0]
    theirs = other.call("GET", f"/api/projects/{other.project}/")["num_tasks_with_annotations"]
    assert (ours, theirs) == (count, count), f"{ours} and {theirs} of {count} judgments are stored"


def report(ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Print the claim."""
    ratio = theirs["p50 s"] / ours["p50 s"]
    Finding(
        claim="a judgment among three rewrites by keyboard, to the next text",
        goal=f"one key, ≥ {GOAL_RATIO:g} ×",
        met=ours["keys"] == 1 and ratio >= GOAL_RATIO,
        measured=ours,
        baseline=f"Label Studio {VERSION}",
        baseline_measured=theirs,
        ratio=ratio,
    ).tell()


if __name__ == "__main__":
    main()
