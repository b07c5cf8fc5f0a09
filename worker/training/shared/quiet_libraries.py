"""A context in which the libraries print no progress bars and send nothing to the hub."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import datasets
from huggingface_hub import constants as hub_constants
from transformers.utils import logging as transformers_logging


@contextmanager
def quiet() -> Iterator[None]:
    """Switch off progress bars, routine warnings and telemetry to the hub within the block.

    TRL reports each trainer it builds to the hub unless told otherwise; a studio's training is private. The former
    settings are restored at the end, also after an error.
    """
    with ExitStack() as stack:
        if transformers_logging.is_progress_bar_enabled():
            transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            stack.callback(transformers_logging.enable_progress_bar)
        if not datasets.are_progress_bars_disabled():
            datasets.disable_progress_bars()
            stack.callback(datasets.enable_progress_bars)
        # Loading a T5 v1.1 warns that its head is not tied to its embeddings, which is normal.
        stack.callback(transformers_logging.set_verbosity, transformers_logging.get_verbosity())
        transformers_logging.set_verbosity(logging.ERROR)
        stack.callback(setattr, hub_constants, "HF_HUB_DISABLE_TELEMETRY", hub_constants.HF_HUB_DISABLE_TELEMETRY)
        hub_constants.HF_HUB_DISABLE_TELEMETRY = True
        if "TQDM_DISABLE" not in os.environ:
            os.environ["TQDM_DISABLE"] = "1"  # the only way to switch off TRL's bar for the reference log-probabilities
            stack.callback(os.environ.pop, "TQDM_DISABLE", None)
        stack.enter_context(warnings.catch_warnings())
        # TRL 1.16 and PEFT 0.21 use old names of the model's at every step; transformers 5 warns of each.
        warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing\\w*` is deprecated", FutureWarning)
        # Saving an adapter, PEFT looks for a config.json beside a GGUF.
        warnings.filterwarnings("ignore", "Could not find a config file in", UserWarning)
        # Merging LoRA into a T5 v1.1, PEFT warns of the untied head too, and rightly records it in the new config.
        warnings.filterwarnings("ignore", "Input and output embeddings are no longer tied", UserWarning)
        yield
