"""A tiny chat model in its served form, made once for all tests of the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.chat.engine import ChatEngine


@pytest.fixture(scope="session")
def form(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the form, in float32; its model hardly ever ends an answer by itself."""
    from models.chat.source import ChatSource
    from tests.tiny.chat import build_tiny_chat
    from worker.chat.conversion import convert

    folder = tmp_path_factory.mktemp("chat")
    convert(ChatSource(build_tiny_chat(folder / "tiny", ends=False)), folder / "form", "float32")
    return folder / "form"


@pytest.fixture
def engine(form: Path) -> ChatEngine:
    """The model in memory."""
    return ChatEngine(form, "tiny", compute_type="float32", threads=1)
