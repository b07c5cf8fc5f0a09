"""Keep the libraries from drawing bars in a worker's log and from calling home."""

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
    """Progress bars and routine warnings off, and nothing sent to the Hub, for the length of the block.

    TRL reports each trainer it builds to the Hub unless told otherwise; a studio's training is nobody else's affair.
    What was set before is set again at the end, also after an error.
    """
    with ExitStack() as undo:
        if transformers_logging.is_progress_bar_enabled():
            transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            undo.callback(transformers_logging.enable_progress_bar)
        if not datasets.are_progress_bars_disabled():
            datasets.disable_progress_bars()
            undo.callback(datasets.enable_progress_bars)
        # Loading a T5 v1.1 warns that its head is not tied to its embeddings. It never is.
        undo.callback(transformers_logging.set_verbosity, transformers_logging.get_verbosity())
        transformers_logging.set_verbosity(logging.ERROR)
        undo.callback(setattr, hub_constants, "HF_HUB_DISABLE_TELEMETRY", hub_constants.HF_HUB_DISABLE_TELEMETRY)
        hub_constants.HF_HUB_DISABLE_TELEMETRY = True
        if "TQDM_DISABLE" not in os.environ:
            os.environ["TQDM_DISABLE"] = "1"  # the only switch of TRL's bar over the reference log-probabilities
            undo.callback(os.environ.pop, "TQDM_DISABLE", None)
        undo.enter_context(warnings.catch_warnings())
        # TRL 1.16 and PEFT 0.21 speak to the model by old names, at every step; transformers 5 answers with a warning.
        warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing\\w*` is deprecated", FutureWarning)
        # Saving an adapter, PEFT looks for a config.json beside a GGUF.
        warnings.filterwarnings("ignore", "Could not find a config file in", UserWarning)
        # Merging LoRA into a T5 v1.1, PEFT notices the untied head too and says so in the new config, rightly.
        warnings.filterwarnings("ignore", "Input and output embeddings are no longer tied", UserWarning)
        yield
