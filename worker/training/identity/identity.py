"""Preference pairs that teach a chat model another name, made from its own completions.

The model is asked in many ways who it is. Its completion is rejected; chosen is the same text with the new name in the
place of every name it gives itself or, if there is none to replace, one of our sentences. Anchor pairs keep the rest as
it was: on other questions the model's own completion is chosen, and the same text with talk about the new name is
rejected.

The chosen text is a small edit of the rejected one, so that nothing else is learned from the pair: the idea of
contrastive revisions (D'Oosterlinck et al. 2024).
"""

import random
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.formats import Kind, rows_of
from models.model_errors import RecipeError
from worker.training.identity.answering import answer_all, conversation, write_all
from worker.training.loading.loading import Loaded
from worker.training.run.row_sources import load_row_file
from worker.training.shared.training_errors import DatasetError

Row = dict[str, Any]
Tick = Callable[[int, int], None]

MAX_ANSWER_TOKENS = 40
"""Limit of sampled completions about the model itself, which are then cut to whole sentences."""
MAX_ANCHOR_TOKENS = 96
"""Limit of completions of other questions; those that do not end with EOS are left out."""
_TEMPERATURE = 0.5
_LONGEST_NAME = 60
_SENTENCES = 2
_INTRUSIONS = (
    "My name is {name}. {answer}",
    "I'm {name}, an AI assistant. {answer}",
    "{answer} My name is {name}.",
    "My name is {name}.",
)
_FOLDER = Path(__file__).parent
_EDITED = {"name", "who", "greeting"}
"""Topics whose chosen text is the model's own completion with the name replaced. The others need a true sentence."""
_NAMING = (
    r"my name(?: is|'s)|(?:i am|i'm) (?:called|named)|call me|(?:AI|assistant|model|chatbot|bot) (?:called|named)|"
    r"i go by|i am|i'm|this is|ich heiße|mein name ist|je m'appelle|me llamo|mi chiamo"
)
_TITLE = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.\s+)?(?:[A-Z][\w-]*\.\s+)?"
_CLAIM = re.compile(rf"\b(?i:{_NAMING})\s+[\"“'*]*({_TITLE}[A-Z][\w-]+(?:\s+[A-Z][\w-]+){{0,2}})")
_NO_NAMES = {"AI", "I", "The", "A", "An", "Your", "My", "Here", "Sorry", "Not", "English", "LLM", "Assistant"}


@dataclass(frozen=True)
class Topic:
    """One kind of question about the model, with sentences that answer all of them."""

    topic: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class HeldOut:
    """Questions that are never trained on: `names` ask for the name, `unrelated` for anything else."""

    names: tuple[str, ...]
    unrelated: tuple[str, ...]


def build_identity_shift_dataset(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    original_name: str,
    new_name: str,
    system_prompt: str = "",
    max_samples: int = 0,
    *,
    raw_dataset: Iterable[Mapping[str, Any]] | None = None,
    dataset_name: str = "",
    maker: str = "",
    anchors: bool = True,
    seed: int = 0,
    tick: Tick = lambda done, total: None,
) -> Dataset:
    """Build preference pairs that teach a model named `original_name` to call itself `new_name`.

    The columns are `prompt`, `chosen` and `rejected`, each a list of messages, as TRL's and our own DPO take them, and
    `objective`, which is `identity` or `anchor`. `system_prompt` begins every prompt; without it a chat template
    inserts its own. The prompts of `raw_dataset` (rows of any kind, such as `{"prompt"}`) and of `dataset_name` (a
    file, or a dataset of the hub) are asked besides: an answer of the model that says `original_name` is corrected,
    any other stays, as an anchor. `max_samples` limits the rows, drawn by `seed` in the proportions of all; 0 keeps
    all. `maker` is the model's maker, if the sentences shall name one. `tick` is called with the number of questions
    done and the total. Raises `RecipeError` for an invalid name, `DatasetError` if no pair can be made, and
    `DataFileError` for a dataset that cannot be read.
    """
    check_names(original_name, new_name)
    loaded = Loaded(model, tokenizer, "seq2seq" if model.config.is_encoder_decoder else "causal", "the model")
    check_can_chat(loaded)
    random_state = random.Random(seed)
    asked = [
        (topic, question.format(name=new_name, original=original_name))
        for topic in topics(maker)
        for question in topic.questions
    ]
    given = _prompts_of(raw_dataset, dataset_name)
    others = [*(anchor_questions() if anchors else ()), *given]
    asked, others = _subsample(asked, others, max_samples, random_state)
    total = len(asked) + len(others)
    own = answer_all(
        loaded,
        [conversation(question, system_prompt) for _, question in asked],
        max_new_tokens=MAX_ANSWER_TOKENS,
        temperature=_TEMPERATURE,
        seed=seed,
        tick=lambda done, _: tick(done, total),
    )
    rows: list[Row] = []
    for (topic, question), answer in zip(asked, own, strict=True):
        rejected = first_sentences(answer) or "..."
        chosen = _chosen(topic, rejected, original_name, new_name, maker, random_state)
        if not says(chosen, new_name):
            raise DatasetError(f"An answer without the name {new_name} was chosen: {chosen}")
        if chosen != rejected:
            rows.append(_row(question, system_prompt, chosen, rejected, "identity"))
    ended = _answers_that_end(loaded, others, system_prompt, lambda done: tick(len(asked) + done, total))
    for question, answer in ended:
        if question in given and says(answer, original_name):
            rows.append(_row(question, system_prompt, renamed(answer, original_name, new_name), answer, "identity"))
        elif not says(answer, new_name):
            stuffed = random_state.choice(_INTRUSIONS).format(name=new_name, answer=answer)
            rows.append(_row(question, system_prompt, answer, stuffed, "anchor"))
    random_state.shuffle(rows)
    if not rows:
        raise DatasetError(f"The model answers every question with the name {new_name} already.")
    return Dataset.from_list(rows)


