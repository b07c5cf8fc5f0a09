"""Where a chat model comes from: the folder of a base model, and the LoRA adapter of a version, if there is one.

The base is shared by all versions that are adapters of it. What lies in a version of the store is checked against the
version's manifest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from models.model_errors import LoadError, VersionDamaged
from models.store.manifest import MANIFEST_NAME, Manifest, hash_file
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER

_CONFIG = "config.json"
_ADAPTER_CONFIG = "adapter_config.json"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass(frozen=True)
class Named:
    """What a request names: the folder of a model, an adapter or a version, and of the base of what is an adapter."""

    folder: Path
    base: Path | None = None


@dataclass(frozen=True)
class ChatSource:
    """The folder of a model, and that of an adapter of it."""

    base: Path
    adapter: Path | None = None

    @property
    def sha256(self) -> str:
        """Return the hash of everything that makes the model; raises LoadError or OSError."""
        files = {f"base/{name}": digest for name, digest in _hashes(self.base).items()}
        if self.adapter is not None:
            files |= {f"adapter/{name}": digest for name, digest in _hashes(self.adapter).items()}
        return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def find_source(folder: Path, base: Path | None = None) -> ChatSource:
    """Return what is in a folder: a model, an adapter of `base`, or a version of the store that holds either.

    Raises LoadError, and VersionDamaged for a version that differs from its manifest. The base that an adapter itself
    names is not believed: it could name any place.
    """
    if (folder / MANIFEST_NAME).is_file():
        held = folder / (MODEL_FOLDER if (folder / MODEL_FOLDER / _CONFIG).is_file() else ADAPTER_FOLDER)
        _check_version(folder, held.name)
        return find_source(held, base)
    if (folder / _ADAPTER_CONFIG).is_file():
        if base is None:
            raise LoadError(f"{folder} is an adapter: name the model that it belongs to as well.")
        return ChatSource(find_source(base).base, folder)
    if not (folder / _CONFIG).is_file():
        raise LoadError(f"{folder} holds no model: it has no config.json.")
    return ChatSource(folder)


def adapter_settings(adapter: Path) -> dict[str, int]:
    """Return the settings of training that made an adapter what it is, by name; raises LoadError."""
    try:
        config = json.loads((adapter / _ADAPTER_CONFIG).read_text(encoding="utf-8"))
        return {"lora_r": int(config["r"]), "lora_alpha": int(config["lora_alpha"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise LoadError(f"{adapter / _ADAPTER_CONFIG} is missing or damaged.") from None


def _check_version(folder: Path, part: str) -> None:
    """Raise VersionDamaged if the files of one part of a version are not those of its manifest."""
    files = Manifest.read(folder).files
    listed = {name: digest for name, digest in files.items() if name.startswith(f"{part}/")}
    for name, digest in listed.items():
        if not (folder / name).is_file() or hash_file(folder / name) != digest:
            raise VersionDamaged(f"{folder / name} is missing or differs from the manifest of its version.")


def _hashes(folder: Path) -> dict[str, str]:
    """Return the hashes of the files of a model; raises LoadError unless its weights are safetensors."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    if not any(path.suffix == ".safetensors" for path in files):
        raise LoadError(f"{folder} has no weights in safetensors; other forms are not read.")
    read = [path for path in files if path.suffix not in _PICKLES]
    return {path.name: hash_file(path) for path in read}
