"""Where the samples of versions are cached: a folder for each version, and in it a file for each text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def samples_folder(home: Path) -> Path:
    """Return the folder of all of them."""
    return home / "cache" / "samples"


def sample_file(text: str) -> str:
    """Return the name of the file of a text."""
    return f"{hashlib.sha256(text.encode()).hexdigest()}.safetensors"


def forget_samples(home: Path, texts: Iterable[str]) -> None:
    """Remove what is cached of these texts; harmless while somebody reads or writes others."""
    for text in texts:
        for path in samples_folder(home).glob(f"*/{sample_file(text)}"):
            path.unlink(missing_ok=True)