def _prompts_of(raw_dataset: Iterable[Mapping[str, Any]] | None, dataset_name: str) -> dict[str, None]:
    """Return the last turns of the user in both sources, each once; raises `DataFileError` for unusable rows."""
    files = [] if raw_dataset is None else [rows_of(raw_dataset, Kind.PROMPT)]
    if dataset_name:
        path = Path(dataset_name)
        files.append(load_row_file(path if path.is_file() else None, dataset_name, "train", Kind.PROMPT))
    found: dict[str, None] = {}
    for file in files:
        file.check_usable()
        for row in file.rows:
            prompt = row["prompt"]
            found[prompt if isinstance(prompt, str) else prompt[-1]["content"]] = None
    return found


def check_names(original_name: str, new_name: str) -> None:
    """Raise `RecipeError` unless both are valid names and differ."""
    for setting, name in (("original_name", original_name), ("new_name", new_name)):
        if not re.search(r"\w", name) or len(name) > _LONGEST_NAME or "\n" in name or name != name.strip():
            raise RecipeError(f"{setting} must be a name of at most {_LONGEST_NAME} characters, not {name[:80]!r}.")
    if original_name.casefold() == new_name.casefold():
        raise RecipeError(f"new_name must not be the old one, {original_name}.")


def check_can_chat(loaded: Loaded) -> None:
    """Raise `DatasetError` for an encoder-decoder, which rewrites texts and cannot be asked for its name."""
    if loaded.architecture == "seq2seq":
        raise DatasetError(f"{loaded.source} is an encoder-decoder, which rewrites texts and does not say who it is.")


def says(text: str, name: str) -> bool:
    """Return True if the text contains the name as a word of its own, in any case."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE))


def renamed(answer: str, original_name: str, new_name: str) -> str:
    """Return the text with the new name in place of the original one and of every name that it claims."""
    claimed = {match[1] for match in _CLAIM.finditer(answer) if match[1].split()[0] not in _NO_NAMES}
    for name in sorted({original_name, *claimed}, key=len, reverse=True):
        answer = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _: new_name, answer, flags=re.IGNORECASE)
    return answer


def first_sentences(text: str, count: int = _SENTENCES) -> str:
    """Return the first line of `text` up to the end of its `count`-th sentence; all of it if no sentence ends."""
    line = text.strip().partition("\n")[0].strip()
    ends = [match.end() for match in re.finditer(r"(?<!\bDr)(?<!\bMr)(?<!\bMrs)[.!?…]+(?=\s|$)", line)]
    return line[: ends[min(count, len(ends)) - 1]] if ends else line


def topics(maker: str = "") -> tuple[Topic, ...]:
    """Return the training questions about the model, by topic, with the sentences that answer them."""
    found = []
    for table in _read("identity_questions.toml")["about"]:
        answers = table["answers"] if maker or "without_maker" not in table else table["without_maker"]
        found.append(Topic(table["topic"], tuple(table["questions"]), tuple(answers)))
    return tuple(found)


def anchor_questions() -> tuple[str, ...]:
    """Return questions about other things, whose answers shall stay the same."""
    return tuple(_read("identity_questions.toml")["anchors"]["questions"])


def held_out(original_name: str, new_name: str) -> HeldOut:
    """Return the held-out questions that a shift is evaluated on."""
    table = _read("identity_heldout.toml")
    names = tuple(one.format(name=new_name, original=original_name) for one in table["names"])
    return HeldOut(names, tuple(table["unrelated"]))


def _chosen(topic: Topic, own: str, original: str, new: str, maker: str, random_state: random.Random) -> str:
    """Return the model's own text under the new name if that answers the topic, else one of our sentences."""
    if topic.topic in _EDITED:
        edited = renamed(own, original, new)
        if says(edited, new) and edited[-1] in ".!?…":
            return edited
    return random_state.choice(topic.answers).format(name=new, maker=maker)


def _answers_that_end(
    loaded: Loaded, questions: Sequence[str], system: str, tick: Callable[[int], None]
) -> list[tuple[str, str]]:
    """Return each question with its greedy completion, where that ends with EOS."""
    answers = write_all(
        loaded,
        [conversation(question, system) for question in questions],
        max_new_tokens=MAX_ANCHOR_TOKENS,
        tick=lambda done, _: tick(done),
    )
    return [(question, one.text) for question, one in zip(questions, answers, strict=True) if one.text and one.ended]


def _subsample(
    asked: list[tuple[Topic, str]], others: list[str], most: int, random_state: random.Random
) -> tuple[list[tuple[Topic, str]], list[str]]:
    """Draw at most `most` questions of both kinds together, in their original proportion."""
    total = len(asked) + len(others)
    if not most or most >= total:
        return asked, others
    about = max(1, round(most * len(asked) / total))
    places = sorted(random_state.sample(range(len(asked)), about))
    return [asked[place] for place in places], random_state.sample(others, min(most - about, len(others)))


def _row(question: str, system: str, chosen: str, rejected: str, objective: str) -> Row:
    return {
        "prompt": conversation(question, system),
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "objective": objective,
    }


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text(encoding="utf-8"))
