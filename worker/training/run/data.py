"""The rows of a run: reading, sampling, and the split into training and held-out rows.

Rows are held out by prompt, so that no completion of a held-out prompt is trained on. Rows that cannot be used are
reported with their line numbers, never dropped silently.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from models.formats import Kind, RowFile, prompt_text, rows_sha256
from models.formats.mixing import by_objective, mix_rows, named_file, parse_mix, under
from models.formats.splitting import split_by_prompt, split_key, without_prompts_of
from models.model_errors import DataFileError
from models.settings.command_line import TrainOptions
from models.store.trained_on import TrainedOn
from models.texts.heldout import is_measured
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Row, prompt_ids, render, token_ids
from worker.training.run.row_sources import load_row_file
from worker.training.shared.examples import WEIGHT
from worker.training.shared.progress import Progress
from worker.training.shared.training_errors import ConversationRefused, DatasetError

LOGGED_PROBLEMS = 200
"""The number of bad rows that the log of a run lists with their lines; the others are counted."""


@dataclass(frozen=True)
class TrainingData:
    """The rows of a run.

    `train` and `held_out` are of the method's kind, `pairs` are held-out preference pairs, if any. `sha256` is the hash
    of the first two; `summary` describes their sources and numbers for the record.
    """

    train: Sequence[Row]
    held_out: Sequence[Row]
    pairs: Sequence[Row]
    sha256: str
    summary: Mapping[str, Any]


def load_training_data(
    kind: str,
    options: TrainOptions,
    progress: Progress,
    *,
    train_files: Sequence[str] = (),
    dataset_name: str = "",
    dataset_split: str = "train",
    validation_file: str = "",
    data_format: str = "auto",
    ranking: str = "best-vs-rest",
    weights: str = "",
    columns: Mapping[str, str] | None = None,
) -> TrainingData:
    """Read, sample and split the rows; `columns` gives fields the names of the columns that hold them.

    Raises `DataFileError` or `DatasetError` with a message of one sentence.
    """
    progress.stage("reading the data")
    named = [named_file(one) for one in train_files] or [("", "")]
    load = partial(load_row_file, columns=columns)

    def read(of: Kind) -> list[tuple[str, RowFile]]:
        """Read each file, or the dataset, as rows of one kind, with its objective."""
        return [
            (name, load(Path(path) if path else None, dataset_name, dataset_split, of, ranking, data_format))
            for name, path in named
        ]

    files = read(Kind(kind))
    for _, file in files:
        _report(file, progress)
    files = [(name, file.without_duplicates()) for name, file in files]
    rows = without_measured(_joined(files), progress)
    if weights:
        rows, said = mix_rows(by_objective(rows), parse_mix(weights), options.seed)
        progress.log(said)
    rows = sample(rows, options)
    if validation_file:
        check = load(Path(validation_file), "", "", Kind(kind), ranking, data_format)
        _report(check, progress)
        train, held_out = without_prompts_of(rows, check.rows), list(check.rows)
        pairs = _preferences(lambda: [("", load(Path(validation_file), "", "", Kind.PREFERENCE, ranking, data_format))])
    else:
        train, held_out = split_by_prompt(rows, options.dev_split)
        prompts = {split_key(row["prompt"]) for row in held_out}
        pairs = [row for row in _preferences(lambda: read(Kind.PREFERENCE)) if split_key(row["prompt"]) in prompts]
    if not train:
        raise DatasetError("No row is left to train on.")
    most = options.max_eval_samples or None
    held_out, pairs = held_out[:most], pairs[:most]
    progress.log(f"To train on: {len(train):,} rows. Held out: {len(held_out):,}.")
    counts = [row.get(WEIGHT, 1.0) for row in train]
    if any(count != 1.0 for count in counts):
        progress.log(f"By their weights, the rows to train on count as {sum(counts):,.1f}.")
    summary = {
        "files": list(train_files) or [f"{dataset_name}[{dataset_split}]"],
        "formats": sorted({file.format for _, file in files}),
        "rows": sum(file.row_count for _, file in files),
        "left_out": sum(file.problem_count for _, file in files),
        "train": len(train),
        "held_out": len(held_out),
    }
    objectives = Counter(row["objective"] for row in train if "objective" in row)
    if objectives:
        summary["objectives"] = dict(objectives)
    return TrainingData(train, held_out, pairs, rows_sha256(train, held_out), summary)


def without_measured(rows: Sequence[Row], progress: Progress) -> list[Row]:
    """Remove the rows whose prompt is in the test set of every version."""
    kept = [row for row in rows if not is_measured(row["prompt"])]
    if len(kept) < len(rows):
        progress.log(f"Rows left out because every version is tested on their prompt: {len(rows) - len(kept):,}.")
    return kept


def without_known(data: TrainingData, known: TrainedOn, progress: Progress) -> TrainingData:
    """Return the data without the held-out rows whose prompt the model was trained on before: they test nothing."""

    def unknown(rows: Sequence[Row]) -> list[Row]:
        seen = known.knows([row["prompt"] for row in rows])
        return [row for row, is_known in zip(rows, seen, strict=True) if not is_known]

    found = replace(data, held_out=unknown(data.held_out), pairs=unknown(data.pairs))
    left_out = len(data.held_out) - len(found.held_out)
    if left_out:
        progress.log(f"Held-out rows that test nothing, because the model was trained on their prompt: {left_out:,}.")
    return found


def fit(data: TrainingData, loaded: Loaded, options: Any, progress: Progress) -> TrainingData:
    """Drop the rows that the model cannot take, and log how many and why.

    They exceed the token limits of `options` or the model's positions, or its chat template refuses them. If `options`
    cut prompts, a long prompt is no reason to drop its row.
    """
    parts: dict[str, Any] = {}
    reasons = ""
    for name in ("train", "held_out", "pairs"):
        rows = getattr(data, name)
        found = [_reason_against(row, loaded, options) for row in rows]
        parts[name] = [row for row, reason in zip(rows, found, strict=True) if not reason]
        out = Counter(reason for reason in found if reason)
        for reason, count in out.items() if name != "pairs" else ():
            first = prompt_text(rows[found.index(reason)]["prompt"]).strip()[:60]
            progress.log(
                f"Left out because {reason}: {count:,} of {len(rows):,} "
                f"{'rows' if name == 'train' else 'held-out rows'}; the first begins with {first!r}."
            )
        if name == "train":
            reasons = " or ".join(out)
    if not parts["train"]:
        raise DatasetError(f"No row can be used, because {reasons}.")
    counts = {"train": len(parts["train"]), "held_out": len(parts["held_out"])}
    return replace(data, **parts, summary={**data.summary, **counts})


def _reason_against(row: Row, loaded: Loaded, options: Any) -> str:
    """Return why the model cannot take a row, or "" if it can."""
    whole = getattr(options, "max_length", 0)
    longest_prompt = math.inf if options.cuts_prompts else getattr(options, "max_prompt_length", 0)
    shown = render([row], loaded)[0]
    completions = [shown[name] for name in ("chosen", "rejected", "completion") if name in shown]
    try:
        lengths = [tuple(map(len, token_ids(loaded, shown["prompt"], text))) for text in completions]
        if not completions:  # one will be sampled
            lengths = [(len(prompt_ids(loaded, shown["prompt"])), getattr(options, "max_completion_length", 0))]
    except ConversationRefused as error:
        return f"t{str(error).rstrip('.')[1:]}"
    for before, after in lengths:
        fits = not whole or before + after <= whole
        if longest_prompt:
            fits = fits and before <= longest_prompt and after <= options.max_completion_length
        if not fits:
            return f"they are longer than {_limits(options)} allow"
        if _window(before, after, loaded) > _positions(loaded):
            sampled = "" if completions else f" with max_completion_length {after}"
            return f"they are longer than the {_positions(loaded):,} tokens that the model can read{sampled}"
    return ""


def _window(before: int, after: int, loaded: Loaded) -> int:
    """Return the positions that a prompt and its completion take: together, or each in its half of the model."""
    return max(before, after + 1) if loaded.architecture == "seq2seq" else before + after


def _positions(loaded: Loaded) -> float:
    """Return the number of positions that the model has; a T5 has no limit, and a classifier's input is cut."""
    if loaded.architecture == "classifier":
        return math.inf
    return getattr(loaded.model.config, "max_position_embeddings", None) or math.inf


