"""Who writes for a chat version: the generation process, or the server of the settings."""

from __future__ import annotations

from app.config import Settings
from app.runtime.chat.openai_writer import OpenAIWriter
from app.runtime.chat.process_writer import ProcessWriter
from models.chat.answers import ChatGenerator
from models.chat.versions import base_of, server_of
from models.model_errors import LoadError
from models.store.manifest import Manifest
from models.store.store import CheckpointStore


def open_version(settings: Settings, store: CheckpointStore, manifest: Manifest) -> ChatGenerator | None:
    """Return what answers for a chat version, loaded, or None for a version that rewrites; raises ModelError."""
    base, server = base_of(manifest), server_of(manifest)
    if server is not None:
        return _of_server(settings, manifest.number, *server)
    return None if base is None else _of_process(settings, store, manifest.number, base)


def _of_server(settings: Settings, number: int, address: str, model: str) -> ChatGenerator:
    """Return what asks a server, which must be the one of the settings: the key is for that one alone."""
    if settings.chat_server != address:
        raise LoadError(f"Version {number} is one of the server {address}: CHAT_SERVER must name it.")
    return ChatGenerator(number, None, OpenAIWriter(address, settings.chat_server_key, model))


def _of_process(settings: Settings, store: CheckpointStore, number: int, base: int) -> ChatGenerator:
    """Let the generation process load a version whose base is in version `base`."""
    if base != number:
        store.verify(base)
    writer = ProcessWriter(settings.chat_socket, store.folder(number), store.folder(base))
    writer.load()
    return ChatGenerator(number, base, writer)
