"""The data of initial training: from a file of pairs to token pairs to train on and to evaluate on.

Each pair is used once. The dev share is split off by source, so that no rewrite of a held-out sentence is trained on. A
source that is too long is cut, which leaves a fair sample; a target that is too long is left out, since a cut one would
teach the model to stop in mid-sentence. Whatever is cut or left out is logged.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerFast

from models.formats import rows_sha256
from models.formats.files.pair_files import PairFile
from models.formats.splitting import held_out_keys, some_held_out_keys, split_key
from models.model_errors import DataFileError
from models.settings.sft import SFTRecipe
from models.store.trained_on import TrainedOn
from models.texts.heldout import is_measured
from worker.training.shared.checkpoint import encode, truncate
from worker.training.shared.progress import Progress
from worker.training.shared.training_errors import DatasetError

LOGGED_PROBLEMS = 200
"""The number of bad rows that the log of a run lists with their lines; the others are counted."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class TokenPair:
    """One pair as token ids, each side closed by EOS."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class SFTData:
    """Token pairs for training and for dev, the dev sources with all their references, and the record for the model."""

    train: list[TokenPair]
    dev: list[TokenPair]
    dev_references: dict[str, list[str]]
    trained_on: TrainedOn = field(compare=False)


def prepare_data(
    file: PairFile,
    validation: PairFile | None,
    recipe: SFTRecipe,
    tokenizer: PreTrainedTokenizerFast,
    progress: Progress,
    known: TrainedOn | None = None,
) -> SFTData:
    """Check, split and tokenize the pairs of `file`; `validation`, if given, is the dev share.

    Sources that the model is `known` to be trained on already test nothing. `progress` receives every report of rows
    that are left out. Raises `PairFileError` if more than half of a file is bad, and `DatasetError` if nothing is left
    to train on or the held-out share would be all of it or nothing.
    """
    for name, part in (("training", file), ("validation", validation)):
        if part is not None:
            report(name, part, progress)
            part.check_usable()
    known = known or TrainedOn()
    train, held_out = _split(file, validation, recipe, progress)
    dev = _unknown(held_out, known, progress)
    prepared = [
        _tokenize(name, pairs, recipe, tokenizer, progress) for name, pairs in (("training", train), ("dev", dev))
    ]
    if not prepared[0]:
        raise DatasetError("No pair is left to train on.")
    if dev and not prepared[1]:
        raise DatasetError(f"Every target that is held out has more than {recipe.max_target_length} tokens.")
    references: dict[str, list[str]] = {}
    for source, target in dev:
        references.setdefault(recipe.source_prefix + source, []).append(target)
    progress.log(
        f"To train on: {counted(len(prepared[0]), 'pair')}. Held out: {counted(len(prepared[1]), 'pair')} "
        f"({counted(len(references), 'source')})."
    )
    record = known.including(source for source, _ in train)
    return SFTData(prepared[0], prepared[1], references, record)


def report(name: str, file: PairFile, progress: Progress) -> None:
    """Log how a file was read, and each of its rows that is left out."""
    progress.log(f"The {name} data has {counted(file.row_count, 'row')} and {counted(len(file.pairs), 'pair')}.")
    for note in file.notes:
        progress.log(note)
    if file.problem_count:
        progress.log(file.problem_report(LOGGED_PROBLEMS))
    if file.duplicates:
        progress.log(f"Pairs that repeat an earlier one and are used once: {file.duplicates:,}.")


def data_sha256(file: PairFile, validation: PairFile | None) -> str:
    """Return the hash of the training data for the manifest: of the pairs, in order."""
    return rows_sha256(*(part.pairs for part in (file, validation) if part is not None))


def _split(
    file: PairFile, validation: PairFile | None, recipe: SFTRecipe, progress: Progress
) -> tuple[Mapping[Pair, int], Mapping[Pair, int]]:
    """Return the pairs to train on and the held-out ones, with their lines."""
    pairs = _sample(_without_heldout(file.unique_pairs, progress), recipe)
    if validation is not None:
        held_out = {split_key(source) for source, _ in validation.unique_pairs}
        train = {pair: line for pair, line in pairs.items() if split_key(pair[0]) not in held_out}
        if len(train) < len(pairs):
            progress.log(f"Pairs left out because the validation data has their source: {len(pairs) - len(train):,}.")
        return train, validation.unique_pairs
    sources = list(dict.fromkeys(source for source, _ in pairs))
    try:
        keys = some_held_out_keys(sources, recipe.dev_split)
    except DataFileError as error:
        raise DatasetError(str(error)) from None
    if keys != held_out_keys(sources, recipe.dev_split):
        progress.log(f"Only {len(sources)} source texts: one of them is held out.")
    dev = {pair: line for pair, line in pairs.items() if split_key(pair[0]) in keys}
    return {pair: line for pair, line in pairs.items() if pair not in dev}, dev


def _unknown(dev: Mapping[Pair, int], known: TrainedOn, progress: Progress) -> Mapping[Pair, int]:
    """Return the held-out pairs whose source the model was never trained on, and log what is left out."""
    seen = known.knows([source for source, _ in dev])
    kept = {pair: line for (pair, line), is_known in zip(dev.items(), seen, strict=True) if not is_known}
    if len(kept) < len(dev):
        progress.log(
            "Held-out pairs that test nothing, because the model was trained on their source before: "
            f"{len(dev) - len(kept):,}."
        )
    return kept


def _without_heldout(pairs: Mapping[Pair, int], progress: Progress) -> Mapping[Pair, int]:
    """Remove the pairs whose source is in the test set of every version (see `is_measured`)."""
    kept = {pair: line for pair, line in pairs.items() if not is_measured(pair[0])}
    if len(kept) < len(pairs):
        progress.log(f"Pairs left out because every version is tested on their source: {len(pairs) - len(kept):,}.")
    return kept


def _sample(pairs: Mapping[Pair, int], recipe: SFTRecipe) -> Mapping[Pair, int]:
    """Draw `dataset_fraction` of the pairs and at most `max_samples`, by the seed; keep their order."""
    most = min(round(len(pairs) * recipe.dataset_fraction), recipe.max_samples or len(pairs))
    if most >= len(pairs):
        return pairs
    listed = list(pairs)
    drawn = sorted(random.Random(recipe.seed).sample(range(len(listed)), max(1, most)))
    return {listed[place]: pairs[listed[place]] for place in drawn}


def _tokenize(
    name: str,
    pairs: Mapping[Pair, int],
    recipe: SFTRecipe,
    tokenizer: PreTrainedTokenizerFast,
    progress: Progress,
) -> list[TokenPair]:
    """Tokenize the pairs; log the sources that are cut and the pairs that are left out."""
    tokenized, cut, too_long = [], 0, []
    for (source, target), line in pairs.items():
        labels = encode(tokenizer, target)
        if len(labels) > recipe.max_target_length:
            too_long.append(line)
            continue
        input_ids = encode(tokenizer, recipe.source_prefix + source)
        cut += len(input_ids) > recipe.max_source_length
        tokenized.append(TokenPair(truncate(input_ids, recipe.max_source_length), labels))
    if cut:
        progress.log(f"{name.capitalize()} sources cut to their first {recipe.max_source_length} tokens: {cut:,}.")
    if too_long:
        lines = ", ".join(map(str, too_long[:20]))
        more = f" and {len(too_long) - 20:,} more" if len(too_long) > 20 else ""
        reason = f"a target of more than {recipe.max_target_length} tokens"
        progress.log(f"{name.capitalize()} pairs left out for {reason}: {len(too_long):,} (lines {lines}{more}).")
    return tokenized


def counted(number: int, what: str) -> str:
    """Return a number of things in words: `1 pair`, `1,200 pairs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def longest_first(pairs: Sequence[TokenPair]) -> list[TokenPair]:
    """Sort the pairs by length, longest first, so that batches need little padding."""
    return sorted(pairs, key=lambda pair: (len(pair.input_ids), len(pair.labels)), reverse=True)
