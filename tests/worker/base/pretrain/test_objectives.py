"""The pretraining tasks, on ids that are easy to read."""

import itertools
import random
from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from worker.base.build.tokenizer import EOS_ID
from worker.base.pretrain.objectives import Marks, continuation, corrupt, marks_of, random_parts

MARKS = Marks(spans=(901, 902, 903, 904, 905, 906), continuation=999)


def restored(source: Sequence[int], target: Sequence[int]) -> list[int]:
    """Put the spans of a target back where their marks stand in the source."""
    spans: dict[int, list[int]] = {}
    for number in target[:-1]:
        if number in MARKS.spans:
            spans[number] = []
        else:
            spans[list(spans)[-1]].append(number)
    return [number for each in source[:-1] for number in spans.get(each, [each])]


def test_restoring_the_masked_spans_gives_the_text_back() -> None:
    for length in range(2, 119):
        text = list(range(100, 100 + length))
        source, target = corrupt(text, MARKS, random.Random(length))

        assert source[-1] == target[-1] == EOS_ID
        assert restored(source, target) == text


def test_fifteen_percent_are_masked_in_spans_of_three() -> None:
    source, target = corrupt(list(range(100, 200)), MARKS, random.Random(0))

    marks = [number for number in target if number in MARKS.spans]
    assert marks == [901, 902, 903, 904, 905]  # round(15 / 3)
    assert len(target) == 15 + len(marks) + 1
    assert len(source) == 85 + len(marks) + 1


def test_masked_spans_do_not_touch_each_other_but_reach_both_ends() -> None:
    text = list(range(100, 120))
    sources = [corrupt(text, MARKS, random.Random(seed))[0] for seed in range(200)]

    for source in sources:
        assert not any(a in MARKS.spans and b in MARKS.spans for a, b in itertools.pairwise(source))
    assert any(source[0] == 901 for source in sources)
    assert any(source[-2] in MARKS.spans for source in sources)
    assert any(source[-2] == text[-1] for source in sources)


def test_a_text_of_two_ids_has_one_of_them_masked() -> None:
    seen = {(tuple(s), tuple(t)) for s, t in (corrupt([7, 8], MARKS, random.Random(seed)) for seed in range(20))}

    assert seen == {((901, 8, EOS_ID), (901, 7, EOS_ID)), ((7, 901, EOS_ID), (901, 8, EOS_ID))}


def test_a_continuation_is_the_rest_of_the_text_after_a_mark() -> None:
    seen = {(tuple(s), tuple(t)) for s, t in (continuation([7, 8, 9], MARKS, random.Random(n)) for n in range(20))}

    assert seen == {((7, 999, EOS_ID), (8, 9, EOS_ID)), ((7, 8, 999, EOS_ID), (9, EOS_ID))}


def test_every_division_of_a_total_is_drawn() -> None:
    drawn = {tuple(random_parts(4, 2, random.Random(seed))) for seed in range(50)}

    assert drawn == {(1, 3), (2, 2), (3, 1)}


def test_no_text_is_spelt_with_a_mark(tokenizer: Tokenizer) -> None:
    marks = marks_of(tokenizer)
    numbers = {*marks.spans, marks.continuation}

    assert len(numbers) == 13
    assert [tokenizer.id_to_token(number) for number in (*marks.spans[:3], marks.continuation)] == [
        "<0xC0>",
        "<0xC1>",
        "<0xF5>",
        "<0xFF>",
    ]
    every_letter = "".join(map(chr, [*range(1, 0xD800), *range(0xE000, 0x11000), 0x1F600, 0x10FFFF]))
    assert numbers.isdisjoint(tokenizer.encode(every_letter).ids)


def test_a_tokenizer_without_byte_pieces_is_refused() -> None:
    with pytest.raises(ValueError, match="no byte pieces"):
        marks_of(Tokenizer(WordLevel({"a": 0}, unk_token="a")))
