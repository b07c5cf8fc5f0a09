"""The desk of a chat model: answers that are read while they are written, conversations, the next message."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.axe import in_both_themes
from tests.browser.desk.chat.writer import HTML, LONG, TEXTS, TURNS, Writer, screen
from tests.browser.desk.screen import card, expect_saved, expect_source
from tests.browsing import PATIENCE_MS, SIDEWAYS, Visitor
from tests.processes import Product, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def answering(product: Product) -> Iterator[str]:
    """The address of the desk of a project that answers; it is archived at the end."""
    project = product.api.ok("POST", "/projects", {"name": "Chat", "slug": "chat"})["id"]
    change(product, "UPDATE projects SET task = 'answering' WHERE id = ?", project)
    yield "/p/chat/annotate"
    change(product, "UPDATE projects SET archived_at = '2026-01-02 03:04:05.000000' WHERE id = ?", project)


def change(product: Product, statement: str, project: int) -> None:
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        database.execute(statement, (project,))
        database.commit()


@pytest.fixture
def writer(visitor: Visitor, answering: str) -> Writer:
    """Ada's desk in that project, which waits for its first screen."""
    visitor.page.route("**/no-such-request", lambda route: route.abort())
    writer = Writer(visitor.page)
    visitor.page.goto(answering)
    writer.asked(0)
    return writer


def shown(page: Page) -> list[str]:
    """What stands in the cards."""
    return page.locator(".choice-text").all_inner_texts()


