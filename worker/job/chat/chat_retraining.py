"""Retraining of a chat version on clicks: its data, the training of an adapter, and what is checked before it serves.

A version that is trained holds the adapter alone; the base lies in the version that its configuration names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.services.training.rebuilds.readings import Reading
from models.chat.source import adapter_settings
from models.chat.versions import CHAT_BASE, base_of
from models.model_errors import VersionMissing
from models.settings.chat_clicks import ChatOptions, chat_config, chat_options
from models.store.learned_from import LearnedFrom
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER
from models.store.trained_on import TrainedOn
from worker.job import dataset, retraining, weighing
from worker.job.chat import conversations
from worker.job.chat.conversations import Conversations
from worker.job.chat.cut_off import cut_off
from worker.job.rebuilds.provenance import provenance
from worker.publish.release import Facts
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio

if TYPE_CHECKING:
    from worker.training.clicks.chat_sieve import ChatSieve
    from worker.training.shared.progress import Progress


@dataclass(frozen=True)
class Parent:
    """The version that a run starts from: its number, the version that holds its base, and the folders of both.

    `adapter` is its own, None for the base itself.
    """

    number: int
    base_number: int
    base: Path
    adapter: Path | None


@dataclass(frozen=True)
class ChatRetraining:
    """One retraining: the rows to train on, the pairs to test with, and what the manifest says of them."""

    options: ChatOptions
    clicks: dataset.Split
    conversations: Conversations
    sieve: ChatSieve
    learns_from: str
    rows: Sequence[dataset.Row]
    prompts: frozenset[str]
    judgments: frozenset[int]

    @property
    def data_sha256(self) -> str:
        """Return the hash of what it is trained on."""
        return conversations.rows_hash(self.rows)

    def config(self, parent: Parent) -> dict[str, object]:
        """Return the configuration of the version that it makes."""
        return {**chat_config(self.options), CHAT_BASE: parent.base_number}


def made_from(studio: Studio, attempt: Attempt) -> tuple[Mapping[str, object], str]:
    """Return the settings and the hash of the data from which the run's version is made; raises as `carry_out`."""
    parent = _parent(studio, attempt)
    made = _prepared(studio, attempt, parent)
    return made.config(parent), made.data_sha256


def carry_out(studio: Studio, attempt: Attempt, run_dir: Path, staged: Path, recorder: Progress) -> Facts:
    """Train from the parent version on the run's judgments, and fill the staged version.

    Clicks that cannot be trained on are left out. Raises VersionMissing, RecipeError, LoadError if the result cannot be
    served, or TrainingError of any kind.
    """
    from worker.chat.serving_check import check_answers
    from worker.evaluation.chat_pairs import evaluate_pairs
    from worker.training.clicks.chat_training import train_chat
    from worker.training.clicks.sieve import named
    from worker.training.distributed.launcher import launcher
    from worker.training.shared.progress import stop_if_cancelled

    weights = weighing.weights_of_run(studio, attempt, run_dir)
    parent = _parent(studio, attempt)
    made = _prepared(studio, attempt, parent, weights)
    role = "the starting point" if attempt.method == "orpo" else "the starting point and the reference model"
    recorder.log(f"{made.learns_from}; version {parent.number} is {role}.")
    _log_adapter(_asked(attempt), made.options, parent, recorder)
    retraining.log_reading(studio, attempt, recorder)
    for sentence in named(made.sieve.left_out):
        recorder.log(sentence)
    known = TrainedOn.read(studio.store.folder(parent.number)) or TrainedOn()
    tests = dataset.without_known(made.clicks.held_out, known, parent.number, recorder.log)
    learned_from = LearnedFrom(tuple(sorted(made.judgments)), ())
    learned_from.write(staged)
    attempt.keep_read(learned_from.ids, (), lambda _text: False)
    weighed = weighing.told(weights, learned_from.ids, staged, recorder.log)
    made_of = provenance(learned_from, made.data_sha256, "", (), made.options.seed)
    known.including(made.prompts).write(staged)
    trained = train_chat(
        parent.base,
        parent.adapter,
        made.rows,
        attempt.method,
        made.options,
        run_dir,
        recorder,
        launcher(studio.settings.training_processes),
    )
    adapter = staged / ADAPTER_FOLDER
    shutil.copytree(run_dir / ADAPTER_FOLDER, adapter, copy_function=os.link)  # the run folder keeps it, too
    stop_if_cancelled(recorder)
    recorder.stage("converting")
    answers = check_answers(parent.base, parent.adapter, adapter, studio.settings, recorder.log)
    stop_if_cancelled(recorder)
    recorder.stage("evaluating")
    pairs = conversations.pair_rows(tests, made.conversations)
    beta = float(getattr(made.options, "beta", 1.0))
    report = evaluate_pairs(parent.base, parent.adapter, adapter, tests, pairs, beta)
    stop_if_cancelled(recorder)
    return Facts(
        parent=parent.number,
        run_id=attempt.run_id,
        run_key=attempt.key,
        method=attempt.method,
        config=made.config(parent),
        data_sha256=made.data_sha256,
        provenance=made_of,
        metrics={**trained.as_dict(), **weighed, **answers, "evaluation": report},
    )


