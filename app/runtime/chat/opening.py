"""The Writer that the settings name."""

from __future__ import annotations

from app.config import Settings
from app.runtime.chat.openai_writer import OpenAIWriter
from app.runtime.chat.process_writer import ProcessWriter
from models.chat.writing import Writer


def open_writer(settings: Settings) -> Writer | None:
    """Return the client of the generation process or of the server that is set, or None if neither is."""
    if settings.chat_model:
        return ProcessWriter(settings.chat_socket)
    if settings.chat_server:
        return OpenAIWriter(settings.chat_server, settings.chat_server_key, settings.chat_server_model)
    return None
