"""Tells the web process what the launcher knows of the parts that it keeps running.

One small file in MELLOW_HOME, replaced as a whole. Where Mellow was started by anything else, such as systemd, there is
none; one whose launcher is gone says nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

State = Literal["running", "restarting", "given up"]


@dataclass(frozen=True)
class Part:
    """One part: what it does now, how often it was started again, and why it ended last."""

    state: State = "running"
    restarts: int = 0
    reason: str = ""


def parts_file(home: Path) -> Path:
    """Return the file of the launcher that runs with that home."""
    return home / "parts.json"


def write_parts(home: Path, parts: Mapping[str, Part]) -> None:
    """Replace the file; raises OSError."""
    draft = parts_file(home).with_suffix(".new")
    said = {"launcher": os.getpid(), "parts": {name: asdict(part) for name, part in parts.items()}}
    draft.write_text(json.dumps(said), encoding="utf-8")
    os.replace(draft, parts_file(home))


def read_parts(home: Path) -> dict[str, Part]:
    """Return the parts by name; none if no running launcher says readably what they are."""
    try:
        said = json.loads(parts_file(home).read_text(encoding="utf-8"))
        if not psutil.pid_exists(said["launcher"]):
            return {}
        return {name: Part(**part) for name, part in said["parts"].items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}
