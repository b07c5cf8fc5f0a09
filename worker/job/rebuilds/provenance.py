"""What the manifest says of how a version of clicks was made, so that it can be made again (rebuilding.py)."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import app
import models
import worker
from app.services.training.rebuilds.labelled_pairs import Pair
from app.version import VERSION
from models.formats import rows_sha256
from models.serving.sampling_code import identity_of, installed
from models.store.learned_from import LearnedFrom

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "safetensors", "ctranslate2", "numpy")
_CODE = (
    (Path(models.__file__).parent, ("formats", "reward", "serving", "settings", "store")),
    (Path(worker.__file__).parent, ("base/texts", "job", "publish", "training")),
    (Path(app.__file__).parent, ("services/training",)),
)
"""The folders whose files decide what a training on clicks makes."""


def provenance(
    learned_from: LearnedFrom, data_sha256: str, head_data_sha256: str, pairs: Sequence[Pair], seed: object
) -> dict[str, Any]:
    """Return the judgments, the labelled pairs, the seed, the machine and the code of a training that is to begin.

    The hashes are of the rows as they were read: the pairs or texts to train on, and what the head was fitted to. The
    head itself is among the files that the manifest hashes.
    """
    return {
        "judgments": {
            "number": len(learned_from.ids),
            "trained": len(learned_from.trained),
            "sha256": rows_sha256([[data_sha256, head_data_sha256]]),
        },
        "labelled": {"pairs": len(pairs), "sha256": rows_sha256(map(list, pairs))},
        "seed": seed,
        "machine": machine(),
        "code": code(),
    }


def machine() -> dict[str, Any]:
    """Return what of this machine decides how sums are rounded: the processor, its threads, and the GPU, if any."""
    import torch

    from worker.training.t5.parallel.threads import idle_threads_sleep

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return {
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "threads_sleep": idle_threads_sleep(),
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of the values that differ."""
    return [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]


@functools.cache
def code() -> dict[str, str]:
    """Return the release, a hash of the code that trains, and the versions of Python and of the training libraries."""
    files = [
        path
        for root, folders in _CODE
        for folder in folders
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and path.suffix in (".py", ".tsv", ".txt")
    ]
    return {
        "mellow": VERSION,
        "sha256": identity_of(files, ()),
        "python": platform.python_version(),
        **{name: installed(name) for name in PACKAGES},
    }
