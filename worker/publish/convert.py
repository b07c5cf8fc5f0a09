"""Conversion of a checkpoint to its serving form, and the check that both compute the same.

CTranslate2 serves; transformers trains. A mistake between the two would be silent (text is still written, from other
probabilities), so every version is scored by both before it may go live.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import torch
from ctranslate2.converters import TransformersConverter
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models.manners import write_manners
from worker.training.loading.adapters import base_of, is_adapter
from worker.training.loading.loading import config_of
from worker.training.shared.checkpoint import encode, load_model, load_tokenizer
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError, ParityError
from worker.training.t5.packed_t5 import scales_head_input
from worker.training.t5.scoring import token_log_probs
from worker.training.t5.seq2seq_dpo import decoder_start_token_id

TOLERANCE = 1e-3
"""The largest difference of a token's log-probability, in nats, that another order of float32 operations explains."""


_SERVED = ("t5", "mt5")
"""The kinds of models that the studio serves: those that the converted form was found to agree with."""


def check_can_be_served(source: Path | str) -> None:
    """Raise `CheckpointError` unless a model that is trained from `source` (a folder, a hub id) can be served.

    Call it before a training whose result is to be published: afterwards the refusal would come too late.
    """
    config = config_of(source)
    if config.model_type not in _SERVED:
        raise CheckpointError(f"{source} cannot be served by the studio: it is a {config.model_type}, not a T5 or mT5.")
    folder = Path(source)
    tokens = len(load_tokenizer(base_of(folder) if is_adapter(folder) else source))
    if tokens > config.vocab_size:
        raise CheckpointError(
            f"{source} cannot be served by the studio: its tokenizer has {tokens:,} tokens, the model "
            f"{config.vocab_size:,}."
        )


def convert_to_ctranslate2(model_dir: Path, ct2_dir: Path) -> None:
    """Write the T5 (v1.0 or v1.1) or mT5 in `model_dir` to the absent folder `ct2_dir` as CTranslate2 in float32.

    tokenizer.json is copied too, and the manners of the configuration, so that `ct2_dir` has everything for serving.
    `model_dir` is not changed. Raises `CheckpointError` for a model of another kind, or one with manners that its
    tokenizer does not know.
    """
    check_can_be_served(model_dir)
    with quiet():
        converter = _T5Converter(str(model_dir), copy_files=["tokenizer.json"])
        converter.convert(str(ct2_dir), quantization="float32")
    manners = getattr(config_of(model_dir), "manners", None)
    if manners:
        vocabulary = load_tokenizer(model_dir).get_vocab()
        if missing := [code for code in manners.values() if code not in vocabulary]:
            raise CheckpointError(f"{model_dir} has a manner of the token {missing[0]}, which its tokenizer lacks.")
        write_manners(ct2_dir, manners)


class _T5Converter(TransformersConverter):  # type: ignore[misc]  # CTranslate2 is untyped
    """CTranslate2's converter, with three corrections for transformers 5."""

    def load_model(self, model_class: type, model_name_or_path: str, **kwargs: Any) -> PreTrainedModel:
        """Load the model and correct, in memory alone, the configuration that the converter reads."""
        model = load_model(model_name_or_path)
        # The converter scales the decoder's output by d_model ** -0.5 where embeddings are tied, a sign that used to
        # tell the two kinds of T5 apart. transformers 5 sets it for both, and has another name for the scaling.
        model.config.tie_word_embeddings = scales_head_input(model)
        model.config.decoder_start_token_id = decoder_start_token_id(model)
        return model

    def load_tokenizer(self, tokenizer_class: type, model_name_or_path: str, **kwargs: Any) -> PreTrainedTokenizerFast:
        """Load tokenizer.json itself: the stock tokenizer adds a hundred tokens that the model does not have."""
        return load_tokenizer(model_name_or_path)


def check_parity(model_dir: Path, ct2_dir: Path, pairs: Sequence[tuple[str, str]]) -> float:
    """Return the largest absolute difference, in nats, between the two forms' log-probabilities of a token.

    `pairs` are (source, target) texts; every token of each target is compared, EOS included. Raises `ParityError` if
    the difference exceeds `TOLERANCE` or is not finite, or if the two do not score the same tokens.
    """
    tokenizer = load_tokenizer(model_dir)
    model = load_model(model_dir)
    sources, targets = ([encode(tokenizer, text) for text in side] for side in zip(*pairs, strict=True))
    expected = token_log_probs(model, sources, targets)

    translator = ctranslate2.Translator(
        str(ct2_dir), device="cpu", compute_type="float32", intra_threads=torch.get_num_threads()
    )
    scored = translator.score_batch(
        [tokenizer.convert_ids_to_tokens(ids) for ids in sources],  # CTranslate2 adds no EOS to the source
        [tokenizer.convert_ids_to_tokens(ids[:-1]) for ids in targets],  # and scores one behind each target
        max_input_length=0,
    )
    difference = 0.0
    for (source, target), reference, result in zip(pairs, expected, scored, strict=True):
        if len(result.log_probs) != len(reference):
            raise ParityError(
                f"The converted model scored {len(result.log_probs)} tokens of {target!r} where there are "
                f"{len(reference)}."
            )
        for ours, theirs in zip(reference, result.log_probs, strict=True):
            gap = abs(ours - theirs)
            if not math.isfinite(gap) or gap > TOLERANCE:
                raise ParityError(
                    f"The converted model gives a token of {target!r} after {source!r} the log-probability "
                    f"{theirs:.4f} instead of {ours:.4f}."
                )
            difference = max(difference, gap)
    return difference
