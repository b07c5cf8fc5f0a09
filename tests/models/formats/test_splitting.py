"""Which rows are held out: by a hash, for good, and with all rows of their wording."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.formats.splitting import (
    held_out_keys,
    some_held_out_keys,
    split_by_prompt,
    split_key,
    without_prompts_of,
)
from models.model_errors import DataFileError

SENTENCES = [f"sentence {number}" for number in range(2000)]


def sha1(text: str) -> int:
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)


def test_the_dev_share_is_that_of_the_published_split() -> None:
    held_out = held_out_keys(SENTENCES)
    assert held_out == {split_key(text) for text in SENTENCES if sha1(text) % 20 == 0}
    assert 60 <= len(held_out) <= 140
    assert held_out_keys(SENTENCES, 0) == frozenset()
    assert held_out_keys(f" {text} " for text in SENTENCES) == held_out


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("You are dumb.", "you are dumb"),
        ("don't do it", "dont   do it"),
        ("Straße", "STRASSE"),
        ("ｗｈｏ？", "who"),
        ("! ?", "!?"),
    ],
)
def test_case_signs_and_spaces_make_no_other_wording(one: str, other: str) -> None:
    assert split_key(one) == split_key(other)


def test_signs_alone_are_a_wording_of_their_own() -> None:
    assert len({split_key(text) for text in ("!", "?", "👍", "a")}) == 4


def test_messages_are_split_by_their_text() -> None:
    messages = [{"role": "user", "content": "You fool"}, {"role": "assistant", "content": "why?"}]
    assert split_key(messages) == "youfoolwhy"


@given(
    st.lists(st.text("ab! ", min_size=1, max_size=6), min_size=2, max_size=30),
    st.integers(2, 6),
)
def test_no_wording_is_on_both_sides(prompts: list[str], dev_split: int) -> None:
    rows: list[dict[str, Any]] = [{"prompt": prompt, "number": number} for number, prompt in enumerate(prompts)]
    if len(set(map(split_key, prompts))) < 2:
        with pytest.raises(DataFileError, match="one prompt only"):
            split_by_prompt(rows, dev_split)
        return
    train, held_out = split_by_prompt(rows, dev_split)
    assert train
    assert held_out
    assert sorted(row["number"] for row in (*train, *held_out)) == list(range(len(rows)))
    assert not {split_key(row["prompt"]) for row in train} & {split_key(row["prompt"]) for row in held_out}


def test_where_the_hash_holds_out_none_the_same_one_is_chosen_each_time() -> None:
    few = [text for text in SENTENCES if sha1(text) % 20][:4]
    assert len(some_held_out_keys(few)) == 1
    assert some_held_out_keys(few) == some_held_out_keys(few[::-1])


def test_rows_of_a_validation_files_prompts_are_not_trained_on() -> None:
    rows = [{"prompt": "You fool!"}, {"prompt": "you there"}]
    assert without_prompts_of(rows, [{"prompt": "you fool"}]) == rows[1:]
