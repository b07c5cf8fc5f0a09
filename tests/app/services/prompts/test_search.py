"""The queue as its page shows it, and prompts changed one by one or all at once."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt, now, write_transaction
from app.domain_errors import Invalid, NotFound
from app.services.prompts import queue, search
from app.services.prompts.search import PromptFilter, State
from app.services.system import audit
from tests import factories
from tests.studio import Person, rows


@pytest.fixture
def made(session: Session, annotator: Person) -> dict[str, int]:
    """Prompts in every state, by text: their ids."""
    of = [
        factories.prompt(session, "low", queued=True, priority=-1),
        factories.prompt(session, "old", queued=True, source="a file"),
        factories.prompt(session, "new", queued=True),
        factories.prompt(session, "urgent", queued=True, priority=5, overlap=2),
        factories.prompt(session, "check", queued=True, gold_answer="right", gold_wrong=["wrong"]),
        factories.prompt(session, "done"),
        factories.prompt(session, "taken out"),
        factories.prompt(session, "typed", source="typed"),
    ]
    for prompt in (of[3], of[5]):
        factories.judgment(session, factories.generation(session, annotator.id, prompt=prompt))
    return {prompt.text: prompt.id for prompt in of}


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ({}, ["urgent", "old", "new", "low"]),
        ({"text": "O"}, ["old", "low"]),
        ({"source": "a file"}, ["old"]),
        ({"state": "gold"}, ["check"]),
        ({"state": "judged"}, ["done", "urgent"]),
        ({"state": "out"}, ["taken out"]),
        ({"state": "all", "text": "t"}, ["typed", "taken out", "urgent"]),
    ],
)
def test_every_state_and_search_finds_its_prompts(session: Session, query: dict[str, str], texts: list[str]) -> None:
    wanted = PromptFilter.parse(query)
    assert [row.prompt.text for row in search.page(session, wanted).rows] == texts
    assert search.count(session, wanted) == len(texts)
    assert PromptFilter.parse(wanted.as_query()) == wanted


def test_a_prompt_is_told_with_who_judged_it_and_how_many_are_to(session: Session, made: dict[str, int]) -> None:
    shown = {row.prompt.text: search.as_json(row) for row in search.page(session, PromptFilter("all")).rows}
    assert shown["urgent"] == {
        "id": made["urgent"],
        "text": "urgent",
        "source": "test",
        "queued": True,
        "priority": 5,
        "overlap": 2,
        "gold": None,
        "gold_wrong": None,
        "turns": None,
        "metadata": None,
        "judged_by": 1,
        "wanted": 2,
        "state": "begun",
    }
    check = shown["check"]
    assert (check["gold"], check["gold_wrong"], check["state"]) == ("right", ["wrong"], "attention check")
    assert (shown["low"]["overlap"], shown["low"]["wanted"], shown["low"]["judged_by"]) == (None, 1, 0)
    assert (shown["done"]["state"], shown["taken out"]["state"]) == ("done", "out")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("state", ["queue", "all"])
def test_pages_follow_each_other_without_gap_or_repetition(session: Session, state: State) -> None:
    whole = [row.prompt.id for row in search.page(session, PromptFilter(state)).rows]
    seen: list[int] = []
    after: dict[str, str] = {}
    for _ in whole:
        found = search.page(session, PromptFilter(state), after, size=1)
        seen += [row.prompt.id for row in found.rows]
        after = found.after
    assert (seen, after) == (whole, {})


@pytest.mark.usefixtures("made")
def test_a_row_says_how_many_of_how_many_people_have_judged(session: Session) -> None:
    found = search.page(session, PromptFilter("all")).rows
    assert {row.prompt.text: (row.state, row.judges, row.wanted) for row in found} == {
        "low": ("waiting", 0, 1),
        "old": ("waiting", 0, 1),
        "new": ("waiting", 0, 1),
        "urgent": ("begun", 1, 2),
        "check": ("attention check", 0, 1),
        "done": ("done", 1, 1),
        "taken out": ("out", 0, 1),
        "typed": ("out", 0, 1),
    }


@pytest.mark.usefixtures("made")
def test_a_queue_of_many_priorities_is_listed_stretch_by_stretch(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for priority in (3, 2, 3, 2, 1):
        factories.prompt(session, queued=True, priority=priority)
    whole = [row.prompt.id for row in search.page(session, PromptFilter()).rows]
    for longest in (1, 2, 3, 5):
        monkeypatch.setattr(queue, "LONGEST_STRETCH", longest)
        for size in (1, 2, 4):
            seen: list[int] = []
            after: dict[str, str] = {}
            for _ in whole:
                found = search.page(session, PromptFilter(), after, size)
                seen += [row.prompt.id for row in found.rows]
                after = found.after
                if not after:
                    break
            assert seen == whole, (longest, size)


def test_what_people_only_skipped_is_not_judged(session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, "who is meant?")
    skipped = factories.generation(session, annotator.id, prompt=prompt)
    factories.judgment(session, skipped, pairs=False, verdict="skipped", candidate_id=None)
    assert search.count(session, PromptFilter("judged")) == 0
    (row,) = search.page(session, PromptFilter("out")).rows
    assert (row.prompt.text, row.state, row.judges) == ("who is meant?", "out", 0)


def test_one_prompt_is_changed_and_the_change_is_audited(session: Session, made: dict[str, int], admin: Person) -> None:
    row = search.change(session, admin.id, made["old"], {"priority": 7, "overlap": 3}, 1000)
    assert (row.prompt.priority, row.wanted, row.prompt.queued) == (7, 3, True)
    row = search.change(session, admin.id, made["old"], {"overlap": None, "queued": False}, 1000)
    assert (row.prompt.priority, row.wanted, row.prompt.queued) == (7, 1, False)
    check = search.change(session, admin.id, made["new"], {"gold": "yes", "gold_wrong": ["no"]}, 1000).prompt
    assert (check.gold_answer, check.gold_wrong) == ("yes", ["no"])
    no_check = search.change(session, admin.id, made["new"], {"gold": None}, 1000).prompt
    assert (no_check.gold_answer, no_check.gold_wrong) == (None, None)
    events = rows(session, AuditEvent)
    assert [(event.action, event.user_id) for event in events] == [("prompt.changed", admin.id)] * 4


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"priority": "high"}, "The priority must be a whole number, not 'high'."),
        ({"overlap": 0}, "The overlap must be between 1 and 20."),
        ({"queued": 1}, "queued must be true or false."),
        ({"text": "x"}, "There is no field 'text' that can be changed in a prompt."),
        ({"gold_wrong": ["no"]}, "Wrong rewrites need the right one beside them."),
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(
    session: Session, made: dict[str, int], admin: Person, values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        search.change(session, admin.id, made["old"], values, 1000)
    assert str(refusal.value) == sentence
    assert rows(session, AuditEvent) == []


def test_a_prompt_that_is_not_there_cannot_be_changed(session: Session, admin: Person) -> None:
    with pytest.raises(NotFound, match=r"^There is no prompt 9\.$"):
        search.change(session, admin.id, 9, {"priority": 1}, 1000)


def test_all_that_a_filter_finds_are_changed_at_once(session: Session, made: dict[str, int], admin: Person) -> None:
    assert search.change_all(session, admin.id, PromptFilter(text="o"), {"priority": 9, "overlap": 2}) == 2
    changed = {row.text for row in rows(session, Prompt) if (row.priority, row.overlap) == (9, 2)}
    assert changed == {"low", "old"}
    assert search.change_all(session, admin.id, PromptFilter("judged"), {"queued": False}) == 2
    assert search.change_all(session, admin.id, PromptFilter("out"), {"queued": True}) == 1
    assert {row.text for row in rows(session, Prompt) if row.queued} == {"low", "old", "new", "check", "taken out"}
    (event, *_) = rows(session, AuditEvent)
    assert event.details == {
        "which": {"state": "queue", "text": "o"},
        "to": {"priority": 9, "overlap": 2},
        "prompts": 2,
    }
    with pytest.raises(Invalid):
        search.change_all(session, admin.id, PromptFilter(), {})


def test_the_changes_of_one_prompt_and_of_some_are_audited_field_by_field(
    session: Session, made: dict[str, int], admin: Person
) -> None:
    search.change(session, admin.id, made["old"], {"priority": 7, "overlap": 3}, 1000)
    ids = [made["low"], made["new"]]
    assert search.change_some(session, admin.id, ids, {"priority": 4, "queued": False}) == 2
    assert {row.text for row in rows(session, Prompt) if (row.priority, row.queued) == (4, False)} == {"low", "new"}
    assert [(event.action, event.user_id, event.subject, event.details) for event in rows(session, AuditEvent)] == [
        ("prompt.changed", admin.id, str(made["old"]), {"overlap": 3, "priority": 7}),
        (
            "prompts.changed",
            admin.id,
            "prompts",
            {"which": {"ids": ids}, "to": {"priority": 4, "queued": False}, "prompts": 2},
        ),
    ]


def test_a_text_that_is_longer_than_texts_may_be_by_now_can_still_be_changed(
    session: Session, made: dict[str, int], admin: Person
) -> None:
    assert search.change(session, admin.id, made["old"], {"priority": 1}, 2).prompt.priority == 1
    with pytest.raises(Invalid):
        search.change(session, admin.id, made["old"], {"gold": "a much longer answer"}, 2)


@pytest.mark.parametrize("some", [True, False])
def test_what_is_put_back_into_the_queue_is_not_retired_any_more(
    session: Session, made: dict[str, int], admin: Person, some: bool
) -> None:
    prompt = factories.prompt(session, "retired", queued=False, retired_at=now())
    if some:
        search.change_some(session, admin.id, [prompt.id], {"queued": True})
    else:
        search.change(session, admin.id, prompt.id, {"queued": True}, 1000)
    session.refresh(prompt)
    assert (prompt.queued, prompt.retired_at) == (True, None)


def test_neither_checks_nor_what_was_typed_are_put_into_the_queue_by_the_way(
    session: Session, made: dict[str, int], admin: Person
) -> None:
    factories.prompt(session, "withdrawn", gold_answer="right")
    factories.prompt(session, "typed and retired", source="typed", retired_at=now())
    search.change_all(session, admin.id, PromptFilter("all"), {"queued": True})
    assert {row.text for row in rows(session, Prompt) if not row.queued} == {"typed", "withdrawn"}


def test_half_a_place_in_the_queue_is_refused(session: Session) -> None:
    for place in ({"id": "3"}, {"priority": "3"}):
        with pytest.raises(Invalid) as refusal:
            search.page(session, PromptFilter(), place)
        assert str(refusal.value) == "A place in the queue is named by after_id and after_priority together."
    assert search.page(session, PromptFilter("all"), {"id": "3"}).rows == []


@pytest.mark.usefixtures("made")
def test_a_search_looks_at_so_many_prompts_and_goes_on_from_there(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SCANNED", 3)
    wanted = PromptFilter("all", text="o")
    pages: list[list[str]] = []
    after: dict[str, str] = {}
    while True:
        found = search.page(session, wanted, after)
        pages.append([row.prompt.text for row in found.rows])
        if not (after := found.after):
            break
    assert pages == [["taken out", "done"], [], ["old", "low"]]


@pytest.mark.usefixtures("made")
def test_more_than_can_be_counted_at_once_are_one_more(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "COUNTED", 3)
    assert search.count(session, PromptFilter("all")) == 4
    assert search.count(session, PromptFilter("gold")) == 1


def test_sources_are_the_latest_imports_and_what_was_typed(session: Session, admin: Person) -> None:
    with write_transaction(session):
        for name in ("a.csv", "b.csv", "a.csv", "c.csv"):
            audit.record(session, admin.id, "prompts.imported", name)
        audit.record(session, admin.id, "prompts.changed", "d.csv")
    assert search.sources(session) == ["c.csv", "a.csv", "b.csv", "typed"]
    assert search.sources(session, most=1) == ["c.csv", "typed"]


def test_prompts_that_too_many_skipped_are_found_until_enough_judged_them(session: Session) -> None:
    prompt = factories.prompt(session, "whose?", queued=True)
    for number in range(3):
        assert search.count(session, PromptFilter("skipped")) == 0
        screen = factories.generation(session, factories.user(session).id, prompt=prompt)
        factories.judgment(session, screen, pairs=False, verdict="skipped", candidate_id=None)
        state = search.page(session, PromptFilter("all")).rows[0].state
        assert state == ("skipped" if number == 2 else "waiting")
    (row,) = search.page(session, PromptFilter("skipped")).rows
    assert (row.prompt.text, row.judges, row.skipped) == ("whose?", 0, True)
    factories.judgment(session, factories.generation(session, factories.user(session).id, prompt=prompt))
    assert search.count(session, PromptFilter("skipped")) == 0
    assert search.page(session, PromptFilter("all")).rows[0].state == "done"
