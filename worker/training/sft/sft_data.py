"""The data of initial training: from a file of pairs to token pairs to train on and to evaluate on.

Each pair is used once. The dev share is split off by source, so that no rewrite of a held-out sentence is trained on. A
source that is too long is cut, which leaves a fair sample; a target that is too long is left out, since a cut one would
teach the model to stop in mid-sentence. Whatever is cut or left out is logged.
"""

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from models.formats import rows_sha256
from models.formats.files.pair_files import PairFile, in_dev
from models.settings.sft import SFTRecipe
from worker.training.shared.checkpoint import encode, truncate
from worker.training.shared.pairs import heldout_pairs
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
    """Token pairs for training and for dev, and the dev sources with all their references, as texts."""

    train: list[TokenPair]
    dev: list[TokenPair]
    dev_references: dict[str, list[str]]


def prepare_data(
    file: PairFile,
    validation: PairFile | None,
    recipe: SFTRecipe,
    tokenizer: PreTrainedTokenizerFast,
    progress: Progress,
) -> SFTData:
    """Check, split and tokenize the pairs of `file`; `validation`, if given, is the dev share.

    `progress` receives every report of rows that are left out. Raises `PairFileError` if more than half of a file is
    bad, and `DatasetError` if nothing is left to train on or the held-out share would be all of it or nothing.
    """
    for name, part in (("training", file), ("validation", validation)):
        if part is not None:
            report(name, part, progress)
            part.check_usable()
    train, dev = _split(file, validation, recipe, progress)
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
    return SFTData(prepared[0], prepared[1], references)


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
        held_out = {source for source, _ in validation.unique_pairs}
        train = {pair: line for pair, line in pairs.items() if pair[0] not in held_out}
        if len(train) < len(pairs):
            progress.log(f"Pairs left out because the validation data has their source: {len(pairs) - len(train):,}.")
        return train, validation.unique_pairs
    if recipe.dev_split == 0 or not pairs:
        return pairs, {}
    sources = dict.fromkeys(source for source, _ in pairs)
    if len(sources) < 2:
        raise DatasetError("There is one source text only, so none can be held out: add others or set dev_split to 0.")
    held_out = {source for source in sources if in_dev(source, recipe.dev_split)}
    if not held_out or len(held_out) == len(sources):
        # Too few sources for the hash to split them: hold out the one with the smallest hash.
        held_out = {min(sources, key=lambda source: hashlib.sha256(source.encode()).digest())}
        progress.log(f"Only {len(sources)} source texts: one of them is held out.")
    dev = {pair: line for pair, line in pairs.items() if pair[0] in held_out}
    return {pair: line for pair, line in pairs.items() if pair[0] not in held_out}, dev


def _without_heldout(pairs: Mapping[Pair, int], progress: Progress) -> Mapping[Pair, int]:
    """Remove the pairs whose source is in the test set of every version (see `heldout_pairs`)."""
    test_sources = {_normalized(source) for source, _ in heldout_pairs()}
    kept = {pair: line for pair, line in pairs.items() if _normalized(pair[0]) not in test_sources}
    if len(kept) < len(pairs):
        progress.log(f"Pairs left out because every version is tested on their source: {len(pairs) - len(kept):,}.")
    return kept


def _normalized(text: str) -> str:
    """Normalize case and white space."""
    return " ".join(text.casefold().split())


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
