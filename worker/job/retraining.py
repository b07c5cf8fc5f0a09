"""Retraining on clicks with any method: its data, and the training that fills a staged version's `model/`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.services.training import preference_rows
from app.services.training.rebuilds.readings import Reading
from app.services.training.selection import EVERYTHING, Selection
from app.services.training.setting_labels import METHODS
from models.model_errors import VersionDamaged, VersionMissing
from models.serving.generator import Sampling
from models.settings.clicks import ClickOptions, DPOClickOptions, click_config, click_options
from models.settings.losses import LISTWISE
from models.store.evaluation_figures import preference_in_words
from models.store.learned_from import LearnedFrom
from models.store.store import ADAPTER_FOLDER, HEAD_FILE, MODEL_FOLDER, SERVING_FOLDER, CheckpointStore
from worker.job import dataset, head_pairs, weighing
from worker.job.rebuilds.provenance import provenance
from worker.publish.release import Facts
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio
from worker.training.shared.examples import PreferenceExample

if TYPE_CHECKING:
    from worker.training.clicks.chat_sieve import ChatSieve
    from worker.training.clicks.sieve import Sieve
    from worker.training.distributed.launcher import Launcher
    from worker.training.shared.progress import Progress

Train = Callable[[Path, Path, Path, "Progress", Sequence[PreferenceExample], "Launcher"], dict[str, float]]
"""From the parent's model folder, the staged folder, the run folder, a progress listener, pairs labelled by the reward
head and what starts the processes that train to the metrics of the training."""


@dataclass(frozen=True)
class Retraining:
    """One retraining: the pairs, the configuration for the manifest, and the training function.

    `learns_from` describes the data in words, `prompts` are its prompts, `judgments` the ids of its judgments. `beta`
    scales the margins reported for held-out pairs; `head_pairs` is the most pairs labelled by the reward head to add to
    the clicks. `sieve` keeps what can be trained on, and knows which of the clicks it left out.
    """

    clicks: dataset.Split
    sieve: Sieve
    learns_from: str
    prompts: tuple[str, ...]
    config: Mapping[str, object]
    beta: float
    head_pairs: int
    data_sha256: str
    train: Train
    judgments: frozenset[int] = frozenset()


def made_from(studio: Studio, attempt: Attempt) -> tuple[Mapping[str, object], str]:
    """Return the settings and the hash of the data from which the run's version is made; raises as `carry_out`."""
    retraining = _prepared(studio, attempt)
    return retraining.config, retraining.data_sha256


def carry_out(studio: Studio, attempt: Attempt, run_dir: Path, staged: Path, recorder: Progress) -> Facts:
    """Train from the parent version on the run's judgments, and fill the staged version.

    Clicks that cannot be trained on are left out. Raises VersionMissing, RecipeError, or TrainingError of any kind.
    """
    from worker.evaluation.automatic import Clicks, evaluate_staged
    from worker.evaluation.expected_preference import measured_preference
    from worker.publish import staging
    from worker.publish.gate import evaluate_version
    from worker.training.clicks.shipped_texts import shipped_texts
    from worker.training.distributed.launcher import launcher
    from worker.training.loading.rendering import texts_of
    from worker.training.shared.progress import stop_if_cancelled

    weights = weighing.weights_of_run(studio, attempt, run_dir)
    retraining = _prepared(studio, attempt, weights)
    assert attempt.parent is not None  # or it could not be prepared
    clicks = retraining.clicks
    parent_folder, parent_serving = (
        studio.store.folder(attempt.parent) / name for name in (MODEL_FOLDER, SERVING_FOLDER)
    )
    role = "the starting point" if attempt.method == "orpo" else "the starting point and the reference model"
    recorder.log(f"{retraining.learns_from}; version {attempt.parent} is {role}.")
    log_reading(studio, attempt, recorder)
    with studio.sessions() as session:
        known = dataset.trained_on(session, studio.store, attempt.parent)
    tests = dataset.without_known(clicks.held_out, known, attempt.parent, recorder.log)
    left_out = _log_left_out(retraining.sieve, recorder)
    taught = head_pairs.fit_and_label(
        studio, attempt, parent_serving, run_dir, recorder, most=retraining.head_pairs, clicks=clicks, weights=weights
    )
    pairs = [(pair.prompt, pair.chosen, pair.rejected) for pair in taught.labelled]
    taught = replace(taught, labelled=tuple(retraining.sieve.pairs(taught.labelled)))
    _log_left_out(retraining.sieve, recorder, left_out)
    learned_from = LearnedFrom(tuple(sorted(retraining.judgments)), taught.judgments)
    learned_from.write(staged)
    attempt.keep_read(learned_from.ids, pairs, shipped_texts().__contains__)
    weighed = weighing.told(weights, learned_from.ids, staged, recorder.log)
    made_of = provenance(learned_from, retraining.data_sha256, taught.sha256, pairs, retraining.config["seed"])
    if taught.head is not None:
        (staged / HEAD_FILE).write_bytes(taught.head.to_bytes())
    known.including([*retraining.prompts, *(pair.prompt for pair in taught.labelled)]).write(staged)
    origin = where_clicks_began(studio.store, attempt.parent, recorder)
    launch = launcher(studio.settings.training_processes)
    trained = retraining.train(parent_folder, staged, run_dir, recorder, taught.labelled, launch)
    recorder.stage("converting")
    if origin is not None and _interpolate(studio.store, origin, staged, recorder):
        trained = {**trained, "interpolated_towards": origin}
        trained.pop("policy_moved", None)  # measured before
    seen = map(texts_of, dataset.pair_rows([*clicks.train, *taught.labelled]))
    parity = staging.prepare(staged, seen, parent_serving, recorder.log)
    stop_if_cancelled(recorder)
    recorder.stage("evaluating")
    evaluation = evaluate_version(parent_folder, staged / MODEL_FOLDER, clicks.train)
    settings = studio.settings
    sampling = Sampling(settings.temperature, settings.top_p, settings.top_k)
    report = evaluate_staged(
        staged / SERVING_FOLDER,
        parent_serving,
        sampling,
        settings.home / "cache",
        Clicks(tests, retraining.beta),
        check=lambda: stop_if_cancelled(recorder),
    )
    if "problem" in report:
        recorder.log(report["problem"])
    preferred = (
        measured_preference(
            staged / SERVING_FOLDER,
            parent_serving,
            taught.head,
            taught.judged,
            taught.prompts,
            sampling,
            check=lambda: stop_if_cancelled(recorder),
        )
        if taught.head is not None
        else {}
    )
    recorder.log(preference_in_words(preferred, attempt.parent))
    stop_if_cancelled(recorder)
    return Facts(
        parent=attempt.parent,
        run_id=attempt.run_id,
        run_key=attempt.key,
        method=attempt.method,
        config=retraining.config,
        data_sha256=retraining.data_sha256,
        provenance=made_of,
        metrics={
            **trained,
            **evaluation,
            **taught.as_dict(),
            **weighed,
            "parity": parity,
            "preferred": preferred,
            "evaluation": report,
        },
    )


