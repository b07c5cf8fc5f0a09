"""Conversations that come into an answering project and leave it: in every form, and none lost without a line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db import ANSWERING, Judgment, Project, Prompt, write_transaction
from app.services.exchange import exports, prompt_bodies
from app.services.exchange.hub import data_set
from app.services.exchange.outgoing.redaction import Choices, Redactor
from models.formats import Kind
from tests import factories
from tests.app.services.exchange.conftest import LONGEST, look, store
from tests.studio import Person, rows
from worker.training.run.row_sources import load_row_file

SYSTEM = {"role": "system", "content": "Be brief."}
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
ASKED = {"role": "user", "content": "What is rain?"}
SAID = {"role": "assistant", "content": "Water."}
WORSE = {"role": "assistant", "content": "Wet."}
WHOLE = [SYSTEM, *TURNS, ASKED]
SHAREGPT = [{"from": {"user": "human", "assistant": "gpt"}[one["role"]], "value": one["content"]} for one in TURNS]


@pytest.fixture
def answering(session: Session) -> Session:
    return _answering(session)


@pytest.fixture
def answering_elsewhere(elsewhere: Session) -> Session:
    return _answering(elsewhere)


def _answering(session: Session) -> Session:
    with write_transaction(session):
        session.execute(update(Project).values(task=ANSWERING))
    return session


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": WHOLE},
        {"messages": WHOLE},
        {"messages": [*WHOLE, SAID]},
        {"messages": [*TURNS, ASKED, SAID], "system": "Be brief."},
        {"prompt": "Hi", "messages": [*WHOLE, SAID]},
        {"conversations": [*SHAREGPT, {"from": "human", "value": "What is rain?"}], "system": "Be brief."},
        {"prompt": WHOLE, "completion": [SAID]},
        {"chosen": [*WHOLE, SAID], "rejected": [*WHOLE, WORSE]},
        {"instruction": "What is rain?", "history": [["Hi", "Hello!"]], "system": "Be brief.", "output": "Water."},
        {"text": "What is rain?", "turns": TURNS, "system": "Be brief."},
    ],
)
def test_each_form_of_a_conversation_becomes_a_prompt_with_its_turns(
    answering: Session, admin: Person, write: Any, row: dict[str, Any]
) -> None:
    path = write("a.jsonl", lines(row))
    found = look(answering, path)
    assert (found.usable, found.systems, found.problems) == (1, 1, [])
    assert found.sample[0]["turns"] == tuple(TURNS)
    report = store(answering, admin, path).report
    assert (report.added, report.systems, report.rejected) == (1, 1, [])
    (prompt,) = rows(answering, Prompt)
    assert (prompt.text, prompt.turns, prompt.metadata_) == ("What is rain?", TURNS, {"system": "Be brief."})
    assert store(answering, admin, path).report.duplicates == 1


@pytest.mark.parametrize("field", ["text", "prompt", "instruction"])
def test_a_plain_text_is_a_prompt_without_turns(answering: Session, admin: Person, write: Any, field: str) -> None:
    store(answering, admin, write("a.jsonl", lines({field: "Explain rain."}, {field: "Explain snow."})))
    assert [(one.text, one.turns) for one in rows(answering, Prompt)] == [
        ("Explain rain.", None),
        ("Explain snow.", None),
    ]


def test_an_instruction_is_joined_with_its_input(answering: Session, admin: Person, write: Any) -> None:
    store(answering, admin, write("a.jsonl", lines({"instruction": "Shorten.", "input": "It is very late."})))
    (prompt,) = rows(answering, Prompt)
    assert (prompt.text, prompt.metadata_) == ("Shorten.\n\nIt is very late.", None)


def test_the_same_text_after_other_turns_is_another_prompt(answering: Session, admin: Person, write: Any) -> None:
    path = write("a.jsonl", lines({"prompt": [ASKED]}, {"prompt": [*TURNS, ASKED]}, {"prompt": [*TURNS, ASKED]}))
    assert look(answering, path).repeated == 1
    report = store(answering, admin, path).report
    assert (report.added, report.duplicates) == (2, 1)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([*TURNS, TURNS[1], ASKED], "a message of the assistant stands where one of the user is expected"),
        ([ASKED, SYSTEM, ASKED], "a message of the system stands where one of the assistant is expected"),
        ([SYSTEM], "the conversation holds no turn of the user"),
        ([ASKED, {"role": "tool", "content": "7"}], "prompt holds the answer of a tool, which is not supported"),
        ([{"role": "user", "content": [{"type": "image"}]}], "a message of prompt is not a text"),
        ([*TURNS, {"role": "user", "content": " "}], "a message of prompt is empty"),
    ],
)
def test_what_is_no_conversation_is_refused_with_its_line(
    answering: Session, admin: Person, write: Any, messages: list[Any], reason: str
) -> None:
    path = write("a.jsonl", lines({"prompt": [ASKED]}, {"prompt": messages}))
    report = store(answering, admin, path).report
    assert (report.added, report.rejected) == (1, [{"line": 2, "reason": f"The row cannot be read: {reason}."}])


def test_a_body_of_prompts_may_hold_conversations(answering: Session) -> None:
    sent = [
        {"messages": [*WHOLE, SAID], "priority": 2, "metadata": {"input": "kept"}},
        {"text": "And snow?", "turns": [*TURNS, ASKED, SAID]},
        {"instruction": "Shorten.", "input": "It is late."},
        {"text": "x", "turns": [ASKED]},
        {"text": "x", "tuns": []},
    ]
    report = prompt_bodies.import_prompts(
        answering, None, json.dumps(sent).encode(), "application/json", "api", LONGEST
    )
    assert (report.added, report.systems) == (3, 1)
    assert [row["line"] for row in report.rejected] == [4, 5]
    assert [(one.text, len(one.turns or [])) for one in rows(answering, Prompt)] == [
        ("What is rain?", 2),
        ("And snow?", 4),
        ("Shorten.\n\nIt is late.", 0),
    ]
    assert rows(answering, Prompt)[0].metadata_ == {"input": "kept", "system": "Be brief."}


def test_a_rewriting_project_knows_no_turns(session: Session, admin: Person, write: Any) -> None:
    store(session, admin, write("a.jsonl", lines({"text": "you fool", "turns": TURNS})))
    (prompt,) = rows(session, Prompt)
    assert (prompt.turns, prompt.metadata_) == (None, {"turns": TURNS})


@pytest.fixture
def judged(answering: Session, annotator: Person) -> Session:
    """One judgment of a conversation under a system message, and one of a single question."""
    for prompt, system in (
        (factories.prompt(answering, ASKED["content"], turns=TURNS), "Be brief."),
        (factories.prompt(answering, "Mail ada@example.org"), ""),
    ):
        screen = factories.generation(
            answering, annotator.id, ["Water.", "Wet.", "No idea."], prompt=prompt, sampling={"system": system}
        )
        factories.judgment(answering, screen)
    return answering


def content(session: Session) -> list[tuple[Any, ...]]:
    """What each judgment says, of what, under which system message."""
    return sorted(
        (
            one.client_key,
            one.generation.prompt.text,
            json.dumps(one.generation.prompt.turns or []),
            one.generation.sampling.get("system", ""),
            sorted((pair.chosen, pair.rejected) for pair in one.preferences),
        )
        for one in rows(session, Judgment)
    )


def exported(session: Session, name: str, folder: Path) -> Path:
    path = folder / f"out.{exports.FORMATS[name].extension}"
    path.write_bytes(b"".join(exports.content(session, name)))
    return path


LOSSLESS = [name for name in exports.FORMATS if name != "hh"]
"""A transcript has no system message."""


@pytest.mark.parametrize("name", LOSSLESS)
def test_what_is_exported_comes_back_as_it_was(
    judged: Session, answering_elsewhere: Session, admin: Person, tmp_path: Path, name: str
) -> None:
    path = exported(judged, name, tmp_path)
    mine = content(judged)
    report = store(answering_elsewhere, factories.user(answering_elsewhere).id, path, judgments=True).report
    assert (report.judgments, report.rejected) == (2, [])
    assert content(answering_elsewhere) == mine
    found = look(judged, path)
    assert (found.judgments, found.judgments_known) == (2, 2)


@pytest.mark.parametrize("name", LOSSLESS)
def test_the_commands_train_on_the_files_as_they_are(judged: Session, tmp_path: Path, name: str) -> None:
    kind = Kind.UNPAIRED if name == "kto" else Kind.PREFERENCE
    read = load_row_file(exported(judged, name, tmp_path), "", "", kind)
    assert read.problems == ()
    first = read.rows[0]
    assert first["prompt"] == WHOLE
    assert first["completion" if name == "kto" else "chosen"] == [SAID]


def test_a_pair_is_in_the_conversational_form_of_trl(judged: Session) -> None:
    first, _, single, _ = map(json.loads, exports.stream(judged, "trl"))
    assert (first["prompt"], first["chosen"], first["rejected"]) == (WHOLE, [SAID], [WORSE])
    assert single["prompt"] == [{"role": "user", "content": "Mail ada@example.org"}]


def test_the_table_of_judgments_tells_turns_and_system(judged: Session) -> None:
    first, single = map(json.loads, exports.stream(judged, "judgments-jsonl"))
    assert (first["prompt"], first["turns"], first["system"]) == ("What is rain?", TURNS, "Be brief.")
    assert (single["turns"], single["system"]) == ([], None)


def test_label_tools_show_who_said_what(judged: Session) -> None:
    first, _ = json.loads("".join(exports.stream(judged, "labelstudio")))
    assert first["data"]["prompt"] == "User: Hi\n\nAssistant: Hello!\n\nUser: What is rain?"


@pytest.mark.parametrize("contents", ["pairs", "judgments"])
def test_a_data_set_has_columns_of_messages(judged: Session, tmp_path: Path, contents: Any) -> None:
    path = tmp_path / "a.zip"
    with data_set.archive(judged, contents) as file:
        path.write_bytes(file.read())
    read = load_row_file(path, "", "", Kind.PREFERENCE)
    assert (read.problems, read.rows[0]["prompt"], read.rows[0]["chosen"]) == ((), WHOLE, [SAID])
    with zipfile.ZipFile(path) as parts:
        assert "rewrites" not in parts.read("README.md").decode().split("| column |")[0]


def test_details_in_turns_and_system_messages_are_masked(answering: Session, annotator: Person) -> None:
    turns = [{"role": "user", "content": "I am ada@example.org"}, TURNS[1]]
    prompt = factories.prompt(answering, "Who am I?", turns=turns)
    sampling = {"system": "Write to bob@example.org"}
    factories.judgment(answering, factories.generation(answering, annotator.id, prompt=prompt, sampling=sampling))
    for name in exports.FORMATS:
        if name == "judgments-parquet":
            continue
        redactor = Redactor(answering, Choices(personal="mask"))
        text = "".join(exports.stream(answering, name, redactor=redactor))
        assert "@example.org" not in text
        assert redactor.tally.with_details == 1
    left_out = Redactor(answering, Choices(personal="leave-out"))
    assert list(exports.stream(answering, "trl", redactor=left_out)) == []