def _limits(options: Any) -> str:
    """Return the length limits in `options`, in words."""
    names = [name for name in ("max_length", "max_prompt_length", "max_completion_length") if hasattr(options, name)]
    return " and ".join(f"{name} {getattr(options, name)}" for name in names)


def sample(rows: Sequence[Row], options: TrainOptions) -> list[Row]:
    """Draw `dataset_fraction` of the rows, at least one, and at most `max_samples`, by the seed; keep their order."""
    most = max(1, round(len(rows) * options.dataset_fraction)) if rows else 0
    if options.max_samples:
        most = min(most, options.max_samples)
    drawn = sorted(random.Random(options.seed).sample(range(len(rows)), most))
    return [rows[place] for place in drawn]


def _joined(files: Sequence[tuple[str, RowFile]]) -> list[Row]:
    """Return the rows of all files, each with the objective of its file."""
    return [row for name, file in files for row in (under(name, file.rows) if name else file.rows)]


def _preferences(read: Callable[[], list[tuple[str, RowFile]]]) -> list[Row]:
    """Return the preference rows, or [] if the data hold none."""
    try:
        return _joined(read())
    except DataFileError:
        return []


def _report(file: RowFile, progress: Progress) -> None:
    """Log how a file was read and each row that is left out; raises if too many are."""
    progress.log(f"The data are {file.format}: {file.row_count:,} rows.")
    for note in file.notes:
        progress.log(note)
    if file.problem_count:
        progress.log(file.problem_report(LOGGED_PROBLEMS))
    if file.duplicates:
        progress.log(f"Rows that repeat an earlier one and are used once: {file.duplicates:,}.")
    file.check_usable()
