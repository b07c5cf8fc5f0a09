"""Which clicks a method can train on, and how those are named that it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from models.settings.clicks import click_options
from worker.training.clicks.sieve import NAMED, LeftOut, Sieve, counted, named
from worker.training.shared.examples import MarkedText, PreferenceExample

GOOD = PreferenceExample("you are stupid", "you are wrong", "you are a moron", click=1)
SAME = "chosen and rejected texts that are the same to the model"


def sieve(folder: Path, method: str = "dpo", **settings: object) -> Sieve:
    return Sieve(folder, click_options(method, settings))


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        ("you are\N{NO-BREAK SPACE}a moron", SAME),
        ("you are a moron</s>", SAME),
        ("<pad>you are a moron", SAME),
        ("</s>", "an empty completion"),
        ("\N{NO-BREAK SPACE}", "an empty completion"),
        ("you are <unk>", "the model's special token <unk> in a text"),
        ("you " * 600, "a completion of more than 512 tokens"),
    ],
)
def test_a_pair_that_cannot_be_trained_on_is_left_out_alone(tiny_t5: Path, chosen: str, reason: str) -> None:
    found = sieve(tiny_t5)
    bad = PreferenceExample("you are stupid", chosen, "you are a moron", click=2)
    assert found.pairs([bad, GOOD, bad]) == [GOOD]
    assert found.left_out == [LeftOut(2, chosen, reason)] * 2


def test_every_special_token_of_the_models_own_is_a_reason_in_the_prompt_too(tiny_t5: Path, tmp_path: Path) -> None:
    folder = tmp_path / "t5"
    shutil.copytree(tiny_t5, folder)
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    sentinel = dict(tokenizer["added_tokens"][0], id=400, content="<extra_id_0>")
    tokenizer["model"]["vocab"] += [["<extra_id_0>", 0.0]]
    sentinel["id"] = len(tokenizer["model"]["vocab"]) - 1
    tokenizer["added_tokens"].append(sentinel)
    file.write_text(json.dumps(tokenizer))
    bad = PreferenceExample("you <extra_id_0> fool", GOOD.chosen, GOOD.rejected)
    assert sieve(tiny_t5).pairs([bad]) == [bad], "only a model that has the token reads it as one"
    found = sieve(folder)
    assert found.pairs([bad]) == []
    assert found.left_out[0].reason == "the model's special token <extra_id_0> in a text"


def test_a_long_prompt_is_cut_by_dpo_and_a_reason_for_the_others(tiny_t5: Path) -> None:
    for method, limit, kept in (("dpo", "max_prompt_length", 1), ("orpo", "max_prompt_length", 0)):
        found = sieve(tiny_t5, method, **{limit: 3})
        assert len(found.pairs([GOOD])) == kept
    assert found.left_out[0].reason == "a prompt of more than 3 tokens"


def test_a_marked_text_may_be_too_long(tiny_t5: Path) -> None:
    exact = MarkedText("you are stupid", "you are wrong", True, 1)  # four tokens with its end
    longer = MarkedText("you are stupid", "you are very wrong", False, 1)
    found = sieve(tiny_t5, "kto", max_completion_length=4)
    assert found.texts([exact, longer]) == [exact]
    assert found.left_out == [LeftOut(1, longer.text, "a completion of more than 4 tokens")]


def test_a_text_that_one_judgment_marks_good_and_bad_is_left_out_on_both_sides(tiny_t5: Path) -> None:
    good = MarkedText("stop", "you are\N{NO-BREAK SPACE}wrong", True, 1)
    bad = MarkedText("stop", "you are wrong", False, 1)
    rest = MarkedText("stop", "no", False, 1)
    of_another = MarkedText("stop", "you are wrong", True, 2)
    found = sieve(tiny_t5, "kto")
    assert found.texts([good, bad, rest, of_another]) == [rest, of_another]
    assert [one.quote for one in found.left_out] == [good.text, bad.text]


def test_reasons_are_counted() -> None:
    left_out = [LeftOut(1, "a", "x"), LeftOut(1, "b", "y"), LeftOut(2, "c", "x")]
    assert counted(left_out) == "2 have x, 1 have y"


def test_the_first_judgments_are_named_with_a_quote_and_the_others_counted() -> None:
    left_out = [LeftOut(number, "w" * 50, SAME) for number in range(1, NAMED + 4) for _ in range(2)]
    first, *_, last = sentences = named(left_out)
    assert first == f"Left out of the training: 2 of judgment 1 ('{'w' * 40}…'), with {SAME}."
    assert last == "Left out of the training for such reasons: 6 more."
    assert len(sentences) == NAMED + 1


def test_pairs_of_no_judgment_are_counted() -> None:
    assert named([LeftOut(None, "a", SAME)]) == [
        f"Left out of the pairs labelled by what the clicks say: 1 have {SAME}."
    ]
    assert named([]) == []
