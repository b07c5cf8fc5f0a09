"""What a model's folder says of how it reads, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.chat.conversation import Message
from models.chat.reading import Reader, describe
from models.model_errors import AnswersRefused, LoadError
from tests.tiny.chat import POSITIONS, build_tiny_chat

HELLO = (Message("user", "Hello"),)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_chat(tmp_path_factory.mktemp("reading") / "tiny")


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the model that a test may change."""
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_conversation_that_leaves_no_room_is_refused_and_never_cut(tiny: Path, tmp_path: Path) -> None:
    describe(tiny, tmp_path)
    reader = Reader(tmp_path)
    room = POSITIONS - len(reader.tokens(HELLO, 1))
    assert len(reader.tokens(HELLO, room)) == POSITIONS - room
    with pytest.raises(AnswersRefused, match="but the model holds 512: begin a new conversation"):
        reader.tokens(HELLO, room + 1)


def test_every_token_that_a_file_names_as_an_end_ends_an_answer(copy: Path, tmp_path: Path) -> None:
    change(copy / "generation_config.json", eos_token_id=[2, 5])
    describe(copy, tmp_path)
    assert Reader(tmp_path).ends == {2, 5}


def test_of_several_templates_the_default_is_taken(copy: Path, tmp_path: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    templates = [{"name": "rag", "template": "no"}, {"name": "default", "template": "{{ messages[0].content }}"}]
    change(copy / "tokenizer_config.json", chat_template=templates)
    describe(copy, tmp_path)
    reader = Reader(tmp_path)
    assert reader.tokens(HELLO, 1) == reader.tokenizer.encode("Hello", add_special_tokens=False).tokens


def test_a_model_without_a_template_is_refused_in_a_sentence(copy: Path, tmp_path: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(LoadError, match="has no chat template, so it is no chat model"):
        describe(copy, tmp_path)


@pytest.mark.parametrize(
    ("missing", "reason"), [("tokenizer.json", "no tokenizer.json"), ("config.json", "cannot be read")]
)
def test_a_model_without_a_file_that_it_needs_is_refused(copy: Path, tmp_path: Path, missing: str, reason: str) -> None:
    (copy / missing).unlink()
    with pytest.raises(LoadError, match=reason):
        describe(copy, tmp_path)
