"""Label Studio's and Argilla's own libraries read what is exported for them, each in the form that its import takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import User
from app.services.exchange import exports
from models.formats import Kind, rows_from
from tests import factories

ROOT = Path(__file__).parents[2]
LIBRARIES = Path(sys.prefix) / "label-tools"
MADE = datetime(2026, 11, 29, 9, 30, 15, tzinfo=UTC)
AWKWARD = 'a "quoted"\nline,\ttab \u2028 and 👩🏽‍🚀'


def configuration() -> str:
    """The labelling configuration that the documents tell people to use."""
    guide = (ROOT / "docs" / "managing-data.md").read_text(encoding="utf-8")
    found = re.search(r"```xml\n(.*?)```", guide, re.DOTALL)
    assert found
    return found[1]


def judge(session: Session) -> list[User]:
    """Three people on the same texts, the last of whom skips, and a text of one's own, a tie and "none is good"."""
    people = [factories.user(session, name=name) for name in ("Ada", "Bob", "Cy")]
    prompt = factories.prompt(session, AWKWARD, metadata_={"language": "de", "page": 7})
    for person, texts in zip(people, (["a", "b", "c"], ["c", "a", "b"], ["a", "b", "c"]), strict=True):
        screen = factories.generation(session, person.id, texts, prompt=prompt)
        if person is people[2]:
            factories.judgment(session, screen, pairs=False, verdict="skipped", candidate_id=None)
        else:
            factories.judgment(session, screen, candidate_id=screen.candidates[1].id, seconds=4.5, created_at=MADE)
    for verdict, text in (("edited", "mine"), ("tie", None), ("none", None)):
        screen = factories.generation(session, people[0].id, ["a", "b", "c"])
        factories.judgment(session, screen, pairs=False, verdict=verdict, candidate_id=None, edited_text=text)
    return people


@pytest.mark.long
def test_the_tools_own_libraries_read_what_is_exported_for_them(session: Session, tmp_path: Path) -> None:
    if not LIBRARIES.is_dir():
        pytest.fail(f"{LIBRARIES} is not there: run `make test`, which installs it, or `make label-tools`.")
    people = judge(session)
    files = [tmp_path / name for name in ("labelstudio.json", "argilla.json")]
    for file in files:
        file.write_bytes(b"".join(exports.content(session, file.stem)))
    program = [sys.executable, str(Path(__file__).with_name("reading.py")), configuration(), *map(str, files)]
    environment = {**os.environ, "PYTHONPATH": str(LIBRARIES), "PYTHONUTF8": "1"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout.splitlines()[-1])
    is_read_by_label_studio(read["label_studio"], people)
    is_read_by_argilla(read["argilla"], people)
    for file, written in zip(files, (read["label_studio"]["converted"], read["argilla"]), strict=True):
        assert pairs(json.dumps(written).encode()) == pairs(file.read_bytes()) != []


def pairs(content: bytes) -> list[dict[str, Any]]:
    """The pairs in a file, which are the same in what the tools write of ours as in ours."""
    found = rows_from(content, "a.json", kind=Kind.PREFERENCE).rows
    return sorted((dict(row) for row in found), key=str)


def is_read_by_label_studio(read: dict[str, Any], people: list[User]) -> None:
    assert read["tasks"] == [True] * 4
    assert read["annotations"] == [True] * 6
    assert [(who, skipped) for _, who, skipped in read["typed"]] == [
        *((person.id, person is people[2]) for person in people),
        *([(people[0].id, False)] * 3),
    ]
    assert len(read["converted"]) == 5, "a row for each annotation that was not cancelled"
    by_annotation = {row["annotation_id"]: row for row in read["converted"]}
    first = by_annotation[read["typed"][0][0]]
    assert (first["prompt"], first["annotator"], first["lead_time"]) == (AWKWARD, people[0].id, 4.5)
    assert datetime.fromisoformat(first["created_at"]) == MADE
    assert (first["language"], first["page"]) == ("de", 7)
    assert first["rank"] == [{"ranker": {"chosen": ["c2"], "rejected": ["c1", "c3"]}}]
    second = by_annotation[read["typed"][1][0]]
    assert second["rank"] == [{"ranker": {"chosen": ["c1"], "rejected": ["c3", "c2"]}}]


def is_read_by_argilla(read: list[dict[str, Any]], people: list[User]) -> None:
    assert len({record["id"] for record in read}) == len(read) == 4
    several, edited, tie, none = read
    assert several["fields"]["prompt"] == AWKWARD
    assert several["metadata"]["person"] == [person.name for person in people]
    assert (several["metadata"]["language"], several["metadata"]["page"]) == ("de", 7)
    assert [one["status"] for one in several["sent"]] == ["submitted", "submitted", "discarded"]
    assert len({one["user_id"] for one in several["sent"]}) == len(people)
    assert several["sent"][0]["values"]["ranking"]["value"][0] == {"value": "response-2", "rank": 1}
    assert several["sent"][2]["values"] == {}
    assert edited["sent"][0]["values"]["ranking"]["value"][0] == {"value": "edited", "rank": 1}
    assert [one["rank"] for one in tie["sent"][0]["values"]["ranking"]["value"]] == [1, 1, 1]
    assert none["sent"][0]["status"] == "discarded"
