"""The benchmark of a chat model's answers measures every way, and the document quotes what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import results
from benchmarks.chat import three_answers
from tests.tiny.chat import build_tiny_chat

ROOT = Path(__file__).parents[2]
WAYS = 6


def test_every_way_writes_three_answers_and_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build_tiny_chat(tmp_path / "tiny")
    forms = three_answers.converted(model, tmp_path)
    three_answers.measure(model, forms, rounds=1, tokens=3, threads=1)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert len({line["claim"] for line in lines}) == WAYS
    for line in lines:
        for figures in (line["measured"], line["baseline_measured"]):
            assert 0 < figures["first_token_ms"] <= figures["p50_ms"]


def test_the_document_quotes_what_was_measured() -> None:
    kept = [line for line in results() if line["claim"].startswith("three answers of 60 tokens")]
    assert len(kept) == WAYS
    page = (ROOT / "docs" / "chat.md").read_text(encoding="utf-8")
    for line in kept:
        one, three = line["baseline_measured"], line["measured"]
        cells = (one["first_token_ms"], one["p50_ms"], three["first_token_ms"], three["p50_ms"], three["times_one"])
        row = " | ".join(f"{value:.2f}" for value in (*(cell / 1000 for cell in cells[:4]), cells[4]))
        assert f"| {line['claim'].partition(', ')[2]} | {row} |" in page