def log_reading(studio: Studio, attempt: Attempt, recorder: Progress) -> None:
    """Log which of the clicks a run reads, where it does not read all."""
    selection = Selection.parse(attempt.selection)
    if selection != EVERYTHING:
        recorder.log(f"Chosen among all clicks: those {selection.describe()}.")
    if attempt.without is not None:
        recorder.log(f"It is trained {attempt.without.words}.")
    with studio.sessions() as session:
        hurried = preference_rows.count_hurried(session, attempt.last_judgment_id, selection)
    if hurried:
        clicks_left_out = "1 click" if hurried == 1 else f"{hurried:,} clicks"
        recorder.log(f"Left out, since they came too quickly to have been read: {clicks_left_out}.")


def where_clicks_began(store: CheckpointStore, parent: int, recorder: Progress) -> int | None:
    """Return the version with which training on clicks began, or None if `parent` is it or it cannot be found.

    A version that was held to it names it, so that versions between them may have been deleted. Raises StoreAway, and
    StoreError if there is no room for it on this machine.
    """
    number = parent
    try:
        while (manifest := store.manifest(number)).run_id is not None and manifest.method in METHODS:
            named = manifest.metrics.get("interpolated_towards", manifest.parent)
            if named is None:
                return None
            number = int(named)
        store.folder(number)
    except (VersionDamaged, VersionMissing) as error:
        recorder.log(f"Nothing holds the new version to where clicks began: {error}")
        return None
    return None if number == parent else number


def _interpolate(store: CheckpointStore, origin: int, staged: Path, recorder: Progress) -> bool:
    """Interpolate the staged model towards version `origin`, and return whether that was possible."""
    from worker.training.clicks.interpolation import SHARE, interpolate_towards
    from worker.training.shared.training_errors import CheckpointError

    model = staged / MODEL_FOLDER
    try:
        fits = interpolate_towards(store.folder(origin) / MODEL_FOLDER, model)
    except (VersionDamaged, VersionMissing, CheckpointError) as error:
        recorder.log(f"Nothing holds the new version to where clicks began: {error}")
        return False
    if not fits:
        recorder.log(f"The weights of version {origin} have other shapes, so nothing holds the new version to it.")
        return False
    for adapter in (model / ADAPTER_FOLDER, staged / ADAPTER_FOLDER):
        shutil.rmtree(adapter, ignore_errors=True)  # it leads from the parent to weights that are no longer these
    recorder.log(
        f"Clicks have trained since version {origin}: the new version goes {SHARE:.0%} of the way from there, so that "
        "what was learned adds up and the rest does not drift away."
    )
    return True


def _log_left_out(sieve: Sieve, recorder: Progress, known: int = 0) -> int:
    """Log what the sieve left out beyond the first `known`, and return how many it has left out."""
    from worker.training.clicks.sieve import named

    for sentence in named(sieve.left_out[known:]):
        recorder.log(sentence)
    return len(sieve.left_out)


