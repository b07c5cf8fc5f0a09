"""A writer of answers that a test holds the pen of: in the browser, in the place of the server's stream of events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

from tests.browser.desk.screen import JUDGMENTS

SCRIPT = Path(__file__).with_name("stream.js")
TURNS = [{"role": "user", "content": "How do I choose a used bicycle?"}, {"role": "assistant", "content": "Ride it."}]
TEXTS = ["Look at **three things**:\n\n- frame\n- chain", "Ride it first.", "Ask a friend."]
HTML = [
    "<p>Look at <strong>three things</strong>:</p>\n<ul>\n<li>frame</li>\n<li>chain</li>\n</ul>\n",
    "<p>Ride it first.</p>\n",
    '<p>Ask <a href="https://example.org">a friend</a>.</p>\n',
]
LONG = "".join(f"<p>Paragraph {number} of a long answer, in some words.</p>" for number in range(30))


def screen(number: int, text: str, **values: Any) -> dict[str, Any]:
    """A screen as the API shows it."""
    candidates = [
        {"id": 10 * number + place, "text": text, "html": html}
        for place, (text, html) in enumerate(zip(TEXTS, HTML, strict=True))
    ]
    told: dict[str, Any] = {"turns": [], "system": "", "looks_like": None, "exhausted": False}
    told |= {"version": 1, "metadata": None}
    return {"id": number, "text": text, "candidates": candidates, **told, **values}


class Writer:
    """The streams that a page has asked for, in that order, and the judgments that it has sent."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.judged: list[dict[str, Any]] = []
        page.add_init_script(path=SCRIPT)
        page.route(JUDGMENTS, self._judge)
        page.route(f"{JUDGMENTS}/*", lambda route: route.fulfill(status=204))

    def asked(self, number: int) -> dict[str, Any]:
        """What a stream was asked for, once it is."""
        self.page.wait_for_function("number => window.streams.length > number", arg=number)
        body: dict[str, Any] = self.page.evaluate("number => window.streams[number].asked", number)
        return body

    def tell(self, number: int, name: str, data: object) -> None:
        """Send an event."""
        self.asked(number)
        self.page.evaluate("([number, name, data]) => window.streams[number].tell(name, data)", [number, name, data])

    def begin(self, number: int, text: str, *answers: str, **values: Any) -> None:
        """Begin to answer a text: each answer with a piece."""
        self.tell(number, "begun", {"text": text, "turns": [], "system": "", **values})
        for place, piece in enumerate(answers):
            self.tell(number, "piece", {"answer": place, "text": piece})

    def closed(self, number: int) -> bool:
        """Whether the page has closed a stream."""
        return bool(self.page.evaluate("number => window.streams[number].closed", number))

    def _judge(self, route: Route) -> None:
        self.judged.append(dict(route.request.post_data_json or {}))
        route.fulfill(status=201, json={"id": len(self.judged)})
