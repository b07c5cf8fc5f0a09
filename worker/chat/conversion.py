"""Conversion of a chat model to its served form: `python -m worker.chat.conversion`, a process of its own.

It loads torch, which the generation process never does. The base and the adapter are merged, written for CTranslate2,
and both forms must give the same log-probabilities.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.chat.conversation import Message
from models.chat.reading import Reader, describe
from models.chat.source import ChatSource
from models.model_errors import LoadError

SERVED = ("llama",)
"""The kinds of models that are served: those whose converted form was found to agree with the trained one."""

_SAMPLE = (Message("user", "Why do leaves turn yellow in autumn? Answer in one sentence."),)
_FAILED = 3
"""The exit code with which the last line says why a model cannot be converted."""


def convert_in_process(source: ChatSource, target: Path, compute_type: str) -> None:
    """Write the form of a source to the absent folder `target`, in a process of its own; raises LoadError.

    What is no chat model is refused at once.
    """
    with tempfile.TemporaryDirectory() as aside:
        describe(source.base, Path(aside))
    command = [sys.executable, "-m", "worker.chat.conversion", str(source.base), str(target), compute_type]
    if source.adapter is not None:
        command += ["--adapter", str(source.adapter)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing."])[-1]
        raise LoadError(last if done.returncode == _FAILED else f"The conversion of {source.base} failed: {last}")


def convert(source: ChatSource, target: Path, compute_type: str) -> float:
    """Write the form; return the largest difference of a token's log-probability in float32, in nats.

    Raises LoadError, also if the two forms disagree.
    """
    from worker.publish.convert import TOLERANCE
    from worker.training.loading.loading import config_of
    from worker.training.shared.training_errors import CheckpointError

    try:
        kind = config_of(source.base).model_type
        if kind not in SERVED:
            raise LoadError(f"{source.base} cannot be served as a chat model: it is a {kind}, not a {SERVED[0]}.")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".comparing-") as aside:
            exact = Path(aside) / "float32"
            expected = _write(source, exact, "float32")
            gap = _difference(exact, expected)
            if gap > TOLERANCE:
                raise LoadError(
                    f"The converted form of {source.base} differs by {gap:.4f} nats a token from the model."
                )
            if compute_type in ("float32", "auto"):
                exact.rename(target)
            else:
                _write(source, target, compute_type)
    except CheckpointError as error:
        raise LoadError(str(error)) from error
    return gap


def _write(source: ChatSource, target: Path, quantization: str) -> list[float]:
    """Write the model with that precision; return the log-probabilities that it gives the sample before."""
    import torch
    from ctranslate2.converters import TransformersConverter

    from worker.training.loading.merging import load_merged
    from worker.training.shared.quiet_libraries import quiet

    loaded = load_merged(str(source.base), str(source.adapter or ""))

    class Converter(TransformersConverter):  # type: ignore[misc]  # CTranslate2 is untyped
        """CTranslate2's converter for a model that is in memory, with its adapter merged in."""

        def load_model(self, *_: Any, **__: Any) -> Any:
            """Return the model."""
            return loaded.model.cpu()

        def load_tokenizer(self, *_: Any, **__: Any) -> Any:
            """Return its tokenizer."""
            return loaded.tokenizer

    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".describing-") as aside:
        describe(source.base, Path(aside))
        ids = _sample(Path(aside))
        with torch.inference_mode():
            logits = loaded.model(torch.tensor([ids], device=loaded.model.device)).logits[0].float()
        log_probabilities = torch.log_softmax(logits, dim=-1)[range(len(ids) - 1), ids[1:]].tolist()
        with quiet():
            Converter(str(source.base)).convert(str(target), quantization=quantization)
        describe(source.base, target)
    return [float(one) for one in log_probabilities]


def _sample(form: Path) -> list[int]:
    """Return a conversation as the ids of its tokens."""
    reader = Reader(form)
    ids = [reader.tokenizer.token_to_id(token) for token in reader.tokens(_SAMPLE, 1)]
    return [number for number in ids if number is not None]


def _difference(form: Path, expected: Sequence[float]) -> float:
    """Return the largest difference from what the sample's tokens are expected to get; infinite if one is no number."""
    import ctranslate2

    reader = Reader(form)
    generator = ctranslate2.Generator(str(form), device="cpu", compute_type="float32")
    [scored] = generator.score_batch([reader.tokens(_SAMPLE, 1)], max_input_length=0)
    gaps = [abs(ours - theirs) for ours, theirs in zip(scored.log_probs, expected, strict=True)]
    return max(gaps) if all(map(math.isfinite, gaps)) else math.inf


def main() -> None:
    """Convert what the command line names; the last line of a failure is its reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("compute_type")
    parser.add_argument("--adapter", type=Path)
    options = parser.parse_args()
    try:
        convert(ChatSource(options.base, options.adapter), options.target, options.compute_type)
    except LoadError as error:
        print(error, file=sys.stderr)
        sys.exit(_FAILED)


if __name__ == "__main__":
    main()
