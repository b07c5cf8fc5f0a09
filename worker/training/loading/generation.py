"""Generation as it is asked for, without the settings that a checkpoint declares for itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peft import PeftModel
from transformers import GenerationConfig, PreTrainedModel


@contextmanager
def without_generation_settings(model: PreTrainedModel) -> Iterator[None]:
    """Remove the model's own generation settings within the block.

    `generate` would use them for everything it is not told, such as min_p, no_repeat_ngram_size or suppress_tokens, and
    sample from another distribution than the policy's. The tokens that begin and end a text are among them: a caller
    passes them.
    """
    plain: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    own, plain.generation_config = plain.generation_config, GenerationConfig()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        plain.generation_config = own
