"""A studio in which anything may have happened, drawn by Hypothesis and carried out through the services."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Flask
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt, RunStatus, now
from app.services.desk import judgments
from app.services.desk.judgments import JudgmentRequest
from app.services.people import accounts
from app.services.prompts import search, studio_settings
from tests import factories
from tests.studio import Person, make_person

PEOPLE = 3
PROMPTS = 6
LONGEST = 1_000
RIGHT, CORRECTED = "first rewrite", "second rewrite"

_people = st.integers(0, PEOPLE - 1)
_prompts = st.integers(0, PROMPTS - 1)
_GESTURES = ("chosen 0", "chosen 1", "edited", "edited 0", "tie", "tied", "none", "skipped", "flagged")


@dataclass(frozen=True)
class Event:
    """Something that happens: what it is, who does it, to which prompt, and how."""

    kind: str
    person: int
    prompt: int
    how: Any


def _events(kind: str, how: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.builds(Event, st.just(kind), _people, _prompts, how)


_texts = st.integers(0, PROMPTS + 2)
_rows = st.one_of(
    st.lists(st.tuples(_texts, st.sampled_from(["text", "check"])), max_size=5),
    st.lists(st.tuples(_texts, st.just("judged")), min_size=1, max_size=5),
)
_overlaps = st.sampled_from([None, 1, 2, 3])
EVENTS = st.lists(
    st.one_of(
        _events("judge", st.sampled_from(_GESTURES)),
        _events("judge", st.sampled_from(_GESTURES)),
        _events("judge", st.sampled_from(_GESTURES)),
        _events("type", st.sampled_from(_GESTURES)),
        _events("undo", st.none()),
        _events("correct", st.sampled_from([RIGHT, CORRECTED, None])),
        _events("place", st.booleans()),
        _events("overlap", _overlaps),
        _events("studio", st.fixed_dictionaries({"overlap": st.integers(1, 3), "most_skips": st.integers(1, 2)})),
        _events("import", _rows),
        _events("train", st.none()),
        _events("leave", st.none()),
    ),
    min_size=8,
    max_size=20,
)
QUEUE = st.lists(st.tuples(st.booleans(), st.booleans(), _overlaps), min_size=PROMPTS, max_size=PROMPTS)
"""For each prompt: whether it waits, whether it is an attention check, and how many people are to judge it."""


class RandomStudio:
    """People, prompts and what happens to them."""

    def __init__(self, app: Flask, session: Session, admin: Person, queue: list[tuple[bool, bool, int | None]]) -> None:
        self.session, self.admin = session, admin
        self.people = [admin, *(make_person(app, session) for _ in range(PEOPLE - 1))]
        self.prompts = [
            factories.prompt(
                session, f"prompt {number}", queued=queued, overlap=overlap, gold_answer=RIGHT if is_check else None
            ).id
            for number, (queued, is_check, overlap) in enumerate(queue)
        ]
        self.imports: list[tuple[dict[str, Any], dict[str, Any], int]] = []
        """Of each import: what was said of it before, what became of it, and by how many prompts the queue grew."""

    def happen(self, event: Event) -> None:
        """Carry out one event."""
        getattr(self, f"_{event.kind}")(self.people[event.person], self.prompts[event.prompt], event.how)

    def _judge(self, person: Person, prompt_id: int, how: str) -> None:
        prompt = self.session.get_one(Prompt, prompt_id)
        gold = prompt.gold_answer is not None
        self._say(person, factories.generation(self.session, person.id, prompt=prompt, gold=gold), how)

    def _type(self, person: Person, _prompt: int, how: str) -> None:
        prompt = factories.prompt(self.session, source="typed")
        self._say(person, factories.generation(self.session, person.id, prompt=prompt), how)

    def _say(self, person: Person, screen: Generation, how: str) -> None:
        verdict, _, place = how.partition(" ")
        ids = [one.id for one in screen.candidates]
        values: dict[str, Any] = {"verdict": verdict, "seconds": 4}
        if verdict in ("chosen", "edited") and place:
            values["candidate_id"] = ids[int(place)]
        if verdict == "edited":
            values["edited_text"] = "a better one"
        if verdict == "tied":
            values |= {"verdict": "tie", "tied": ids[:2]}
        if verdict == "flagged":
            values |= {"verdict": "skipped", "flagged": True}
        judgments.judge(self.session, person.id, JudgmentRequest.parse({"generation_id": screen.id, **values}, LONGEST))

    def _undo(self, person: Person, _prompt: int, _how: None) -> None:
        mine = select(Judgment.id).where(Judgment.user_id == person.id, Judgment.undone_at.is_(None))
        number = self.session.scalar(mine.order_by(Judgment.id.desc()).limit(1))
        if number is not None:
            judgments.undo(self.session, person.id, number)

    def _correct(self, _person: Person, prompt_id: int, right: str | None) -> None:
        search.change(self.session, self.admin.id, prompt_id, {"gold": right, "gold_wrong": None}, LONGEST)

    def _place(self, _person: Person, prompt_id: int, queued: bool) -> None:
        search.change(self.session, self.admin.id, prompt_id, {"queued": queued}, LONGEST)

    def _overlap(self, _person: Person, prompt_id: int, overlap: int | None) -> None:
        search.change(self.session, self.admin.id, prompt_id, {"overlap": overlap}, LONGEST)

    def _studio(self, _person: Person, _prompt: int, values: dict[str, int]) -> None:
        studio_settings.change(self.session, self.admin.id, values)

    def _import(self, _person: Person, _prompt: int, rows: list[tuple[int, str]]) -> None:
        """The admin imports texts, known and new ones, some of them judged and some of them attention checks."""
        lines = []
        for number, kind in rows:
            row: dict[str, Any] = {"prompt": f"prompt {number}"}
            if kind == "judged":
                row |= {"chosen": "good", "rejected": "bad"}
            if kind == "check":
                row["gold"] = RIGHT
            lines.append(json.dumps(row))
        if not lines:
            return
        before = self.waiting()
        upload = self.admin.call("POST", "/imports?name=file.jsonl", data="\n".join(lines)).json
        assert upload
        looked = self.admin.call("GET", f"/imports/{upload['id']}").json
        assert looked
        wish = {**looked["mapping"], "judgments": bool(looked["judgments"])}
        answer = self.admin.post(f"/imports/{upload['id']}", wish)
        stored = json.loads(answer.text.splitlines()[-1])
        self.session.rollback()
        self.imports.append((looked, stored, self.waiting() - before))

    def _train(self, _person: Person, _prompt: int, _how: None) -> None:
        last = self.session.scalar(select(Judgment.id).order_by(Judgment.id.desc()).limit(1))
        factories.run(self.session, RunStatus.SUCCEEDED, last_judgment_id=last or 0, finished_at=now())

    def _leave(self, person: Person, _prompt: int, _how: None) -> None:
        if person is not self.admin:
            accounts.set_active(self.session, self.admin.id, person.id, False)

    def waiting(self) -> int:
        """Return the number of prompts that wait in the queue, as the page counts them."""
        return search.count(self.session, search.PromptFilter())
