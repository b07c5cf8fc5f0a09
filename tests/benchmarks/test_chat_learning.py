"""What the benchmark of clicks on a chat model counts, by hand, and the whole of it with a tiny model."""

from __future__ import annotations

import argparse
import json
import math
import random
from pathlib import Path

import pytest

from benchmarks.__main__ import results
from benchmarks.chat import learning
from benchmarks.chat.learning import Answers, finding, parts, seen
from benchmarks.chat.taste import click, is_broken, likable, short_and_friendly
from tests.tiny.chat import build_tiny_chat

ROOT = Path(__file__).parents[2]
ASKED = "How do I cook rice?"
KIND = "You can cook rice in water."
COLD = "Cook rice in water."
LONG = "You can cook rice in water, and then in more water, until nothing of what was there before is left of it."


def test_no_instruction_that_is_clicked_is_measured() -> None:
    measured, tried, clicked = parts()
    assert (len(measured), len(tried)) == (48, 24)
    assert len(clicked) >= 40
    assert len({*measured, *tried, *clicked}) == len(measured) + len(tried) + len(clicked)


def test_the_taste_wants_short_friendly_whole_answers_on_the_matter() -> None:
    score = {text: short_and_friendly(ASKED, text) for text in (KIND, COLD, LONG, KIND[:-1], "You can run home.", "")}
    assert score[KIND] > score[COLD]
    assert score[KIND] > score[LONG]
    assert score[KIND] > score[KIND[:-1]]
    assert score[KIND] > score["You can run home."] > score[""]
    assert likable(ASKED, KIND) == likable(ASKED, LONG)
    assert is_broken("and on and on and on and on and on")


def test_a_person_clicks_the_better_answer_more_often_but_not_always() -> None:
    chance = random.Random(0)
    clicked = [click(ASKED, [COLD, KIND], chance) for _ in range(200)]
    assert 100 < sum(clicked) < 200


def test_every_answer_is_compared_with_every_one_that_was_shown_before() -> None:
    before = Answers([[COLD, COLD, KIND, LONG, LONG, KIND]], 0.5)
    found = seen([ASKED], Answers([[KIND, COLD, LONG]], 1.0), before, lambda _, answer: -float(len(answer.split())))
    assert found.wins["shown"] == [pytest.approx((2.5 + 1.0 + 0.0) / 9)]
    assert found.wins["shorter"] == [pytest.approx((0.5 + 2.0 + 0.0) / 9)]
    assert found.wins["likable"] == [pytest.approx((2.5 + 1.0 + 2.5) / 9)]
    assert found.wins["ceiling"] == [pytest.approx((2.5 + 2.5 + 1.0) / 9)]
    assert (found.after["ended"], found.before["ended"]) == (1.0, 0.5)
    assert found.after["words"] == pytest.approx((6 + 4 + 22) / 3)
    claim = finding("a claim", [found], 1.0)
    assert not claim.met
    assert claim.measured["shown_low"] == claim.measured["shown"] == pytest.approx(3.5 / 9)


def test_a_tiny_model_is_clicked_trained_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build_tiny_chat(tmp_path / "tiny")
    monkeypatch.setattr(learning, "MOST_TOKENS", 4)
    monkeypatch.setattr(learning, "parts", lambda: (["Hello?"], ["Why?"], ["One?", "Two?", "Three?"]))
    options = argparse.Namespace(model=model, clicks=3, people=[1], trying=False, settings=[{"max_steps": 1}])
    learning.measure(options, tmp_path)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert line["claim"] == '3 clicks on a chat model, {"max_steps": 1}, person 1'
    assert 0 <= line["measured"]["shown"] <= 1
    assert line["baseline_measured"]["nats_a_token"] < 0


def test_the_document_quotes_what_was_measured() -> None:
    kept = [line for line in results() if line["program"] == "chat.learning"]
    assert kept
    page = (ROOT / "docs" / "chat.md").read_text(encoding="utf-8")
    for line in kept:
        seen_of = line["measured"]
        rates = [
            f"{cut(seen_of[name], 2)} [{cut(seen_of[f'{name}_low'], 2)}, {cut(seen_of[f'{name}_high'], 2)}]"
            for name in ("shown", "likable", "shorter", "again", "ceiling")
        ]
        assert f"| {line['claim'].rpartition(', ')[2]} | {' | '.join(rates)} |" in page
        assert f"{cut(line['baseline_measured']['words'], 1)} → {cut(seen_of['words'], 1)}" in page


def cut(figure: float, places: int) -> str:
    """A figure that is cut off, never rounded up."""
    return f"{math.floor(figure * 10**places) / 10**places:.{places}f}"
