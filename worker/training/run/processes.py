"""One training in several processes, as `accelerate launch` starts it: who speaks and writes, and waiting for all."""

import os

from accelerate import PartialState


def is_main() -> bool:
    """Whether this process speaks and writes: the only one, or the first of several."""
    return os.environ.get("RANK", "0") == "0"


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Which of this machine's processes this is, and so which of its GPUs it has."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def wait_for_all() -> None:
    """Return once every process of the training has come here."""
    if count() > 1:
        PartialState().wait_for_everyone()