def _prepared(studio: Studio, attempt: Attempt, weights: weighing.Weights = MappingProxyType({})) -> Retraining:
    if attempt.parent is None:
        raise VersionMissing(f"Run {attempt.run_id} names no version to train from.")
    parent = studio.store.folder(attempt.parent) / MODEL_FOLDER
    with studio.sessions() as session:
        return prepare(
            session, attempt.method, attempt.config, attempt.last_judgment_id, parent, attempt.reading, weights
        )


def prepare(
    session: Session,
    method: str,
    config: Mapping[str, object],
    last_judgment_id: int,
    parent: Path,
    selection: Reading = EVERYTHING,
    weights: weighing.Weights = MappingProxyType({}),
) -> Retraining:
    """Return the retraining of a run, on the selected judgments up to that id, from the model in the folder `parent`.

    Clicks that cannot be trained on are left out. The others count in the loss by the `weights` of their judgments.
    Raises `RecipeError`, `CheckpointError`, or `DatasetError` if no pair is left.
    """
    from worker.training.clicks.sieve import Sieve

    options = click_options(method, config)
    sieve = Sieve(parent, options)
    clicks = dataset.split(usable_pairs(sieve, dataset.preference_examples(session, last_judgment_id, selection)))
    lists = isinstance(options, DPOClickOptions) and LISTWISE in options.loss_type
    clicks = replace(clicks, train=weighing.weighed_pairs(clicks.train, weights, lists=lists))
    judgments = frozenset(example.click for example in clicks.train if example.click is not None)
    if isinstance(options, DPOClickOptions):
        return replace(_dpo(options, clicks, sieve), judgments=judgments)
    if method == "kto":
        sieve.left_out.clear()  # the pairs, which only its figures are measured on
        marked = sieve.texts(dataset.marked_texts(session, last_judgment_id, clicks, selection))
        rows = dataset.unpaired_rows(weighing.weighed_texts(marked, weights))
        good = sum(row["label"] for row in rows)
        said = f"{good} good and {len(rows) - good} bad texts"
        retraining = _by_method(method, options, clicks, sieve, said, rows, dataset.unpaired_sha256(rows))
        return replace(retraining, judgments=frozenset(one.judgment for one in marked))
    pairs, digest = dataset.pair_rows(clicks.train), dataset.data_sha256(clicks.train)
    return replace(_by_method(method, options, clicks, sieve, _pairs(clicks), pairs, digest), judgments=judgments)


def usable_pairs(sieve: Sieve | ChatSieve, examples: Sequence[PreferenceExample]) -> list[PreferenceExample]:
    """Return the pairs that can be trained on; raises DatasetError if there are none."""
    from worker.training.clicks.sieve import counted
    from worker.training.shared.training_errors import DatasetError

    if not examples:
        raise DatasetError(
            "There is nothing to train on: no click of this run that still stands prefers one text to another."
        )
    usable = sieve.pairs(examples)
    if not usable:
        raise DatasetError(f"No pair can be trained on: of {len(examples)}, {counted(sieve.left_out)}.")
    return usable


def _dpo(options: DPOClickOptions, clicks: dataset.Split, sieve: Sieve) -> Retraining:
    def train(
        parent: Path,
        staged: Path,
        run_dir: Path,
        progress: Progress,
        labelled: Sequence[PreferenceExample],
        launch: Launcher,
    ) -> dict[str, float]:
        from worker.training.clicks.click_dpo import train_dpo

        examples = [*clicks.train, *labelled]
        return train_dpo(parent, examples, options, staged / MODEL_FOLDER, progress, run_dir, launch).as_dict()

    digest = dataset.data_sha256(clicks.train)
    prompts = tuple(example.prompt for example in clicks.train)
    config = click_config(options)
    return Retraining(clicks, sieve, _pairs(clicks), prompts, config, options.beta, options.head_pairs, digest, train)


def _by_method(
    method: str,
    options: ClickOptions,
    clicks: dataset.Split,
    sieve: Sieve,
    learns_from_words: str,
    rows: Sequence[dataset.Row],
    digest: str,
) -> Retraining:
    as_rows = dataset.pairs_as_unpaired if method == "kto" else dataset.pair_rows

    def train(
        parent: Path,
        staged: Path,
        run_dir: Path,
        progress: Progress,
        labelled: Sequence[PreferenceExample],
        launch: Launcher,
    ) -> dict[str, float]:
        from worker.training.clicks.click_training import train_on_clicks

        learned = [*rows, *as_rows(labelled)]
        result = train_on_clicks(method, parent, learned, options, run_dir, progress, launcher=launch)
        for name in (MODEL_FOLDER, ADAPTER_FOLDER):
            if (run_dir / name).is_dir():  # linked: the run folder keeps it until the version is published
                shutil.copytree(run_dir / name, staged / name, copy_function=os.link)
        return result.as_dict()

    settings: dict[str, Any] = click_config(options)
    prompts = tuple(row["prompt"] for row in rows)
    return Retraining(
        clicks, sieve, learns_from_words, prompts, settings, settings["beta"], options.head_pairs, digest, train
    )


def _pairs(clicks: dataset.Split) -> str:
    return f"{len(clicks.train)} pairs"
