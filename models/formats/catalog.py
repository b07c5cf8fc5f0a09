"""Every form of rows that is known, in the order in which they are tried, each with a row to show."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.formats.annotations import Record
from models.formats.rows import Fields, Kind, Row
from models.formats.schemas import argilla, chat, instructions, labelstudio, prodigy, scored, studio, transcripts, trl
from models.words import N_


@dataclass(frozen=True)
class Format:
    """A form of rows: how to know it, how to read it into rows of `kind`, and one row of it, as JSON, to show.

    Where a row holds the answers of people one by one, `record` reads what each of them said, and there is no `read`.
    """

    name: str
    kind: Kind
    what: str
    example: str
    read: Callable[[Fields], list[Row]] | None
    fits: Callable[[Fields], bool]
    record: Callable[[Fields], Record] | None = None


def _annotated(
    name: str,
    kind: Kind,
    what: str,
    example: str,
    record: Callable[[Fields], Record],
    fits: Callable[[Fields], bool],
) -> Format:
    """Return a format whose rows hold the answers of people one by one."""
    return Format(name, kind, what, example, None, fits, record)


def _has(*names: str) -> Callable[[Fields], bool]:
    return lambda fields: all(name in fields for name in names)


def _is_list(fields: Fields, name: str, of: type = object) -> bool:
    value = fields.get(name)
    return isinstance(value, list) and all(isinstance(item, of) for item in value)


def _example(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False)


_ASKED = {"role": "user", "content": "Hi"}
_SAID = {"role": "assistant", "content": "Hello!"}
_HEARD = "\n\nHuman: Hi\n\nAssistant:"

_LIST = (
    _annotated(
        "judgments",
        Kind.PREFERENCE,
        N_("the studio's table of judgments: candidates in the order shown, and what was said of them"),
        _example(
            {"prompt": "you fool", "candidates": ["ha", "you"], "verdict": "chosen", "position": 2, "person": "Ada"}
        ),
        studio.read_table,
        _has("prompt", "candidates", "verdict"),
    ),
    _annotated(
        "labelstudio",
        Kind.PREFERENCE,
        N_("Label Studio: tasks with a ranker or two texts side by side, with an annotation for each person"),
        _example(
            {
                "data": {"prompt": "you fool", "candidates": [{"id": "c1", "body": "you"}, {"id": "c2", "body": "ha"}]},
                "annotations": [
                    {"result": [{"type": "ranker", "value": {"ranker": {"chosen": ["c1"], "rejected": ["c2"]}}}]}
                ],
            }
        ),
        labelstudio.read_labelstudio,
        labelstudio.is_labelstudio,
    ),
    _annotated(
        "argilla",
        Kind.RANKED,
        N_("Argilla: records with a ranking of their fields, with a response for each person"),
        _example(
            {
                "fields": {"prompt": "you fool", "response-1": "you", "response-2": "ha"},
                "responses": [
                    {
                        "values": {
                            "ranking": {
                                "value": [{"value": "response-1", "rank": 1}, {"value": "response-2", "rank": 2}]
                            }
                        }
                    }
                ],
            }
        ),
        argilla.read_argilla,
        argilla.is_argilla,
    ),
    _annotated(
        "prodigy",
        Kind.PREFERENCE,
        N_("Prodigy: a text, its options, and which of them a person accepted"),
        _example(
            {
                "text": "you fool",
                "options": [{"id": "A", "text": "you"}, {"id": "B", "text": "ha"}],
                "accept": ["A"],
                "answer": "accept",
            }
        ),
        prodigy.read_prodigy,
        lambda fields: _is_list(fields, "options", dict) and ("accept" in fields or "answer" in fields),
    ),
    Format(
        "ultrafeedback",
        Kind.RANKED,
        N_("UltraFeedback: an instruction and completions with scores"),
        _example(
            {
                "instruction": "Hi",
                "completions": [
                    {"response": "Hello!", "overall_score": 8.5},
                    {"response": "What?", "overall_score": 4.0},
                ],
            }
        ),
        scored.read_ultrafeedback,
        lambda fields: _is_list(fields, "completions", dict) and ("instruction" in fields or "prompt" in fields),
    ),
    Format(
        "ultrafeedback-fine-grained",
        Kind.RANKED,
        N_("the same, ranked by the fine-grained score or the mean of the ratings; never guessed, so name it"),
        _example(
            {
                "instruction": "Hi",
                "completions": [
                    {"response": "Hello!", "fine-grained_score": 4.5},
                    {"response": "What?", "fine-grained_score": 2.0},
                ],
            }
        ),
        scored.read_fine_grained,
        lambda fields: False,
    ),
    Format(
        "shp",
        Kind.PREFERENCE,
        N_("Stanford Human Preferences: a post and two replies; labels is 1 if A is preferred"),
        _example({"history": "Hi", "human_ref_A": "Hello!", "human_ref_B": "What?", "labels": 1}),
        scored.read_shp,
        _has("history", "human_ref_a", "human_ref_b"),
    ),
    Format(
        "sharegpt",
        Kind.COMPLETION,
        N_("ShareGPT: conversations of turns with from and value"),
        _example({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]}),
        chat.read_sharegpt,
        lambda fields: _is_list(fields, "conversations") and "chosen" not in fields,
    ),
    Format(
        "sharegpt-preference",
        Kind.PREFERENCE,
        N_("ShareGPT with a chosen and a rejected turn, as LLaMA-Factory has it"),
        _example(
            {
                "conversations": [{"from": "human", "value": "Hi"}],
                "chosen": {"from": "gpt", "value": "Hello!"},
                "rejected": {"from": "gpt", "value": "What?"},
            }
        ),
        chat.read_sharegpt,
        lambda fields: _is_list(fields, "conversations") and "chosen" in fields,
    ),
    Format(
        "hh",
        Kind.PREFERENCE,
        N_("Anthropic's HH-RLHF: two transcripts that differ in their last turn"),
        _example({"chosen": f"{_HEARD} Hello!", "rejected": f"{_HEARD} What?"}),
        transcripts.read_transcripts,
        lambda fields: (
            "prompt" not in fields and all(transcripts.is_transcript(fields.get(n)) for n in ("chosen", "rejected"))
        ),
    ),
    Format(
        "llamafactory",
        Kind.PREFERENCE,
        N_("LLaMA-Factory: instruction, input, chosen, rejected; system and history where there are any"),
        _example({"instruction": "Greet.", "input": "Hi", "chosen": "Hello!", "rejected": "What?"}),
        instructions.read_llamafactory,
        _has("instruction", "chosen", "rejected"),
    ),
    Format(
        "seed",
        Kind.PREFERENCE,
        N_("the studio's JSON: a text, the chosen rewrite and the rejected ones"),
        _example({"toxic": "you fool", "chosen": "you", "rejected": ["ha", "you idiot"]}),
        studio.read_seed,
        lambda fields: (
            "chosen" in fields
            and ("toxic" in fields or ("prompt" in fields and _is_list(fields, "rejected", str)))
            and "rejected" in fields
        ),
    ),
    Format(
        "preference",
        Kind.PREFERENCE,
        N_("TRL's preferences: texts or messages, with the prompt or with whole conversations that share it"),
        _example({"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}),
        trl.read_preference,
        _has("chosen", "rejected"),
    ),
    Format(
        "kto",
        Kind.UNPAIRED,
        N_("TRL's unpaired preferences: an answer with a label, true for good"),
        _example({"prompt": "Hi", "completion": "Hello!", "label": True}),
        trl.read_unpaired,
        _has("prompt", "completion", "label"),
    ),
    Format(
        "ranked",
        Kind.RANKED,
        N_("a prompt and its answers, best first, or with as many scores"),
        _example({"prompt": "Hi", "responses": ["Hello!", "Yes?", "What?"]}),
        trl.read_ranked,
        lambda fields: _is_list(fields, "responses"),
    ),
    Format(
        "alpaca",
        Kind.COMPLETION,
        N_("Alpaca: instruction, input, output"),
        _example({"instruction": "Greet.", "input": "", "output": "Hello!"}),
        instructions.read_alpaca,
        _has("instruction", "output"),
    ),
    Format(
        "chat",
        Kind.COMPLETION,
        N_("conversations: the assistant's last turn is the answer"),
        _example({"messages": [_ASKED, _SAID]}),
        chat.read_chat,
        lambda fields: _is_list(fields, "messages"),
    ),
    Format(
        "completion",
        Kind.COMPLETION,
        N_("TRL's prompts with their completions"),
        _example({"prompt": "Hi", "completion": "Hello!"}),
        trl.read_completion,
        _has("prompt", "completion"),
    ),
)
PROMPT = Format(
    "prompt",
    Kind.PROMPT,
    N_("prompts alone, under the name prompt, toxic, text, source or instruction"),
    _example({"prompt": "Hi"}),
    trl.read_prompt,
    lambda fields: any(name in fields for name in trl.PROMPT_NAMES),
)
FORMATS: Mapping[str, Format] = {one.name: one for one in (*_LIST, PROMPT)}
"""Every format but `pairs`, which models.formats.files.pair_files reads, by its name."""

FIELD_NAMES = tuple(
    sorted(
        {name.casefold() for one in FORMATS.values() for name in json.loads(one.example)}
        | {"scores", "system", "weight"}  # what a row may have besides
        | {"source", "target"}  # the two sides of a pair, whatever its columns are called
    )
)
"""The fields that a column of another name can stand for, in lower case."""
