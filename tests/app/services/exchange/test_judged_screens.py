"""Judgments with their screens, and who made them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.orm import Session

from app.services.exchange import exports, judged_screens
from tests import factories
from tests.app.services.exchange.conftest import store
from tests.studio import Person


def test_people_are_named_as_the_pages_name_them(session: Session) -> None:
    ada, nameless = factories.user(session, name="Ada"), factories.user(session, email="b@example.org")
    named = judged_screens.People(session, pseudonyms=False)
    assert (named[ada.id].name, named[ada.id].number) == ("Ada", ada.id)
    assert named[nameless.id].name == "b@example.org"
    again = judged_screens.People(session, pseudonyms=False)
    assert [again[user.id] for user in (ada, nameless)] == [named[user.id] for user in (ada, nameless)]
    assert (named["Bea"].name, named["Bea"]) == ("Bea", again["Bea"]), "somebody whom an imported file names"


def test_pseudonyms_are_drawn_anew_for_each_export_and_hold_nothing_of_the_person(session: Session) -> None:
    everybody: list[judged_screens.Who] = [factories.user(session, name=name).id for name in ("Ada", "Bob", "Cy")]
    everybody.append("Bea")
    exports = [judged_screens.People(session, pseudonyms=True) for _ in range(2)]
    drawn = [{who: people[who] for who in everybody} for people in exports]
    for people in drawn:
        assert len({one.name for one in people.values()}) == len({one.uuid for one in people.values()}) == len(people)
    for who, first in drawn[0].items():
        assert first.name == f"person-{first.number}"
        assert not set(first) & set(drawn[1][who])
        assert exports[0][who] == first


def test_a_pseudonym_is_the_same_throughout_an_export_of_every_format_that_names_people(
    session: Session, annotator: Person, admin: Person
) -> None:
    for person in (annotator, admin, annotator):
        factories.judgment(session, factories.generation(session, person.id))
    tasks = json.loads("".join(exports.stream(session, "labelstudio", pseudonyms=True)))
    made = [(one["completed_by"], one["created_username"]) for task in tasks for one in task["annotations"]]
    records = json.loads("".join(exports.stream(session, "argilla", pseudonyms=True)))
    answered = [one["user_id"] for record in records for one in record["responses"]["ranking"]]
    rows = [json.loads(line)["person"] for line in exports.stream(session, "judgments-jsonl", pseudonyms=True)]
    for people in (made, answered, rows):
        assert people[0] == people[2] != people[1]
    everything = "".join(
        "".join(exports.stream(session, name, pseudonyms=True))
        for name in ("labelstudio", "argilla", "judgments-csv", "judgments-jsonl")
    )
    assert "@example.org" not in everything


def test_people_whom_an_imported_file_names_are_named_again(session: Session, admin: Person, write: Any) -> None:
    said = {"prompt": "you fool", "candidates": ["a", "b"], "verdict": "chosen", "position": 1}
    made = [{**said, "person": name} for name in ("Bea", "Dan")]
    path = write("a.jsonl", "".join(json.dumps(one) + "\n" for one in made))
    assert store(session, admin, path, judgments=True, queue=False).report.judgments == 2
    table = [json.loads(line) for line in exports.stream(session, "judgments-jsonl")]
    assert [row["person"] for row in table] == ["Bea", "Dan"]
    (task,) = json.loads("".join(exports.stream(session, "labelstudio")))
    assert [one["created_username"] for one in task["annotations"]] == ["Bea", "Dan"]
    assert len({one["completed_by"] for one in task["annotations"]} | {admin.id}) == 3
