"""What is said of a file of training data, as figures and as sentences."""

from __future__ import annotations

import json

from models.formats import RowFile, rows_from, sentences, summary

ASKED = [{"role": "user", "content": "Hello"}]
SAID = [{"role": "assistant", "content": "Good morning!"}]
OTHER = [{"role": "assistant", "content": "What?"}]
ROWS = [
    {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
    {"prompt": "Hi", "chosen": "Hello!", "rejected": "Yes?"},
    {"prompt": "Hi", "chosen": "Hello!", "rejected": "Yes?"},
    {"prompt": ASKED, "chosen": SAID, "rejected": OTHER},
    {"prompt": "Hi", "chosen": "Hello!"},
]


def file() -> RowFile:
    return rows_from("\n".join(json.dumps(row) for row in ROWS).encode(), "a.jsonl")


def test_a_file_is_told_in_figures() -> None:
    said = summary(file())
    assert {name: said[name] for name in said if name not in ("characters", "problems", "notes")} == {
        "format": "preference",
        "kind": "preference",
        "row_count": 5,
        "usable": 4,
        "left_out": 1,
        "duplicates": 1,
        "prompts": 2,
        "conversations": 1,
        "ties": 0,
        "judgments": 0,
        "people": 0,
        "objectives": {},
        "kinds": ["preference", "unpaired", "completion", "prompt", "ranked"],
    }
    assert said["characters"]["prompt"] == {"median": 2, "p95": 5, "longest": 5}
    assert said["characters"]["rejected"] == {"median": 4, "p95": 5, "longest": 5}
    assert said["problems"] == [{"line": 5, "reason": "there is no rejected: the fields are prompt, chosen"}]


def test_a_file_is_told_in_sentences() -> None:
    said = list(sentences(file()))
    assert said[0].startswith("Format: preference, which holds ")
    assert said[1] == "Rows: 5, of which 4 can be used, with 2 different prompts; 1 of them are conversations."
    assert "Rows that repeat an earlier one: 1." in said
    assert "Characters of prompt: median 2, 95 % at most 5, longest 5." in said
    assert said[-1] == "Can be read as: preference, unpaired, completion, prompt, ranked."
