"""What figures depend on beside outputs, texts and scorers: the code that measures, and its packages."""

from __future__ import annotations

import functools
from pathlib import Path

import worker
from models.serving.sampling_code import identity_of

_CODE = ("measures", "evaluation/scorers", "evaluation/measure.py", "evaluation/systems.py")
_PACKAGES = ("better-profanity", "ctranslate2", "sacrebleu", "scikit-learn", "tokenizers", "torch", "transformers")


@functools.cache
def measuring_identity() -> str:
    """Return a hash of the code that measures and of its packages' versions."""
    folder = Path(worker.__file__).parent
    files: list[Path] = []
    for name in _CODE:
        path = folder / name
        files += sorted(path.glob("*.py")) + sorted(path.glob("*.json")) if path.is_dir() else [path]
    return identity_of(files, _PACKAGES)
