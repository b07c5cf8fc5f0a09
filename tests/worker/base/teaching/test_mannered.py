"""Rewrites that a model is taught in manners: what is chosen, what is left out, and going on after a stop."""

import threading
from pathlib import Path

import pytest

from app.config import EMBEDDED_BASE_MODEL
from models.manners import PLAIN
from models.serving.engine import Engine
from models.serving.generator import COMPUTE_TYPE
from worker.base.teaching.mannered import (
    Chosen,
    Judged,
    choices,
    is_sound,
    qualities,
    read_chosen,
    write,
    written,
)
from worker.base.texts.corpus import Row
from worker.base.texts.ngrams import Ngrams
from worker.publish.convert import convert_to_ctranslate2

SOURCE = "You should shut your stupid mouth about the tea."


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "serving"
    convert_to_ctranslate2(EMBEDDED_BASE_MODEL, folder)
    return folder


def test_the_best_of_all_was_written_and_each_manner_has_its_best() -> None:
    written = {"You should be quiet about the tea.": 0.8, "Be quiet!": 0.5, "Please be quiet about the tea.": 0.7}
    by_rule = {"Could you be quiet about the tea?": 0.9}

    found = choices(SOURCE, Judged(written, by_rule))

    assert found[0] == Chosen(SOURCE, "You should be quiet about the tea.", PLAIN)
    manners = {one.manner: one.rewrite for one in found[1:]}
    assert manners["brief"] == "Be quiet!" == manners["lively"]
    assert manners["question"] == "Could you be quiet about the tea?" == manners["gentle"]


def test_what_is_much_worse_than_the_best_is_taken_in_no_manner() -> None:
    assert [
        one.manner for one in choices(SOURCE, Judged({"you should talk about the tea": 0.8, "Be quiet!": 0.4}, {}))
    ] == [PLAIN]
    assert choices(SOURCE, Judged({"Be quiet!": 0.1}, {})) == []


def test_copies_rude_rewrites_and_those_of_another_meaning_are_not_judged_good() -> None:
    likely = {
        SOURCE: 0.0,
        "You stupid idiot, the tea.": 0.0,
        "The trains run late on Mondays.": 0.0,
        "Please stop talking about the tea.": 0.0,
    }

    judged = qualities(SOURCE, likely)

    assert list(judged.written) == ["Please stop talking about the tea."]
    assert "Could you stop talking about the tea?" in judged.by_rule


def test_words_that_nobody_knows_are_not_sound() -> None:
    ngrams = Ngrams(["you should be quiet about the tea ."] * 5)
    assert is_sound("shut up about the teapot .", "You should be quiet about the teapot.", ngrams)
    assert not is_sound("shut up about the teapot .", "You should be quietant about the teapot.", ngrams)


def test_a_stopped_choice_goes_on_behind_the_last_sentence(serving: Path, tmp_path: Path) -> None:
    rows = [Row("you are a fucking moron and your idea is crap .", ("your idea is not good .",)), Row(SOURCE, ())]
    out = tmp_path / "chosen.jsonl"
    assert write(rows[:1], serving, out, lambda source, rewrite: True, threading.Event()) > 0
    before = read_chosen(out)
    out.write_text(out.read_text(encoding="utf-8") + '["you are a fuck', encoding="utf-8")

    write(rows, serving, out, lambda source, rewrite: True, threading.Event())

    after = read_chosen(out)
    assert after[: len(before)] == before
    assert {one.source for one in after[len(before) :]} == {SOURCE}


def test_a_model_without_manners_writes_plainly(serving: Path) -> None:
    engine = Engine(serving, compute_type=COMPUTE_TYPE, threads=1, seed=3)
    found = written(engine, SOURCE)
    assert len(found) > 5
    assert all(value <= 0 for value in found.values())
    assert not any("stupid" in text.lower() for text in found)
