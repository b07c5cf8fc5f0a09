"""Versions of a chat model in the store: one holds the base, those trained from it hold a LoRA adapter of it each.

A manifest says which version holds the base in its configuration, as `chat_base`; that version names itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.store.manifest import Manifest

CHAT_BASE = "chat_base"
"""The name in a manifest's configuration, and the method of a version that is a base from elsewhere."""


CHAT_SERVER = "chat_server"
"""The name in a configuration, and the method, of a version whose answers come from a server of others."""


def server_of(manifest: Manifest) -> tuple[str, str] | None:
    """Return the address of the server that answers for a version, and the name of its model; None for any other."""
    address, model = manifest.config.get(CHAT_SERVER), manifest.config.get("model")
    return (address, model) if isinstance(address, str) and isinstance(model, str) else None


def base_of(manifest: Manifest) -> int | None:
    """Return the number of the version that holds the base of a chat version; None for any other version."""
    return base_named(manifest.config)


def base_named(config: Mapping[str, Any]) -> int | None:
    """Return the version of the base that a configuration names, or None."""
    number = config.get(CHAT_BASE)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def holds_base(manifest: Manifest) -> bool:
    """Return whether a version is a chat model's base itself."""
    return base_of(manifest) == manifest.number
