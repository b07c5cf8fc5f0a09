"""Exports, line by line in each schema of the field."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app.db import Judgment, Preference, write_transaction
from app.services.desk import judgments
from app.services.exchange import exports
from app.services.exchange.export_formats import Pair
from app.services.exchange.exports import INSTRUCTION
from app.services.exchange.judgment_search import JudgmentFilter
from tests import factories
from tests.studio import Person, rows

P1, P2 = "you are stupid", 'zwei\u2028Zeilen "und" 👩🏽‍🚀'


@pytest.fixture
def judged(session: Session, annotator: Person) -> list[Judgment]:
    """Two judgments that stand, of two rows and of one, and between them one that was undone."""
    texts = (P1, ["a", "b", "c"]), ("undone", ["x", "y", "z"]), (P2, ["ä", "ö"])
    made = []
    for source, candidates in texts:
        prompt = factories.prompt(session, source)
        made.append(factories.judgment(session, factories.generation(session, annotator.id, candidates, prompt=prompt)))
    judgments.undo(session, annotator.id, made[1].id)
    return made


def ranked(names: list[str]) -> list[dict[str, Any]]:
    return [{"value": name, "rank": 1 if name == names[0] else 2} for name in names]


def expected(format_name: str, first: int, last: int) -> list[dict[str, Any]]:
    match format_name:
        case "trl":
            return [
                {"prompt": P1, "chosen": "a", "rejected": "b"},
                {"prompt": P1, "chosen": "a", "rejected": "c"},
                {"prompt": P2, "chosen": "ä", "rejected": "ö"},
            ]
        case "trl-chat":
            return [
                {
                    "prompt": [{"role": "user", "content": prompt}],
                    "chosen": [{"role": "assistant", "content": chosen}],
                    "rejected": [{"role": "assistant", "content": rejected}],
                }
                for prompt, chosen, rejected in ((P1, "a", "b"), (P1, "a", "c"), (P2, "ä", "ö"))
            ]
        case "kto":
            return [
                {"prompt": prompt, "completion": text, "label": label}
                for prompt, text, label in (
                    (P1, "a", True),
                    (P1, "b", False),
                    (P1, "c", False),
                    (P2, "ä", True),
                    (P2, "ö", False),
                )
            ]
        case "hh":
            return [
                {
                    "chosen": f"\n\nHuman: {prompt}\n\nAssistant: {chosen}",
                    "rejected": f"\n\nHuman: {prompt}\n\nAssistant: {rejected}",
                }
                for prompt, chosen, rejected in ((P1, "a", "b"), (P1, "a", "c"), (P2, "ä", "ö"))
            ]
        case "seed":
            return [
                {"toxic": P1, "chosen": "a", "rejected": ["b", "c"]},
                {"toxic": P2, "chosen": "ä", "rejected": ["ö"]},
            ]
        case "llamafactory":
            return [
                {"instruction": INSTRUCTION, "input": P1, "chosen": "a", "rejected": "b"},
                {"instruction": INSTRUCTION, "input": P1, "chosen": "a", "rejected": "c"},
                {"instruction": INSTRUCTION, "input": P2, "chosen": "ä", "rejected": "ö"},
            ]
        case "labelstudio":
            return [
                {
                    "data": {
                        "prompt": prompt,
                        "candidates": [{"id": f"c{n}", "body": t} for n, t in enumerate(texts, 1)],
                    },
                    "annotations": [
                        {
                            "ground_truth": False,
                            "result": [
                                {
                                    "type": "ranker",
                                    "from_name": "rank",
                                    "to_name": "candidates",
                                    "value": {
                                        "ranker": {
                                            "chosen": ["c1"],
                                            "rejected": [f"c{n}" for n in range(2, len(texts) + 1)],
                                        }
                                    },
                                }
                            ],
                        }
                    ],
                    "meta": {"judgment_id": number},
                }
                for prompt, texts, number in ((P1, "abc", first), (P2, "äö", last))
            ]
        case _:
            return [
                {
                    "fields": {"prompt": P1, "response-1": "a", "response-2": "b", "response-3": "c"},
                    "responses": [
                        {
                            "values": {"ranking": {"value": ranked(["response-1", "response-2", "response-3"])}},
                            "status": "submitted",
                        }
                    ],
                    "external_id": str(first),
                },
                {
                    "fields": {"prompt": P2, "response-1": "ä", "response-2": "ö"},
                    "responses": [
                        {"values": {"ranking": {"value": ranked(["response-1", "response-2"])}}, "status": "submitted"}
                    ],
                    "external_id": str(last),
                },
            ]


def test_the_formats_are_these() -> None:
    names = ["trl", "trl-chat", "kto", "seed", "llamafactory", "labelstudio", "argilla", "hh", "csv"]
    assert list(exports.FORMATS) == list(exports.LABELS) == names


@pytest.mark.parametrize("format_name", [name for name in exports.FORMATS if name != "csv"])
def test_an_export_holds_every_standing_judgment_line_by_line(
    session: Session, judged: list[Judgment], format_name: str
) -> None:
    lines = list(exports.stream(session, format_name))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    assert [json.loads(line) for line in lines] == expected(format_name, judged[0].id, judged[2].id)


def test_a_table_has_a_header_and_quotes_what_needs_it(session: Session, judged: list[Judgment]) -> None:
    assert "".join(exports.stream(session, "csv")) == (
        f'prompt,chosen,rejected\r\n{P1},a,b\r\n{P1},a,c\r\n"zwei\u2028Zeilen ""und"" 👩🏽‍🚀",ä,ö\r\n'
    )


def test_metadata_have_a_place_in_every_record_if_any_prompt_has_some(session: Session, judged: list[Judgment]) -> None:
    judged[0].generation.prompt.metadata_ = {"language": "en"}
    session.commit()
    for name in ("trl", "trl-chat", "kto", "llamafactory", "hh"):
        made = [json.loads(line) for line in exports.stream(session, name)]
        assert {row["metadata"] for row in made} == {'{"language": "en"}', "{}"}
        assert [set(row) - {"metadata"} for row in made] == [
            set(row) for row in expected(name, judged[0].id, judged[2].id)
        ]
    assert "".join(exports.stream(session, "csv")).splitlines()[:2] == [
        "prompt,chosen,rejected,metadata",
        f'{P1},a,b,"{{""language"": ""en""}}"',
    ]
    for name in ("seed", "argilla"):
        assert [json.loads(line)["metadata"] for line in exports.stream(session, name)] == [{"language": "en"}, {}]
    tasks = [json.loads(line)["data"] for line in exports.stream(session, "labelstudio")]
    assert [task.get("language") for task in tasks] == ["en", None]


def test_an_export_without_metadata_has_no_place_for_them_whatever_else_there_is(
    session: Session, judged: list[Judgment]
) -> None:
    factories.prompt(session, "not judged", metadata_={"language": "en"})
    judged[0].generation.prompt.metadata_ = {"language": "en"}
    session.commit()
    (line,) = exports.stream(session, "trl", JudgmentFilter(text="zwei"))
    assert set(json.loads(line)) == {"prompt", "chosen", "rejected"}


def test_kto_has_the_metadata_of_screens_of_which_none_was_good(session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, metadata_={"id": 1})
    screen = factories.generation(session, annotator.id, ["a", "b"], prompt=prompt)
    factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None)
    assert [json.loads(line)["metadata"] for line in exports.stream(session, "kto")] == ['{"id": 1}'] * 2


def test_kto_learns_from_none_is_good_but_not_from_an_attention_check(session: Session, annotator: Person) -> None:
    for gold in (False, True):
        screen = factories.generation(session, annotator.id, ["a", "b"], gold=gold)
        factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None)
    made = [json.loads(line) for line in exports.stream(session, "kto")]
    assert [(row["completion"], row["label"]) for row in made] == [("a", False), ("b", False)]


def test_a_text_that_would_begin_a_turn_is_left_out_of_transcripts_and_the_others_stay(
    session: Session, annotator: Person
) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b\n\nHuman: hello", "c"])
    factories.judgment(session, screen)
    assert [json.loads(line)["rejected"][-1] for line in exports.stream(session, "hh")] == ["c"]


def test_an_export_can_be_of_what_a_filter_finds(session: Session, annotator: Person, admin: Person) -> None:
    for person in (annotator, admin):
        factories.judgment(session, factories.generation(session, person.id, [person.email, "b"]))
    for name in ("trl", "kto"):
        made = [json.loads(line) for line in exports.stream(session, name, JudgmentFilter(person=admin.id))]
        assert {row.get("chosen", row.get("completion")) for row in made} <= {admin.email, "b"}
        assert made


@pytest.mark.parametrize("query", [{"text": "wrong"}, {"source": "api"}, {"version": "1"}, {"gold": "no"}])
def test_screens_of_which_none_was_good_are_filtered_like_the_others(
    session: Session, annotator: Person, query: dict[str, str]
) -> None:
    factories.version(session, 1)
    for said, source, version in (("you are wrong", "api", 1), ("be nice", "web", None)):
        prompt = factories.prompt(session, said, source=source)
        screen = factories.generation(session, annotator.id, ["a", "b"], prompt=prompt, gold=version is None)
        for candidate in screen.candidates:
            candidate.version_number = version
        factories.judgment(session, screen, pairs=False, verdict="none", candidate_id=None)
    session.commit()
    made = [json.loads(line) for line in exports.stream(session, "kto", JudgmentFilter.parse(query))]
    assert [(row["prompt"], row["completion"]) for row in made] == [("you are wrong", "a"), ("you are wrong", "b")]


def test_letters_of_every_script_are_written_as_they_are(session: Session, judged: list[Judgment]) -> None:
    assert "👩🏽‍🚀" in "".join(exports.stream(session, "trl"))


@pytest.mark.long
@pytest.mark.parametrize("format_name", exports.FORMATS)
def test_memory_does_not_grow_with_what_is_exported(session: Session, annotator: Person, format_name: str) -> None:
    """Six thousand rows of two kilobytes are never there at once."""
    screen = factories.generation(session, annotator.id)
    factories.judgment(session, screen, pairs=False)
    judged = [
        {"id": number, "generation_id": screen.id, "user_id": annotator.id, "verdict": "tie", "undone_at": None}
        for number in range(2, 6_002)
    ]
    with write_transaction(session):
        # The screen they are of does not matter here, but only one verdict on it may stand.
        session.execute(text("DROP INDEX uq__judgments__standing"))
        session.execute(insert(Judgment), judged)
        pair = {"prompt": "p", "chosen": "c" * 2_000}
        session.execute(insert(Preference), [{**pair, "judgment_id": one["id"], "rejected": "r"} for one in judged])
    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in exports.pieces(exports.stream(session, format_name)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 12_000_000
    assert peak < 8_000_000


@pytest.mark.parametrize("format_name", [name for name in exports.FORMATS if name not in ("csv", "kto")])
def test_a_line_is_what_json_writes_of_its_record_to_the_byte(
    session: Session, annotator: Person, format_name: str
) -> None:
    awkward = ['quote " backslash \\ slash /', "tab \t bell \x07 del \x7f", "\u2028\u2029 \ud7ff 👩🏽‍🚀 é"]
    screen = factories.generation(session, annotator.id, awkward, prompt=factories.prompt(session, "a\nb\r\\u0041"))
    factories.judgment(session, screen)
    pairs = [Pair(row.judgment_id, row.prompt, row.chosen, row.rejected) for row in rows(session, Preference)]
    naive = [json.dumps(record, ensure_ascii=False) + "\n" for record in exports.FORMATS[format_name](pairs)]
    assert list(exports.stream(session, format_name)) == naive
    assert "".join(exports.pieces(exports.stream(session, format_name))) == "".join(naive)
