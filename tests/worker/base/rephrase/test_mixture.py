"""Examples of every task, with and without tags; a manner's code is read and not learned."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer

from app.config import EMBEDDED_BASE_MODEL
from worker.base.build.batches import IGNORED_LABEL
from worker.base.build.tokenizer import PAD_ID
from worker.base.rephrase.codes import KINDS, MANNERS, Codes, codes_of, manner_tokens
from worker.base.rephrase.mixture import Example, Material, Rephrasing, by_manner, encoded, held_out_batches
from worker.base.rephrase.pair_files import PairFile

PAIR = ("shut up , you idiot , you talk too much", "please be quiet")
FILES = [
    PairFile("a", "paraphrase", [("I like tea.", "I am fond of tea.")], [("I like rain.", "I am fond of rain.")]),
    PairFile("b", "simplify", [("It was, as it were, bad.", "It was bad.")], []),
]


class OnePair:
    """A source of detoxification with one pair."""

    def mixed(self, rng: random.Random) -> tuple[str, str]:
        return PAIR


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(EMBEDDED_BASE_MODEL / "tokenizer.json"))


@pytest.fixture(scope="module")
def codes(tokenizer: Tokenizer) -> Codes:
    return codes_of(tokenizer)


def mixture(tokenizer: Tokenizer, codes: Codes, seed: int = 1, files: Sequence[PairFile] = FILES) -> Rephrasing:
    detox: Any = OnePair()
    lines = ["He does not want to go to the market with his friends."]
    return Rephrasing(Material(detox, files, lines, by_manner([PAIR])), tokenizer, codes, tokens_each=200, seed=seed)


def test_codes_are_tokens_that_no_text_has(tokenizer: Tokenizer, codes: Codes) -> None:
    numbers = [*codes.kinds.values(), *codes.manners.values()]
    assert (tuple(codes.kinds), tuple(codes.manners), len(set(numbers))) == (KINDS, MANNERS, len(numbers))
    assert set(numbers).isdisjoint(tokenizer.encode("naïve 你好 \U0001f600 brief:").ids)
    assert [tokenizer.token_to_id(token) for token in manner_tokens(tokenizer).values()] == [*codes.manners.values()]


def test_a_group_has_every_task_and_depends_on_its_number_alone(tokenizer: Tokenizer, codes: Codes) -> None:
    groups = [mixture(tokenizer, codes, seed)[number] for seed, number in ((1, 3), (1, 3), (1, 4))]
    tasks = Counter(task for task, _ in groups[0])
    assert set(tasks) == {"detox", "manner", "grammar", "paraphrase", "simplify"}
    assert tasks["detox"] > tasks["manner"] > tasks["simplify"]
    equal = [
        [torch.equal(batch.labels, other.labels) for (_, batch), (_, other) in zip(groups[0], group, strict=False)]
        for group in groups[1:]
    ]
    assert all(equal[0])
    assert not all(equal[1])


def test_half_of_the_examples_have_the_tag_of_their_kind(tokenizer: Tokenizer, codes: Codes) -> None:
    first: Counter[int] = Counter()
    for task, batch in mixture(tokenizer, codes)[0]:
        if task == "detox":
            first.update(batch.input_ids[:, 0].tolist())
    tagged = first[codes.kinds["detox"]] / sum(first.values())
    assert 0.4 < tagged < 0.6
    assert not set(codes.kinds.values()) - {codes.kinds["detox"]} & set(first)


def test_the_code_of_a_manner_is_read_by_the_decoder_and_not_learned(tokenizer: Tokenizer, codes: Codes) -> None:
    for task, batch in mixture(tokenizer, codes)[0]:
        second, learned = batch.decoder_input_ids[:, 1], batch.labels[:, 0]
        assert batch.decoder_input_ids[:, 0].eq(PAD_ID).all()
        coded = torch.isin(second, torch.tensor([*codes.manners.values()]))
        assert coded.all() if task == "manner" else not coded.any()
        assert torch.equal(learned == IGNORED_LABEL, coded)


def test_a_pair_too_long_for_training_is_left_out(tokenizer: Tokenizer, codes: Codes) -> None:
    short, long = Example("a", "b", "grammar", "brief"), Example("word " * 150, "b")
    assert len(encoded([short, long], tokenizer, codes)) == 1


def test_what_is_held_out_is_measured_by_kind_and_in_its_manner(tokenizer: Tokenizer, codes: Codes) -> None:
    batches = held_out_batches([PAIR], FILES, tokenizer, codes, 100)
    assert [(name, task) for name, task, _ in batches] == [
        ("paradetox", "detox"), ("paradetox", "manner"), ("a", "paraphrase"),
    ]  # fmt: skip
    assert batches[1][2].decoder_input_ids[0, 1].item() == codes.manners["brief"]