def test_answers_are_read_while_they_are_written_and_chosen_when_all_are_there(writer: Writer) -> None:
    page = writer.page
    assert writer.asked(0) == {"from": "queue", "shown": []}
    writer.begin(0, "Why?", "Look at **th", "Ri", system="Be brief.", turns=TURNS)
    expect_source(page, "Why?")
    expect(page.locator("#answer-1")).to_have_text("Look at **th")
    expect(page.locator("#cards")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#system-text")).to_be_hidden()
    expect(page.locator(".turn .speaker")).to_have_text(["User", "Assistant"])
    for key in ("1", "n", "t", "e"):
        page.keyboard.press(key)
    expect(page.locator("#pending-text")).to_have_text("Still being written: choose when all answers are there.")
    expect(card(page, 1)).to_be_disabled()
    writer.tell(0, "again", {"answer": 1})
    writer.tell(0, "piece", {"answer": 1, "text": "Ride it"})
    expect(page.locator("#answer-2")).to_have_text("Ride it")
    top = card(page, 3).bounding_box()

    writer.tell(0, "screen", screen(7, "Why?", system="Be brief.", turns=TURNS))
    expect(page.locator("#answer-1 strong")).to_have_text("three things")
    expect(page.locator("#said")).to_have_text("All answers are there.")
    expect(page.locator("#cards")).not_to_have_attribute("aria-busy", "true")
    assert card(page, 3).bounding_box() == top  # nothing moved under the hand
    for absent in ("#fine", "#diff"):
        expect(page.locator(absent)).to_be_hidden()
    page.keyboard.press("a")
    page.keyboard.press("2")
    expect_saved(page, "Saved: “Ride it first.”")
    assert (writer.judged[0]["verdict"], writer.judged[0]["candidate_id"]) == ("chosen", 71)


def test_the_next_screen_is_written_ahead_and_goes_on_where_the_person_arrives(writer: Writer) -> None:
    page = writer.page
    writer.tell(0, "screen", screen(7, "First?"))
    expect_source(page, "First?")
    assert writer.asked(1) == {"from": "queue", "shown": [7]}
    writer.begin(1, "Second?", "It is", "Well")
    assert "It is" not in shown(page)
    page.keyboard.press("1")
    expect_source(page, "Second?")
    assert shown(page) == ["It is", "Well", ""]
    page.keyboard.press("u")  # back to the first one, while the second is written
    expect_source(page, "First?")
    expect(page.locator("#answer-1 li")).to_have_text(["frame", "chain"])
    writer.tell(1, "screen", screen(8, "Second?"))
    page.keyboard.press("n")
    expect_source(page, "Second?")
    page.keyboard.press("3")
    wait_for(lambda: page.evaluate("true") and len(writer.judged) == 3, what="the last judgment")
    assert [one["verdict"] for one in writer.judged] == ["chosen", "none", "chosen"]


def test_long_answers_and_turns_are_folded_and_shown_to_their_end_by_a_key_or_a_button(writer: Writer) -> None:
    page = writer.page
    turns = [TURNS[0], {"role": "assistant", "content": "\n".join(f"line {number}" for number in range(30))}]
    long = screen(7, "And then?", turns=turns)
    long["candidates"][1]["html"] = LONG
    writer.tell(0, "screen", long)
    text = page.locator("#answer-2")
    expect(page.locator(".unfold[aria-controls]:visible")).to_have_count(1)
    folded = text.evaluate("text => text.clientHeight")
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Show less").first).to_be_visible()
    assert text.evaluate("text => text.clientHeight") > 2 * folded
    page.keyboard.press("a")
    assert text.evaluate("text => text.clientHeight") == folded
    turn = page.locator(".turn.assistant")
    turn.get_by_role("button", name="Show all").press("Enter")
    expect(turn.get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")


def test_one_goes_on_with_a_conversation_turn_by_turn(writer: Writer) -> None:
    page = writer.page
    writer.tell(0, "nothing", {})
    page.fill("#text", "First line")
    page.press("#text", "Shift+Enter")
    page.type("#text", "second line")
    page.press("#text", "Enter")
    assert writer.asked(1) == {"text": "First line\nsecond line"}
    writer.tell(1, "screen", screen(7, "First line\nsecond line"))
    expect(card(page, 1)).to_be_enabled()
    page.keyboard.press("Shift+Digit1")  # what is edited is the Markdown itself
    expect(page.locator("#edited")).to_have_value(TEXTS[0])
    page.fill("#edited", "Look *twice*.")
    page.press("#edited", "Enter")
    expect_saved(page, "Saved: “Look *twice*.”")

    page.press("#text", "Enter")  # in the empty box
    expect(page.locator("#going-on-text")).to_have_text("You answer: “Look *twice*.”")
    page.reload()
    page.fill("#text", "Why twice?")
    page.press("#text", "Enter")
    said = [
        {"role": "user", "content": "First line\nsecond line"},
        {"role": "assistant", "content": "Look *twice*."},
    ]
    assert writer.asked(1) == {"text": "Why twice?", "turns": said}
    expect(page.locator(".turn-text").last).to_have_text("Look *twice*.")
    writer.tell(1, "screen", screen(8, "Why twice?", turns=said))
    expect(page.locator("#going-on")).to_be_hidden()
    card(page, 2).click()
    page.get_by_role("button", name="Go on with this conversation").click()
    page.get_by_role("button", name="Begin a new one").click()
    expect(page.locator("#going-on")).to_be_hidden()
    page.get_by_role("button", name="Go on with this conversation").click()
    page.fill("#text", "And then?")
    page.press("#text", "Enter")
    assert [turn["content"] for turn in writer.asked(2)["turns"]][2:] == ["Why twice?", "Ride it first."]


def test_what_is_stopped_or_breaks_off_loses_nothing(writer: Writer) -> None:
    page = writer.page
    writer.tell(0, "screen", screen(7, "Of the queue?"))
    expect_source(page, "Of the queue?")
    page.fill("#text", "Mine")
    page.press("#text", "Enter")
    writer.begin(2, "Mine", "So")
    expect_source(page, "Mine")
    page.keyboard.press("Escape")
    expect_source(page, "Of the queue?")
    assert writer.closed(2)
    expect(page.locator("#text")).to_have_value("Mine")
    expect(card(page, 1)).to_be_enabled()
    page.press("#text", "Enter")
    writer.begin(3, "Mine", "So")
    writer.tell(3, "problem", {"detail": "The model broke off.", "status": 500})
    expect(page.locator("#problem-text")).to_have_text("The model broke off.")
    expect_source(page, "Of the queue?")

    writer.begin(1, "Another?", "Half an ans")
    page.fill("#text", "")
    page.locator("#text").blur()
    page.keyboard.press("2")
    expect_source(page, "Another?")
    expect_saved(page, "Saved: “Ride it first.”")  # what is sent late asks for the next screen by itself
    page.evaluate("window.streams[1].cut()")
    expect(page.locator("#problem-text")).to_contain_text("Mellow cannot be reached")
    expect(page.locator("#screen")).to_be_hidden()
    page.click("#retry")
    writer.tell(4, "screen", screen(8, "Another?"))
    expect_source(page, "Another?")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert writer.closed(5)


@pytest.mark.parametrize("width", [320, 1280])
def test_everybody_can_use_it(writer: Writer, width: int) -> None:
    page = writer.page
    page.set_viewport_size({"width": width, "height": 900})
    long = screen(7, "Why?", system="Be brief.", turns=TURNS)
    long["candidates"][2]["html"] = LONG + HTML[2]
    writer.begin(0, "Why?", "Because", turns=TURNS)
    expect_source(page, "Why?")
    assert not page.evaluate(SIDEWAYS)
    assert in_both_themes(page) == {}
    writer.tell(0, "screen", long)
    expect(card(page, 1)).to_be_enabled()
    assert not page.evaluate(SIDEWAYS)
    assert in_both_themes(page) == {}
    page.get_by_role("link", name="a friend").focus()  # below the fold
    expect(page.get_by_role("link", name="a friend")).to_be_in_viewport()
