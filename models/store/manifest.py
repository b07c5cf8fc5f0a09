"""The manifest of a version: the JSON file beside every published checkpoint."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import NoneType
from typing import Any

from models.model_errors import VersionDamaged

MANIFEST_NAME = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """The origin of a version and the hashes of its files.

    `files` maps each path, relative to the version's folder, to its SHA-256; `data_sha256` is that of the training data
    (empty for a version that was not trained here); `metrics` are those measured at publication. `run_key` is the
    random key of the run: other databases of the same store have runs of the same `run_id`. `provenance` is what it
    takes to make a version of clicks again: judgments, seed, threads and code. `upload` names the folder of the files
    in an object store, where no two publishers share one. Older manifests have none of these.
    """

    number: int
    parent: int | None
    run_id: int | None
    method: str
    config: Mapping[str, Any]
    data_sha256: str
    metrics: Mapping[str, Any]
    created_at: str
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = _FORMAT
    run_key: str | None = None
    provenance: Mapping[str, Any] | None = None
    upload: str | None = None

    def to_json(self) -> str:
        """Return the manifest as stored, keys sorted, so that equal manifests are equal bytes."""
        facts = asdict(self)
        for name in ("run_key", "provenance", "upload"):  # as it was written before there were any
            if facts[name] is None:
                del facts[name]
        return json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def is_made_of(self, parent: int | None, method: str, config: Mapping[str, Any], data_sha256: str) -> bool:
        """Return whether it is of that parent, method, configuration and data, by what a manifest says of them."""
        as_stored, its = (json.loads(json.dumps(dict(one))) for one in (config, self.config))
        return (self.parent, self.method, its, self.data_sha256) == (parent, method, as_stored, data_sha256)

    @property
    def sha256(self) -> str:
        """Return the hash of the version: that of its manifest, which holds the hash of every file.

        It is the same wherever the version lies.
        """
        return hashlib.sha256(replace(self, upload=None).to_json().encode()).hexdigest()

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of the version in `folder`; raises VersionDamaged if that fails."""
        path = folder / MANIFEST_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise VersionDamaged(f"{path} cannot be read as a manifest: {error}.") from None
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, place: str) -> Manifest:
        """Read a manifest from its JSON, which was found at `place`; raises VersionDamaged if that fails."""
        try:
            manifest = cls(**json.loads(text))
            if manifest.format != _FORMAT:
                raise VersionDamaged(f"{place} has format {manifest.format}; this release reads format {_FORMAT}.")
            manifest._check()
        except (ValueError, TypeError, RecursionError) as error:
            raise VersionDamaged(f"{place} cannot be read as a manifest: {error}.") from None
        return manifest

    def _check(self) -> None:
        """Raise TypeError or ValueError unless every field is what it must be, and every name lies in the folder."""
        for name, kinds in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise TypeError(f"{name} is {value!r:.60}")
        if self.number < 1:
            raise ValueError(f"number is {self.number}")
        if self.upload is not None and not UPLOAD.fullmatch(self.upload):
            raise ValueError(f"upload is {self.upload!r:.60}")
        for name, digest in self.files.items():
            parts = PurePosixPath(name).parts
            if not parts or name != "/".join(parts) or ".." in parts or parts[0] == "/" or "\\" in name:
                raise ValueError(f"{name!r:.60} is no name of a file of a version")
            if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
                raise ValueError(f"{name!r:.60} has no SHA-256")


_DIGEST = re.compile("[0-9a-f]{64}")
UPLOAD = re.compile("[0-9]{6,}-[0-9a-f]{16}")
_KINDS: Mapping[str, tuple[type, ...]] = {
    "number": (int,),
    "parent": (int, NoneType),
    "run_id": (int, NoneType),
    "method": (str,),
    "config": (dict,),
    "data_sha256": (str,),
    "metrics": (dict,),
    "created_at": (str,),
    "files": (dict,),
    "run_key": (str, NoneType),
    "provenance": (dict, NoneType),
    "upload": (str, NoneType),
}


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_folder(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder` except its own manifest, by relative POSIX path."""
    manifest = folder / MANIFEST_NAME
    return {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != manifest
    }
