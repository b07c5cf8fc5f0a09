"""The training methods, one a module (or folder); their common parts are in worker/training/run.

A module has `METHOD`, a `Method`. It is imported only when it is used, since each imports its part of TRL.
"""

from importlib import import_module
from typing import cast

from worker.training.run.method import Method

METHODS = ("sft", "reward", "dpo", "orpo", "kto", "rloo", "grpo", "ppo")
"""The names of all methods, which are also those of their modules."""


def method_of(name: str) -> Method:
    """Return the method of that name."""
    return cast(Method, import_module(f"{__name__}.{name}").METHOD)
