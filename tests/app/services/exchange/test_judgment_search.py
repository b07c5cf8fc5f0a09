"""Judgments found by every filter and all together, page by page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, write_transaction
from app.domain_errors import Invalid
from app.services.desk import judgments
from app.services.exchange import exports, judgment_search
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.people import statistics
from tests import factories
from tests.studio import Person

NOTHING_MORE: dict[str, Any] = {"place": None, "rating": None, "tags": []}


@pytest.fixture
def made(session: Session, annotator: Person, admin: Person) -> dict[str, int]:
    """Five judgments by name: their ids."""
    factories.version(session, 1)
    factories.version(session, 2)
    prompt = factories.prompt(session, "you 100% fool", source="a file")
    of = {
        "plain": factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt)),
        "edited": factories.judgment(
            session,
            factories.generation(session, admin.id),
            pairs=False,
            verdict="edited",
            candidate_id=None,
            edited_text="By Hand",
        ),
        "flagged": factories.judgment(
            session,
            factories.generation(session, admin.id),
            pairs=False,
            verdict="skipped",
            candidate_id=None,
            flagged=True,
            reason="a phone number",
        ),
        "gold": factories.judgment(session, factories.generation(session, annotator.id, gold=True), pairs=False),
        "undone": factories.judgment(session, factories.generation(session, annotator.id)),
    }
    judgments.undo(session, annotator.id, of["undone"].id)
    with write_transaction(session):
        of["plain"].created_at = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
        for candidate in of["edited"].generation.candidates:
            candidate.version_number = 2
    return {name: judgment.id for name, judgment in of.items()}


def test_a_judgment_is_told_with_all_that_was_on_its_screen(session: Session, made: dict[str, int]) -> None:
    plain, gold, undone = (session.get_one(Judgment, made[name]) for name in ("plain", "gold", "undone"))
    first, second = plain.generation.candidates
    assert judgment_search.as_json(plain, "Ada") == {
        "id": plain.id,
        "person": {"id": plain.user_id, "name": "Ada"},
        "verdict": "chosen",
        "prompt": {"id": plain.generation.prompt_id, "text": "you 100% fool", "source": "a file"},
        "candidates": [
            {"id": first.id, "text": "a", "version": 1, "best": True, **NOTHING_MORE},
            {"id": second.id, "text": "b", "version": 1, "best": False, **NOTHING_MORE},
        ],
        "comment": None,
        "edited_text": None,
        "reason": None,
        "flagged": False,
        "gold": False,
        "kind": "opinion",
        "decided_by": None,
        "right": None,
        "seconds": None,
        "created_at": "2026-01-31T23:59:00+00:00",
        "undone_at": None,
    }
    assert judgment_search.as_json(gold, "Ada")["gold"] is True
    assert judgment_search.as_json(undone, "Ada")["undone_at"] == undone.undone_at.isoformat()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"plain", "edited", "flagged", "gold"}),
        ({"verdict": "chosen"}, {"plain", "gold"}),
        ({"since": "2026-01-31", "until": "2026-01-31"}, {"plain"}),
        ({"until": "2026-01-30"}, set()),
        ({"text": "100% FOOL"}, {"plain"}),
        ({"text": "1_0%"}, set()),
        ({"text": "by hand"}, {"edited"}),
        ({"text": "phone"}, {"flagged"}),
        ({"flagged": "yes"}, {"flagged"}),
        ({"flagged": "no", "gold": "no"}, {"plain", "edited"}),
        ({"gold": "yes"}, {"gold"}),
        ({"version": "2"}, {"edited"}),
        ({"source": "a file"}, {"plain"}),
        ({"undone": "yes"}, {"undone"}),
        ({"undone": "any", "verdict": "chosen"}, {"plain", "gold", "undone"}),
    ],
)
def test_every_filter_finds_what_it_says(
    session: Session, made: dict[str, int], query: dict[str, str], names: set[str]
) -> None:
    wanted = JudgmentFilter.parse(query)
    found = judgment_search.page(session, wanted)
    assert {one.id for one in found.judgments} == {made[name] for name in names}
    assert JudgmentFilter.parse(wanted.as_query()) == wanted


def test_what_was_said_beside_the_verdict_is_told_and_found(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"])
    one, two, three = [card.id for card in screen.candidates]
    remarks = [{"candidate_id": one, "rating": 2, "tags": ["zu förmlich", "100%"]}]
    said: dict[str, Any] = {
        "candidate_id": two,
        "ranking": [two, three, one],
        "remarks": remarks,
        "comment": "Is it Irony?",
    }
    judgment = factories.judgment(session, screen, **said)
    factories.judgment(session, factories.generation(session, annotator.id))
    told = judgment_search.as_json(judgment, "Ada")
    assert [card["place"] for card in told["candidates"]] == [3, 1, 2]
    assert told["candidates"][0] | {"rating": 2, "tags": ["zu förmlich", "100%"]} == told["candidates"][0]
    assert told["comment"] == "Is it Irony?"
    for query, count in (
        ({"tag": "zu förmlich"}, 1),
        ({"tag": "100%"}, 1),
        ({"tag": "zu"}, 0),
        ({"comment": "yes"}, 1),
        ({"comment": "no"}, 1),
        ({"text": "irony"}, 1),
    ):
        wanted = JudgmentFilter.parse(query)
        assert JudgmentFilter.parse(wanted.as_query()) == wanted
        found = [one.id for one in judgment_search.page(session, wanted).judgments]
        assert len(found) == count, query
        assert count == 0 or query == {"comment": "no"} or found == [judgment.id]


def test_a_person_is_found_by_id(session: Session, made: dict[str, int], admin: Person) -> None:
    found = judgment_search.page(session, JudgmentFilter(person=admin.id))
    assert {one.id for one in found.judgments} == {made["edited"], made["flagged"]}


def test_pages_go_back_by_id_and_end(session: Session, made: dict[str, int]) -> None:
    seen, before = [], None
    for _ in range(3):
        found = judgment_search.page(session, JudgmentFilter(undone=None), before, size=2)
        seen.append([one.id for one in found.judgments])
        before = found.before
    ids = sorted(made.values(), reverse=True)
    assert (seen, before) == ([ids[:2], ids[2:4], ids[4:]], None)


def test_a_page_of_a_rare_find_says_where_to_go_on_looking(
    session: Session, made: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgment_search, "SCANNED", 3)
    wanted = JudgmentFilter(text="fool")
    first = judgment_search.page(session, wanted)
    assert (first.judgments, first.searched_all) == ([], False)
    second = judgment_search.page(session, wanted, first.before)
    assert ([one.id for one in second.judgments], second.before) == ([made["plain"]], None)


def test_a_window_has_a_value_for_each_column_that_sorts_and_says_where_others_follow(
    session: Session, made: dict[str, int], admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {number: name for name, number in made.items()}

    def values(sort: str) -> dict[str, object]:
        found = judgment_search.window(session, JudgmentFilter(), sort=sort)
        return {names[number]: value for number, value in found.rows}

    assert list(values("time")) == ["gold", "flagged", "edited", "plain"]
    assert values("verdict") == {"gold": "chosen", "flagged": "skipped", "edited": "edited", "plain": "chosen"}
    assert values("person")["edited"] == admin.email
    assert (values("text")["plain"], values("source")["plain"]) == ("you 100% fool", "a file")
    assert set(map(type, values("seconds").values())) <= {float, type(None)}
    monkeypatch.setattr(judgment_search, "MOST", 3)
    assert judgment_search.window(session, JudgmentFilter()).further == {"before": str(made["edited"])}
    loaded = judgment_search.load(session, [made["plain"], 99, made["gold"]])
    assert [one.id for one in loaded] == [made["plain"], made["gold"]]


def test_a_check_is_right_if_the_gold_answer_alone_was_chosen(session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, gold_answer="a")

    def judged(texts: list[str], **values: object) -> Judgment:
        screen = factories.generation(session, annotator.id, texts, prompt=prompt, gold=True)
        return factories.judgment(session, screen, pairs=False, **values)

    assert judgment_search.right(judged(["a", "b"])) is True
    assert judgment_search.right(judged(["b", "a"])) is False
    assert judgment_search.right(judged(["a", "b"], verdict="none", candidate_id=None)) is False
    assert judgment_search.right(judged(["a", "b"], verdict="skipped", candidate_id=None)) is None
    edited = judged(["a", "b"], verdict="edited", edited_text="a, but better")
    assert judgment_search.right(edited) is True
    assert statistics.habits(session, annotator.id).gold.part == 2, "as on the page of people"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"verdict": "good"}, "verdict must be one of chosen, edited, fine, tie, none, skipped."),
        ({"person": "-1"}, "person must be a positive whole number."),
        ({"version": "9" * 30}, "version must be a positive whole number."),
        ({"since": "0001-01-01"}, "since must be a day such as 2026-01-31."),
        ({"flagged": "1"}, "flagged must be yes or no."),
        ({"text": "x" * 201}, "text must have at most 200 characters."),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(query: dict[str, str], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        JudgmentFilter.parse(query)
    assert str(refusal.value) == sentence


def test_judgments_are_found_and_exported_by_the_metadata_of_their_prompts(session: Session, admin: Person) -> None:
    for language in ("de", "en"):
        prompt = factories.prompt(session, f"in {language}", metadata_={"language": language})
        factories.judgment(session, factories.generation(session, admin.id, ["a", "b"], prompt=prompt))
    wanted = JudgmentFilter.parse({"metadata": " language = de "})
    found = judgment_search.page(session, wanted).judgments
    assert [one.generation.prompt.text for one in found] == ["in de"]
    assert wanted.as_query() == {"metadata": "language = de"}
    assert [json.loads(line)["prompt"] for line in exports.stream(session, "trl", wanted)] == ["in de"]
