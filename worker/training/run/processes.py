"""One training in several processes, as `accelerate launch` starts it: ranks, and waiting for all."""

import os

from accelerate import PartialState


def is_main() -> bool:
    """Return True in the process that reports and writes: the only one, or the first of several."""
    return os.environ.get("RANK", "0") == "0"


def count() -> int:
    """Return the number of processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Return the number of this process on its machine, which is also the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def wait_for_all() -> None:
    """Wait until every process of the training has called this."""
    if count() > 1:
        PartialState().wait_for_everyone()
