"""The teacher of the base checkpoint, and what is chosen of what it writes."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.tiny.llama import build_tiny_llama
from worker.base.teaching.distil import Teacher, choose, shortlist, written
from worker.base.teaching.pool import Written
from worker.base.teaching.teacher import (
    BOUNDARY,
    FineTuning,
    asked,
    batches,
    examples,
    fine_tune,
    loss_of,
    pairs_to_learn,
    save_generator,
)
from worker.base.texts.corpus import Row

PAIRS = [("the fucking tea is bad", "The tea is bad."), ("you stupid idiot , go home", "Please go home.")] * 8


@pytest.fixture
def model(tmp_path: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(build_tiny_llama(tmp_path / "llama")).train(False)


@pytest.fixture
def tokenizer(tmp_path: Path, model: Any) -> Any:
    fast = AutoTokenizer.from_pretrained(tmp_path / "llama")
    fast.add_special_tokens({"additional_special_tokens": [BOUNDARY]})
    model.resize_token_embeddings(len(fast), mean_resizing=False)
    return fast


def test_the_neutral_rewrite_that_keeps_most_is_learned_in_neat_spelling() -> None:
    row = Row("the fucking tea is bad", ("my brother is a banker", "the tea is bad , really", "the fucking tea is bad"))

    assert pairs_to_learn([row, Row("you idiot", ("you idiot",))]) == [(row.toxic, "The tea is bad, really")]


def test_the_loss_is_the_models_own_over_the_rewrites_tokens_alone(model: Any, tokenizer: Any) -> None:
    batch = examples(PAIRS[:2], tokenizer.backend_tokenizer, random.Random(1))
    losses, counts = [], []
    for ids, question in batch:
        labels = torch.tensor([[-100] * question + ids[question:]])
        losses.append(model(input_ids=torch.tensor([ids]), labels=labels).loss.item())
        counts.append(len(ids) - question)

    own = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)

    assert loss_of(model, 1, batch).item() == pytest.approx(own, rel=2e-2)


def test_batches_hold_every_example_once_and_no_more_tokens_than_told(tokenizer: Any) -> None:
    made = examples(PAIRS, tokenizer.backend_tokenizer, random.Random(1))

    groups = list(batches(made, 200, random.Random(2)))

    assert sorted(map(str, (example for group in groups for example in group))) == sorted(map(str, made))
    assert all(len(group) * max(len(ids) for ids, _ in group) <= 200 for group in groups)


def test_the_upper_layers_learn_and_nothing_else_changes(model: Any, tokenizer: Any) -> None:
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    batch = examples(PAIRS[:2], tokenizer.backend_tokenizer, random.Random(1))
    loss = loss_of(model, 1, batch).item()

    fine_tune(model, tokenizer.backend_tokenizer, PAIRS, FineTuning(passes=20, layers=1, learning_rate=1e-2))

    changed = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    assert changed
    assert all(".layers.1." in name for name in changed)
    assert loss_of(model, 1, batch).item() < loss


def test_a_teacher_writes_lines_of_its_own(model: Any, tokenizer: Any, tmp_path: Path) -> None:
    save_generator(model, tokenizer, tmp_path / "out")

    rewrites = Teacher(tmp_path / "out")(["the fucking tea is bad", "you idiot"])

    assert len(rewrites) == 2
    for texts in rewrites:
        assert texts
        assert len(set(texts)) == len(texts)
        assert not any("\n" in text or asked("") in text for text in texts)


def test_the_shortlist_is_neutral_neat_and_without_copies() -> None:
    source = "the fucking tea is bad"
    texts = [source, "the  fucking tea is bad", "the tea is bad , really", "you fucking idiot", "", "the tea is bad"]

    assert set(shortlist(source, texts)) == {"The tea is bad, really", "The tea is bad"}
    assert shortlist(source, [source]) == ()


def test_a_shortlist_is_made_of_what_people_model_and_teacher_write() -> None:
    rows = [Row("the fucking tea is bad", ("the tea is bad",)), Row("you fucking idiot", ())]

    def writer(sources: Sequence[str]) -> list[dict[str, float]]:
        return [{"the tea is not good": -0.1}, {"you are wrong": -0.1}]

    def teacher(sources: Sequence[str]) -> list[list[str]]:
        return [["this tea is bad"], ["you are not very smart"]]

    first, second = written(rows, writer, teacher)

    assert first.source == rows[0].toxic
    assert set(first.rewrites) == {"The tea is bad", "The tea is not good", "This tea is bad"}
    assert set(second.rewrites) == {"You are wrong", "You are not very smart"}


def test_of_rewrites_that_keep_the_meaning_the_fluent_one_is_chosen() -> None:
    texts = ("The tea is bad", "Tea the bad is", "My brother works in a bank")
    pool = [Written("the fucking tea is bad", texts), Written("you idiot", ("My brother works in a bank",))]

    chosen = list(choose(pool, {texts[0]: 0.6, texts[1]: 0.1, texts[2]: 0.9}))

    assert chosen == [("the fucking tea is bad", "The tea is bad")]
