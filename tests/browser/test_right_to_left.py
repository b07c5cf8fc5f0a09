"""Pages that run from right to left, in a pseudo-translation: all is from the catalogue, nothing is too wide."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.translations.pseudo import LANGUAGE
from tests.browser.conftest import empty_queue
from tests.browsing import PATIENCE_MS, SIDEWAYS, Cookies, Visitor
from tests.processes import Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)

WIDTHS = (1280, 360)
UNITS, FORMATS = {"UTC", "kB", "MB", "GB"}, {"CSV", "PNG", "JSON", "Lines", "Parquet", "LLaMA", "Factory"}
ALIKE = UNITS | FORMATS | {"Mellow", "API", "DPO", "KTO", "ORPO", "sigmoid"}
"""Words that are the same in every language."""

SAID = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const apart = '[translate="no"], body [lang], code, kbd, script, style, textarea';
  let depth = 0;
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const { parentElement: element, data } = walk.currentNode;
    if (element.closest(apart)) continue;
    let bare = "";
    for (const letter of data) {
      if (letter === "⟦") depth += 1;
      else if (letter === "⟧") depth -= 1;
      else if (depth === 0) bare += letter;
    }
    if (element.checkVisibility() || element.closest("select")) found.push(bare);
  }
  const bare = (text) => {
    let before;
    do [before, text] = [text, text.replace(/⟦[^⟦⟧]*⟧/g, "")]; while (before !== text);
    return text;
  };
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(apart)) continue;
    for (const name of ["title", "aria-label", "placeholder", "alt"]) {
      found.push(bare(element.getAttribute(name) ?? ""));
    }
  }
  return [...found, bare(document.title)];
}"""
"""What the page says in text and attributes outside of ⟦ and ⟧, but for what people wrote and what is in English."""


def said_without_the_catalogue(page: Page) -> list[str]:
    """The words of a page that no catalogue has."""
    texts = (" ".join(text.split()) for text in page.evaluate(SAID))
    return sorted({text for text in texts if set(re.findall(r"[A-Za-z]{2,}", text)) - ALIKE})


def problems(page: Page) -> list[str]:
    """What is wrong with the page as it is."""
    found = []
    if page.evaluate("document.dir") != "rtl" or page.evaluate("getComputedStyle(document.body).direction") != "rtl":
        found.append("is not written from right to left")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate(SIDEWAYS):
            found.append(f"scrolls sideways at {width} px")
    return found + said_without_the_catalogue(page)


def test_pages_are_written_from_right_to_left_and_say_nothing_without_the_catalogue(
    product: Product, chrome: Browser, ada: Cookies, ended_run: int, measured_version: int
) -> None:
    addresses = {
        "work": "/work",
        "data": "/admin/data",
        "people": "/admin/people",
        "training": "/admin",
        "run": f"/admin/runs/{ended_run}",
        "versions": f"/admin/versions?compare={measured_version}",
        "version": f"/admin/versions/{measured_version}",
        "comparison": "/admin/versions/comparison",
        "forget": "/admin/versions/forget?kind=person&number=1",
        "system": "/admin/system",
        "account": "/account",
        "error": "/no-such-page",
    }
    empty_queue(product)
    product.api.click()
    found = {}
    with Visitor(chrome, product.url, signed_in_as=ada, locale=LANGUAGE) as visitor:
        page = visitor.page
        visitor.expect_complaint("404")
        page.goto("/annotate")
        page.fill("#text", "You are a stupid idiot")
        page.press("#text", "Enter")
        expect(page.locator("#source")).to_have_text("You are a stupid idiot")
        found["annotate"] = problems(page)
        for name, address in addresses.items():
            page.set_viewport_size({"width": WIDTHS[0], "height": 900})
            page.goto(address)
            page.wait_for_load_state("load")
            found[name] = problems(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
