"""What rewrites depend on beside the version and the sampling settings: code, the models that choose, and packages.

What was sampled or measured is kept under this identity, so that a release that samples or chooses in another way finds
nothing of an older one's.
"""

from __future__ import annotations

import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import models

CODE = (
    "manners.py",
    "reward/features.py",
    "reward/head.py",
    "reward/judgments.py",
    "reward/numbers.py",
    "reward/posterior.py",
    "serving/batching.py",
    "serving/choosing.py",
    "serving/engine.py",
    "serving/generator.py",
    "serving/head_choice.py",
    "serving/judge.py",
    "serving/neutrality.py",
    "serving/pool.py",
    "serving/screen.py",
    "serving/shortlist.py",
    "serving/text_pieces.py",
    "soundness.py",
)
_MODELS = ("base/judge", "base/known_words.safetensors", "base/neutrality.safetensors", "reward/standard.safetensors")
_PACKAGES = ("ctranslate2", "numpy", "tokenizers")


@functools.cache
def sampling_identity() -> str:
    """Return a hash of the code and models that sample and choose rewrites, and of their packages' versions."""
    folder = Path(models.__file__).parent
    found = [folder / name for name in CODE]
    for name in _MODELS:
        path = folder / name
        found += sorted(path.iterdir()) if path.is_dir() else [path]
    return identity_of(found, _PACKAGES)


def identity_of(files: list[Path], packages: tuple[str, ...]) -> str:
    """Return a hash of the contents of files, in their order, and of the versions of packages."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    for package in packages:
        digest.update(f"{package} {installed(package)}\n".encode())
    return digest.hexdigest()[:16]


def installed(package: str) -> str:
    """Return the version of a package, or "absent"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
