"""The ways to train, one a module (or folder): what is particular to each. What they share is in worker/training/run.

A module has `METHOD`, a `Method`. It is imported only when it is used, since each brings its part of TRL with it.
"""

from importlib import import_module
from typing import cast

from worker.training.run.method import Method

METHODS = ("sft", "reward", "dpo", "orpo", "kto", "rloo", "grpo", "ppo")
"""Every method by its name, which is also its module's."""


def method_of(name: str) -> Method:
    """The method of that name."""
    return cast(Method, import_module(f"{__name__}.{name}").METHOD)
