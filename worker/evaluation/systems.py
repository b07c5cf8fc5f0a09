"""The systems that are evaluated: a version in its serving form, and the baselines."""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from models.model_errors import InputTooLong
from models.serving.generator import CANDIDATES, Generator, Sampling
from worker.evaluation.evaluation_errors import EvaluationError, ScorerUnavailable
from worker.evaluation.testset import TestSet

SEED = 20221107
"""Seed of a system's first generator: versions with the same probabilities sample the same candidates."""

SHARES = 2
"""Number of generators that run in parallel."""

Ticks = Callable[[int, int], None]
"""Called with the number of texts done and their total."""


@dataclass(frozen=True)
class Outputs:
    """The outputs of a system: `best` is one text for each source, `shown` the candidates that a person would see.

    `shown` has None for a source whose candidates were not sampled, and is itself None for a system that samples none.
    `references` are the texts to compare with; a system that is itself a reference has the others alone.
    """

    name: str
    best: tuple[str, ...]
    shown: tuple[tuple[str, ...] | None, ...] | None
    references: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class _Row:
    number: int
    best: str
    shown: tuple[str, ...] | None


class System:
    """A version in its serving form, as several generators that run in parallel.

    Each has one thread and its own share of the texts, so that samples do not depend on the machine.
    """

    def __init__(self, folder: Path, version: int = 0) -> None:
        """Load the serving folder; raises LoadError."""
        self._generators = [Generator(folder, version, threads=1, seed=SEED + share) for share in range(SHARES)]

    def write(
        self,
        name: str,
        tests: TestSet,
        sampling: Sampling,
        tick: Ticks = lambda done, total: None,
        *,
        shown_every: int = 1,
    ) -> Outputs:
        """Return the beam rewrite of every text, and the candidates of every `shown_every`-th.

        An exception of `tick` ends the generation. Raises EvaluationError if a text is too long.
        """
        self._check_lengths(tests)
        written: queue.SimpleQueue[_Row] = queue.SimpleQueue()
        stop = threading.Event()
        rows: dict[int, _Row] = {}
        with ThreadPoolExecutor(SHARES) as pool:
            shares = [
                pool.submit(self._write_share, share, tests, sampling, shown_every, written.put, stop)
                for share in range(SHARES)
            ]
            try:
                while len(rows) < len(tests.items) and not any(share.done() and share.exception() for share in shares):
                    with suppress(queue.Empty):
                        row = written.get(timeout=1)
                        rows[row.number] = row
                    tick(len(rows), len(tests.items))
            finally:
                stop.set()
        for share in shares:
            share.result()
        ordered = [rows[number] for number in range(len(tests.items))]
        return Outputs(name, tuple(row.best for row in ordered), tuple(row.shown for row in ordered), tests.references)

    def log_probabilities(self, prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
        """Return log p(completion | prompt) in nats, one number for each pair; raises InputTooLong."""
        return self._generators[0].log_probabilities(prompts, completions)

    def _write_share(
        self,
        share: int,
        tests: TestSet,
        sampling: Sampling,
        shown_every: int,
        put: Callable[[_Row], None],
        stop: threading.Event,
    ) -> None:
        generator = self._generators[share]
        for number in range(share, len(tests.items), SHARES):
            if stop.is_set():
                return
            source, shown = tests.items[number].source, None
            if number % shown_every == 0:
                screen = generator.generate(source, sampling, CANDIDATES)
                shown = tuple(candidate.text for candidate in screen.candidates)
            put(_Row(number, generator.best(source), shown))

    def _check_lengths(self, tests: TestSet) -> None:
        for item in tests.items:
            try:
                self._generators[0].tokens(item.source)
            except InputTooLong as error:
                raise EvaluationError(f"{tests.name}, line {item.line}: {error}") from None


@contextmanager
def loaded(source: str, version: int = 0) -> Iterator[System]:
    """Yield the system of a serving folder, a checkpoint folder or a hub name, converted temporarily if necessary.

    Raises CheckpointError or LoadError if it is no usable T5.
    """
    if (Path(source) / "model.bin").is_file():
        yield System(Path(source), version)
        return
    from worker.publish.convert import convert_to_ctranslate2
    from worker.training.shared.checkpoint import load_model, load_tokenizer, save_checkpoint

    with tempfile.TemporaryDirectory(prefix="mellow-evaluate-") as work:
        checkpoint, serving = Path(work) / "model", Path(work) / "serving"
        checkpoint.mkdir()
        save_checkpoint(load_model(source), load_tokenizer(source), checkpoint)
        convert_to_ctranslate2(checkpoint, serving)
        yield System(serving, version)


def baselines(tests: TestSet) -> list[Outputs]:
    """Return the outputs of the baselines: the copied text, deleted profanity and, with references, people."""
    copied = tuple(item.source for item in tests.items)
    found = [
        Outputs("copy of the text", copied, None, tests.references),
        Outputs("profane words deleted", tuple(map(without_profanity(), copied)), None, tests.references),
    ]
    if all(tests.references):
        first = tuple(references[0] for references in tests.references)
        found.append(Outputs("people", first, None, tuple(references[1:] for references in tests.references)))
    return found


def without_profanity() -> Callable[[str], str]:
    """Return a function that deletes the words on better-profanity's list; raises ScorerUnavailable without it."""
    try:
        from better_profanity import Profanity
    except ImportError as error:
        raise ScorerUnavailable(
            "better-profanity is not installed: pip install --no-deps -r requirements-scorers.txt."
        ) from error
    censor = Profanity().censor

    def delete(text: str) -> str:
        # The package can only replace words; the replacement is a character that occurs in no text.
        return " ".join(censor(text, "\x00").replace("\x00", "").split())

    return delete
