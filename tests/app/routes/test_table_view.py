"""Views of tables, as an address and a browser have them."""

from __future__ import annotations

import html
import re

import pytest
from sqlalchemy.orm import Session

from tests import factories
from tests.studio import Browser, Person

QUEUE = "/admin/data/queue?state=all"


@pytest.fixture
def browser(session: Session, admin: Person) -> Browser:
    """A browser of an admin; 60 prompts are there."""
    for number in range(60):
        factories.prompt(session, f"text {number:02}", source="b" if number % 2 else "a", priority=number)
    return admin.browser()


def texts(page: str) -> list[str]:
    """The texts of the rows."""
    return re.findall(r'<span class="words" dir="auto"(?: translate="no")?>(.*?)</span>', page)


def links(page: str) -> dict[str, str]:
    """Where the headings and the pages lead, by what stands on them."""
    found = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', page, flags=re.DOTALL)
    return {" ".join(re.sub(r"<[^>]*>", " ", said).split()): html.unescape(address) for address, said in found}


def headings(page: str) -> list[str]:
    """The headings of the table."""
    head = page[page.index("<thead>") : page.index("</thead>")]
    return list(links(head)) + re.findall(r"<th scope=\"col\">(\w+)</th>", head)


def test_a_heading_sorts_upwards_then_downwards_and_then_not_at_all(browser: Browser) -> None:
    page = browser.get(QUEUE).text
    assert texts(page)[:2] == ["text 59", "text 58"]
    page = browser.get(links(page)["Text"]).text
    assert texts(page)[:2] == ["text 00", "text 01"]
    assert 'aria-sort="ascending"' in page
    page = browser.get(links(page)["Text ▲"]).text
    assert texts(page)[:2] == ["text 59", "text 58"]
    assert 'aria-sort="descending"' in page
    assert links(page)["Text ▼"] == QUEUE


def test_pages_are_numbered_and_keep_the_filter_and_the_order(browser: Browser) -> None:
    page = browser.get(f"{QUEUE}&sort=priority&source=a").text
    assert "1–25 of 30" in page
    page = browser.get(links(page)["Page 2"]).text
    assert texts(page) == [f"text {number:02}" for number in range(50, 60, 2)]
    assert 'name="sort" value="priority"' in page, "another filter keeps the order"
    assert "state=all&sort=priority&source=a" in links(page)["Back"]


def test_columns_density_and_length_are_remembered_and_can_be_shared(browser: Browser, annotator: Person) -> None:
    page = browser.get(f"{QUEUE}&column=added&density=compact&rows=50").text
    assert headings(page) == ["Text", "Added"]
    assert (len(texts(page)), 'listing compact"' in page) == (50, True)
    shared = links(page)["Link to this view"]
    page = browser.get(QUEUE).text
    assert (headings(page), len(texts(page))) == (["Text", "Added"], 50)
    plain = "&column=text&column=source&column=state&column=priority&column=overlap&density=comfortable&rows=25"
    page = browser.get(f"{QUEUE}{plain}").text
    assert headings(page) == ["Text", "Source", "Priority", "Overlap", "State"]
    assert headings(browser.get(shared).text) == ["Text", "Added"], "whatever the browser remembers"


@pytest.mark.parametrize(
    "cookie", ["", "density", "density=loud&rows=7&column=lost", "%zz", "density=compact&rows=999999999999999"]
)
def test_what_a_browser_remembers_wrongly_does_not_matter(browser: Browser, cookie: str) -> None:
    browser.client.set_cookie("mellow_table_prompts_queue", cookie)
    assert len(texts(browser.get(QUEUE).text)) == 25


def test_a_column_that_is_not_there_is_refused_with_those_that_are(browser: Browser) -> None:
    page = html.unescape(browser.get(f"{QUEUE}&sort=state").text)
    assert "sort must be one of text, source, priority, overlap, added, with a minus sign" in page
    assert len(texts(page)) == 25


def test_an_address_of_a_view_stays_within_the_page(browser: Browser) -> None:
    page = browser.get(f"{QUEUE}&_external=1&_scheme=ftp&other=%22%3E%3Cb%3E&page=x").text
    assert links(page)["Text"].startswith("/admin/data/queue?state=all&")
    assert "<b>" not in page


def test_after_a_refused_form_the_headings_lead_to_the_page_of_the_table(browser: Browser) -> None:
    refused = browser.submit("/admin/people/invitations", {"role": "owner"}, "/admin/people")
    assert refused.status_code >= 400
    assert links(refused.text)["Role"] == "/admin/people?sort=role"
