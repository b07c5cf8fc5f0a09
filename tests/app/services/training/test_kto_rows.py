"""What the method on single texts learns from: each text of a judged screen, marked good or bad."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import now
from app.services.training import kto_rows
from app.services.training.selection import EVERYTHING, Selection
from tests import factories

ALL = 2**31 - 1


def marked(session: Session, last: int = ALL, selection: Selection = EVERYTHING) -> list[tuple[str, bool]]:
    """The texts that are marked, and how."""
    return [(text, good) for _, text, good, _ in kto_rows.unpaired_rows(session, last, selection)]


def test_a_tie_marks_the_tied_texts_good_and_the_rest_bad_unless_all_are_tied(either: Session) -> None:
    ada = factories.user(either).id
    for tied in ([0, 2], [0, 1, 2], None):
        screen = factories.generation(either, ada, ["a", "b", "c"])
        ids = [screen.candidates[place].id for place in tied] if tied else None
        factories.judgment(either, screen, verdict="tie", candidate_id=None, pairs=False, tied=ids)
    gold = factories.generation(either, ada, ["d", "e"], gold=True)
    factories.judgment(either, gold, verdict="none", candidate_id=None, pairs=False)
    marked = [(text, good) for _, text, good, _ in kto_rows.unpaired_rows(either, ALL)]
    assert marked == [("a", True), ("b", False), ("c", True)]
    assert kto_rows.last_marked(either) == 2, "attention checks mark no text"


def test_a_chosen_text_is_good_and_the_others_on_its_screen_are_bad(either: Session) -> None:
    screen = factories.generation(
        either, factories.user(either).id, ["a", "b", "c"], prompt=factories.prompt(either, "a prompt")
    )
    factories.judgment(either, screen)
    expected = [("a prompt", "a", True, 1), ("a prompt", "b", False, 1), ("a prompt", "c", False, 1)]
    assert kto_rows.unpaired_rows(either, ALL) == expected


def test_the_first_of_an_order_is_good_and_each_other_is_bad_once(either: Session) -> None:
    screen = factories.generation(either, factories.user(either).id, ["a", "b", "c"])
    ids = [card.id for card in screen.candidates]
    text = screen.prompt.text
    pairs = [factories.preference(text, *pair) for pair in (("b", "c"), ("b", "a"), ("c", "a"))]
    ranking = [ids[1], ids[2], ids[0]]
    remarks = [{"candidate_id": ids[2], "rating": 5}]
    factories.judgment(either, screen, candidate_id=ids[1], ranking=ranking, preferences=pairs, remarks=remarks)
    assert marked(either) == [("b", True), ("c", False), ("a", False)]


def test_an_edited_text_is_good_and_all_that_was_shown_is_bad(either: Session) -> None:
    screen = factories.generation(either, factories.user(either).id, ["a", "b"])
    pairs = [factories.preference(screen.prompt.text, "better", text) for text in ("a", "b")]
    factories.judgment(either, screen, verdict="edited", edited_text="better", preferences=pairs)
    assert marked(either) == [("better", True), ("a", False), ("b", False)]


def test_a_prompt_that_is_fine_is_good_and_its_rewrites_are_bad(either: Session) -> None:
    screen = factories.generation(either, factories.user(either).id, ["a", "b"])
    prompt = screen.prompt.text
    pairs = [factories.preference(prompt, prompt, text) for text in ("a", "b")]
    last = factories.judgment(either, screen, verdict="fine", candidate_id=None, preferences=pairs)
    assert marked(either) == [(prompt, True), ("a", False), ("b", False)]
    assert kto_rows.last_marked(either) == last.id


def test_where_none_is_good_all_are_bad_and_the_order_is_that_of_the_judgments(either: Session) -> None:
    ada, bob = factories.user(either).id, factories.user(either).id
    none = factories.generation(either, ada, ["a", "b"])
    chosen = factories.generation(either, bob, ["c", "d"])
    first = factories.judgment(either, chosen)
    last = factories.judgment(either, none, verdict="none", candidate_id=None, pairs=False)
    assert marked(either) == [("c", True), ("d", False), ("a", False), ("b", False)]
    assert marked(either, first.id) == [("c", True), ("d", False)], "what came later is another run's"
    assert marked(either, selection=Selection(people=(ada,))) == [("a", False), ("b", False)]
    assert kto_rows.last_marked(either) == last.id


def test_an_answer_that_came_too_quickly_marks_nothing(either: Session) -> None:
    ada = factories.user(either).id
    factories.judgment(either, factories.generation(either, ada, ["a", "b"]), seconds=0.5)
    assert kto_rows.last_marked(either) is None
    kept = factories.judgment(either, factories.generation(either, ada, ["c", "d"]), seconds=1.5)
    assert marked(either) == [("c", True), ("d", False)]
    assert kto_rows.last_marked(either) == kept.id


def test_a_skipped_screen_and_an_undone_judgment_mark_nothing(either: Session) -> None:
    ada = factories.user(either).id
    skipped = factories.generation(either, ada, ["a", "b"])
    factories.judgment(either, skipped, verdict="skipped", candidate_id=None, pairs=False)
    assert kto_rows.last_marked(either) is None
    kept = factories.judgment(either, factories.generation(either, ada, ["c", "d"]))
    factories.judgment(either, factories.generation(either, ada, ["e", "f"]), undone_at=now())
    assert marked(either) == [("c", True), ("d", False)]
    assert kto_rows.last_marked(either) == kept.id
