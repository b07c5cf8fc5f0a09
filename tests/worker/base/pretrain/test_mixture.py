"""What is drawn: groups that follow the seed, shares of corpora, lines that follow each other."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from worker.base.build.batches import IGNORED_LABEL, LONGEST, Batch
from worker.base.pretrain.mixture import TASKS, Mixture, by_target, held_out_batches, neighbours, share
from worker.base.pretrain.objectives import Marks, marks_of
from worker.base.pretrain.token_store import TokenCorpus, TokenLines, load_corpora


@pytest.fixture
def corpora(data: Path, tmp_path: Path, tokenizer: Tokenizer) -> list[TokenCorpus]:
    return load_corpora(data, tmp_path / "work", tokenizer)


@pytest.fixture
def marks(tokenizer: Tokenizer) -> Marks:
    return marks_of(tokenizer)


def lines_of(*lines: list[int]) -> TokenLines:
    """Put lines of ids together as a corpus stores them."""
    starts = np.cumsum([0, *map(len, lines)], dtype=np.int64)
    return TokenLines(np.array(list(itertools.chain(*lines)), dtype=np.uint16), starts)


def ids(batches: list[tuple[str, Batch]]) -> list[tuple[str, list[list[int]], list[list[int]]]]:
    return [(task, batch.input_ids.tolist(), batch.labels.tolist()) for task, batch in batches]


def test_a_group_is_the_same_whenever_it_is_drawn(corpora: list[TokenCorpus], marks: Marks) -> None:
    mixture = Mixture(corpora, marks, tokens_each=300, seed=1)
    third = ids(mixture[3])
    mixture[0]

    assert ids(mixture[3]) == third == ids(Mixture(corpora, marks, tokens_each=300, seed=1)[3])
    assert ids(mixture[4]) != third
    assert ids(Mixture(corpora, marks, tokens_each=300, seed=2)[3]) != third


def test_batches_are_of_one_task_and_about_the_size_asked_for(corpora: list[TokenCorpus], marks: Marks) -> None:
    group = Mixture(corpora, marks, tokens_each=600, seed=1)[0]

    assert {task for task, _ in group} == set(TASKS)
    assert all(batch.size < 600 + 2 * LONGEST for _, batch in group)
    for task, batch in group:
        assert all((marks.continuation in row) == (task == "continuation") for row in batch.input_ids.tolist())


def test_batches_hold_little_padding_on_the_side_that_varies_most(corpora: list[TokenCorpus], marks: Marks) -> None:
    group = [batch for task, batch in Mixture(corpora, marks, tokens_each=600, seed=1)[0] if task == "continuation"]

    filled = sum(int((batch.labels != IGNORED_LABEL).sum()) for batch in group)
    assert filled / sum(batch.labels.numel() for batch in group) > 0.8


def test_targets_of_like_length_come_together() -> None:
    pairs = [([5] * 3, [6] * length) for length in (4, 1, 3, 2)]

    assert by_target(pairs, 9) == [[([5] * 3, [6]), ([5] * 3, [6] * 2)], [([5] * 3, [6] * 3), ([5] * 3, [6] * 4)]]


def test_lines_that_follow_are_joined_while_there_is_room() -> None:
    lines = lines_of([5, 6], [7, 8, 9], [10, 11])

    assert neighbours(lines, 0, 7) == [5, 6, 7, 8, 9, 10, 11]
    assert neighbours(lines, 0, 6) == [5, 6, 7, 8, 9]
    assert neighbours(lines, 1, 2) == [7, 8, 9]
    assert neighbours(lines, 2, 50) == [10, 11]


def test_shares_grow_with_the_root_of_the_lines_and_favour_comments() -> None:
    four, one = lines_of([5, 6], [5, 6], [5, 6], [5, 6]), lines_of([5, 6])

    assert share(TokenCorpus("tatoeba_en", four, one)) == 2.0
    assert share(TokenCorpus("tatoeba_en", one, one)) == 1.0
    assert share(TokenCorpus("wiki_talk", four, one)) == 4.0


def test_held_out_batches_are_fixed_and_cover_every_corpus_and_task(corpora: list[TokenCorpus], marks: Marks) -> None:
    batches = held_out_batches(corpora, marks, 300)
    again = held_out_batches(corpora, marks, 300)

    assert {(corpus, task) for corpus, task, _ in batches} == {
        (name, task) for name in ("jigsaw_comments", "topical_chat") for task in TASKS
    }
    assert ids([batch[1:] for batch in batches]) == ids([batch[1:] for batch in again])
