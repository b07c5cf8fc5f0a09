"""The chat models that the generation process holds, for the System page."""

from __future__ import annotations

from app.config import Settings
from app.runtime.chat.process_writer import ProcessWriter
from models.model_errors import ModelError


def models_in_memory(settings: Settings) -> list[str] | None:
    """Return the folders of the models, the least used first; None if there is no process that answers."""
    if not settings.chat_socket.exists():
        return None
    try:
        health = ProcessWriter(settings.chat_socket).health()
    except ModelError:
        return None
    return [str(model["folder"]) for model in health["models"]]
