"""What a studio asks beside the one choice, by keys: an order, ratings, tags, a comment; and a choice of two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk.screen import card, expect_saved, expect_source, last_judgment, pairs_of_last, texts, type_text
from tests.browsing import PATIENCE_MS
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


def ask(page: Page, question: str, *, everything: bool) -> None:
    """Let an admin decide what is asked, and open the desk again."""
    page.goto("/admin/guidelines")
    page.select_option("#question", question)
    page.fill("#tags", "too stiff\nunfair" if everything else "")
    for name in ("ask_rating", "ask_comment"):
        page.set_checked(f"#{name}", everything)
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()
    page.goto("/annotate")


@pytest.fixture
def asked(desk: Page) -> Iterator[Page]:
    """The desk, and afterwards the question that it had before."""
    yield desk
    ask(desk, "best_of_three", everything=False)


def ids(product: Product) -> dict[str, int]:
    """The candidates of the last screen by their texts."""
    found = product.rows(
        "SELECT text, id FROM candidates WHERE generation_id = (SELECT max(generation_id) FROM candidates)"
    )
    return dict(found)


def stored(product: Product, column: str) -> Any:
    """What the last judgment has in a column of JSON."""
    return json.loads(str(last_judgment(product, column)[0]))


def test_an_order_with_ratings_tags_and_a_comment_takes_nothing_but_keys(asked: Page, product: Product) -> None:
    ask(asked, "ranking", everything=True)
    type_text(asked, "everything is said by keys")
    one, two, three = texts(asked)
    for key in ("r", "4", "b", "2", "ArrowLeft", "a", "a", "r"):
        asked.keyboard.press(key)
    expect(asked.locator('[data-slot="1"] [data-rate="4"]')).to_have_attribute("aria-pressed", "true")
    for key in ("c", "i", "r", "o", "n", "y", "Enter", "1", "Backspace", "3"):
        asked.keyboard.press(key)
    expect(card(asked, 3)).to_have_attribute("data-place", "1")
    expect(asked.locator("#said")).to_have_text("In order so far: 3.")
    asked.keyboard.press("1")
    expect(asked.locator("#last-text")).to_have_text(f"Saved: “{three}” > “{one}” > “{two}”")
    known = ids(product)
    assert last_judgment(product, "verdict", "candidate_id", "comment") == ("chosen", known[three], "irony")
    assert stored(product, "ranking") == [known[three], known[one], known[two]]
    # The arrow led back from the third card, to which the second rating had led; its tag was put on and taken off.
    assert stored(product, "remarks") == [
        {"candidate_id": known[one], "rating": 4},
        {"candidate_id": known[two], "rating": 2, "tags": ["unfair"]},
    ]
    assert pairs_of_last(product) == [(three, one, 0.5), (three, two, 0.5), (one, two, 1.0)]

    asked.click("#undo")
    wait_for(lambda: last_judgment(product, "undone_at") != (None,), what="the undo")
    expect_source(asked, "everything is said by keys")
    expect(asked.locator("#comment")).to_have_value("irony")
    asked.reload()  # what is said beside the verdict stays with its screen, as the screen does
    expect(asked.locator('[data-slot="2"] [data-tag="unfair"]')).to_have_attribute("aria-pressed", "true")
    card(asked, 2).click()
    card(asked, 2).click()
    expect(card(asked, 2)).not_to_have_attribute("data-place", "1")
    asked.keyboard.press("n")
    expect_saved(asked, "Saved: none is good.")
    assert last_judgment(product, "verdict", "ranking", "comment") == ("none", None, "irony")


def test_the_better_one_of_two_is_one_key_as_ever(asked: Page, product: Product) -> None:
    ask(asked, "best_of_two", everything=False)
    asked.fill("#text", "only two are shown")
    asked.press("#text", "Enter")
    expect_source(asked, "only two are shown")
    expect(card(asked, 2)).to_be_enabled()
    expect(card(asked, 3)).to_be_hidden()
    one, two = [text for text in texts(asked) if text]
    asked.keyboard.press("2")
    expect_saved(asked, f"Saved: “{two}”")
    assert pairs_of_last(product) == [(two, one, 1.0)]


def test_by_default_the_desk_loads_and_shows_none_of_it(desk: Page) -> None:
    loaded: list[str] = []
    desk.on("request", lambda request: loaded.append(request.url))
    desk.reload()
    type_text(desk, "as it always was")
    assert not [address for address in loaded if "/question" in address]
    assert desk.locator("#comment, .remark, [data-question]").count() == 0
    desk.keyboard.press("r")
    desk.keyboard.press("Backspace")
    desk.keyboard.press("1")
    expect_saved(desk, "Saved: “")
