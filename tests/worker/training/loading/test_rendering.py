"""Rows in the form that each kind of model takes: plain text with named speakers, or the turns of a chat template."""

from types import SimpleNamespace
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from tests.worker.training.methods.ppo.toy import toy_tokenizer
from worker.training.loading.rendering import as_text, is_chat, prompt_ids, render, texts_of, token_ids
from worker.training.shared.training_errors import ConversationRefused

SYSTEM, USER = {"role": "system", "content": "red"}, {"role": "user", "content": "bad"}
SAID = {"role": "assistant", "content": "well"}
TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('No tools.') }}{% endif %}"
    "{{ m.role }} {{ m.content }} {% endfor %}{% if add_generation_prompt %}assistant {% endif %}"
)


def loaded(architecture: str, template: str | None = None) -> Any:
    tokenizer = toy_tokenizer()
    tokenizer.chat_template = template
    return SimpleNamespace(architecture=architecture, tokenizer=tokenizer)


def words(tokenizer: PreTrainedTokenizerFast, *texts: str) -> list[int]:
    return [number for text in texts for number in tokenizer(text, add_special_tokens=False).input_ids]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("as it is", "as it is"),
        ([USER], "bad"),
        ([USER, SYSTEM], "red\n\nbad"),
        ([SYSTEM, USER, SAID, USER], "red\n\nHuman: bad\n\nAssistant: well\n\nHuman: bad\n\nAssistant:"),
        ([USER, {"role": "judge", "content": "no"}], "Human: bad\n\njudge: no\n\nAssistant:"),
    ],
)
def test_messages_are_one_text_with_the_system_first_and_speakers_named_where_there_are_several(
    text: Any, plain: str
) -> None:
    assert as_text(text) == plain


def test_a_row_keeps_its_other_columns_and_its_texts_are_put_into_the_form_of_the_model() -> None:
    rows = [{"prompt": "bad", "chosen": "well", "rejected": [SAID], "weight": 0.5}, {"prompt": [USER], "label": True}]
    assert render(rows, loaded("causal", TEMPLATE)) == [
        {"prompt": [USER], "chosen": [SAID], "rejected": [SAID], "weight": 0.5},
        {"prompt": [USER], "label": True},
    ]
    for plain in (loaded("causal"), loaded("seq2seq", TEMPLATE)):
        assert render(rows, plain) == [
            {"prompt": "bad", "chosen": "well", "rejected": "well", "weight": 0.5},
            {"prompt": "bad", "label": True},
        ]
    assert render([{"prompt": "a", "completion": [SAID]}], loaded("causal")) == [{"prompt": "a", "completion": "well"}]
    assert [is_chat(one) for one in (loaded("causal", TEMPLATE), loaded("causal"), loaded("seq2seq", TEMPLATE))] == [
        True, False, False,
    ]  # fmt: skip


def test_the_texts_of_a_row_are_its_prompt_and_its_completions_in_order() -> None:
    assert texts_of({"rejected": "c", "chosen": [SAID], "prompt": [SYSTEM, USER], "x": "y"}) == (
        "red\n\nbad",
        "well",
        "c",
    )
    assert texts_of({"completion": "a"}) == ("a",)


def test_plain_texts_are_encoded_each_by_itself_and_the_completion_ends() -> None:
    for one in (loaded("causal"), loaded("seq2seq")):
        end = one.tokenizer.eos_token_id
        bad, well = words(one.tokenizer, "bad"), words(one.tokenizer, "well")
        before = [*bad, end] if one.architecture == "seq2seq" else one.tokenizer("bad").input_ids
        assert token_ids(one, "bad", "well") == (before, [*well, end])
        assert prompt_ids(one, "bad") == before


def test_a_conversation_is_split_where_the_template_begins_the_answer() -> None:
    chat = loaded("causal", TEMPLATE)
    before = words(chat.tokenizer, "user bad assistant")
    assert token_ids(chat, [USER], [SAID]) == (before, words(chat.tokenizer, "well"))
    assert prompt_ids(chat, [USER]) == before
    thinking = loaded("causal", TEMPLATE.replace("assistant {% endif", "assistant ill {% endif"))
    assert token_ids(thinking, [USER], [SAID]) == (before, words(chat.tokenizer, "well"))
    assert prompt_ids(thinking, [USER]) == [*before, *words(chat.tokenizer, "ill")]


def test_what_a_template_does_not_take_is_refused_in_its_words() -> None:
    with pytest.raises(ConversationRefused) as refusal:
        prompt_ids(loaded("causal", TEMPLATE), [{"role": "tool", "content": "bad"}])
    assert str(refusal.value) == "The model's chat template refuses it: No tools."