def _parent(studio: Studio, attempt: Attempt) -> Parent:
    """Return the version that a run starts from; raises VersionMissing."""
    number = attempt.parent
    base_number = None if number is None else base_of(studio.store.manifest(number))
    if number is None or base_number is None:
        raise VersionMissing(f"Run {attempt.run_id} names no version of a chat model to train from.")
    base = studio.store.folder(base_number) / MODEL_FOLDER
    adapter = None if number == base_number else studio.store.folder(number) / ADAPTER_FOLDER
    return Parent(number, base_number, base, adapter)


def _prepared(
    studio: Studio, attempt: Attempt, parent: Parent, weights: weighing.Weights = MappingProxyType({})
) -> ChatRetraining:
    options = _asked(attempt)
    if parent.adapter is not None:  # which is trained further as it is
        options = replace(options, **adapter_settings(parent.adapter))
    with studio.sessions() as session:
        return prepare(session, options, attempt.last_judgment_id, parent.base, attempt.reading, weights)


def _asked(attempt: Attempt) -> Any:
    """Return the settings that the run asks for."""
    config = {name: value for name, value in attempt.config.items() if name != CHAT_BASE}  # of a version made again
    return chat_options(attempt.method, config)


def _log_adapter(asked: ChatOptions, used: ChatOptions, parent: Parent, recorder: Progress) -> None:
    """Log that the parent's adapter is of another size than the run asks for, if it is."""
    if (asked.lora_r, asked.lora_alpha) != (used.lora_r, used.lora_alpha):
        recorder.log(
            f"The adapter of version {parent.number} is trained further, so lora_r is {used.lora_r} and lora_alpha "
            f"{used.lora_alpha}, as in it, and not {asked.lora_r} and {asked.lora_alpha}."
        )


def prepare(
    session: Session,
    options: Any,
    last_judgment_id: int,
    base: Path,
    selection: Reading,
    weights: weighing.Weights = MappingProxyType({}),
) -> ChatRetraining:
    """Return the retraining of a run on the selected judgments up to that id, with the base in the folder `base`.

    Clicks that cannot be trained on are left out. The others count in the loss by the `weights` of their judgments.
    Raises `CheckpointError`, or `DatasetError` if no pair is left.
    """
    from worker.training.clicks.chat_sieve import ChatSieve

    found = conversations.conversations(session, last_judgment_id, selection)
    sieve = ChatSieve(base, options, found, cut_off(session, last_judgment_id, selection))
    examples = conversations.preference_examples(session, last_judgment_id, selection, found)
    clicks = dataset.split(retraining.usable_pairs(sieve, examples))
    if options.method == "kto":
        sieve.left_out.clear()  # the pairs, which only its figures are measured on
        marked = sieve.texts(conversations.marked_texts(session, last_judgment_id, clicks, selection, found))
        rows = conversations.unpaired_rows(weighing.weighed_texts(marked, weights), found)
        good = sum(row["label"] for row in rows)
        said = f"{good} good and {len(rows) - good} bad answers"
        prompts = frozenset(one.prompt for one in marked)
        judgments = frozenset(one.judgment for one in marked)
    else:
        pairs = weighing.weighed_pairs(clicks.train, weights, lists=False)
        rows = conversations.pair_rows(pairs, found)
        said = f"{len(pairs)} pairs"
        prompts = frozenset(one.prompt for one in pairs)
        judgments = frozenset(one.click for one in pairs if one.click is not None)
    return ChatRetraining(options, clicks, found, sieve, said, rows, prompts, judgments)
