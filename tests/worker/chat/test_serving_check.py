"""An adapter is converted for serving before it serves, and what it answers is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.config import Settings
from models.model_errors import LoadError
from tests.tiny.chat import build_tiny_adapter, build_tiny_chat
from worker.chat.serving_check import INSTRUCTIONS, check_answers, is_degenerate


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_chat(tmp_path_factory.mktemp("tiny") / "model", ends=False)


@pytest.mark.parametrize(
    ("answer", "degenerate"),
    [
        ("", True),
        (" \n", True),
        ("Yes.", False),
        ("no no no no", False),
        ("no " * 40, True),
        ("I do not know. " * 8, True),
        ("Put the egg in cold water, bring it to the boil, and wait for seven minutes before you take it out.", False),
    ],
)
def test_an_answer_is_degenerate_if_it_is_empty_or_repeats_itself(answer: str, degenerate: bool) -> None:
    assert is_degenerate(answer) is degenerate


def test_the_form_that_will_serve_is_made_once_and_asked(tiny: Path, tmp_path: Path) -> None:
    settings = Settings.from_env({"MELLOW_HOME": str(tmp_path), "SERVING_COMPUTE_TYPE": "float32"})
    adapter = build_tiny_adapter(tiny, tmp_path / "adapter")
    lines: list[str] = []
    found = check_answers(tiny, None, adapter, settings, lines.append)
    assert found["answers_asked"] == len(INSTRUCTIONS)
    assert isinstance(found["parity"], float)
    assert len(list((tmp_path / "cache" / "chat").iterdir())) == 2
    assert lines == [f"The served form agrees with the trained one to {found['parity']:.1e} nats a token."]
    for number in range(8):
        (tmp_path / "cache" / "chat" / f"old-{number}").mkdir()
        os.utime(tmp_path / "cache" / "chat" / f"old-{number}", (number, number))
    again = check_answers(tiny, None, adapter, settings, lines.append)
    assert again == {name: value for name, value in found.items() if name != "parity"}, "both forms are there"
    assert len(list((tmp_path / "cache" / "chat").iterdir())) == 8, "old ones were removed"


def test_what_cannot_be_converted_is_refused(tiny: Path, tmp_path: Path) -> None:
    settings = Settings.from_env({"MELLOW_HOME": str(tmp_path)})
    other = build_tiny_chat(tmp_path / "other", chat=False)
    adapter = build_tiny_adapter(tiny, tmp_path / "adapter")
    with pytest.raises(LoadError, match="has no chat template"):
        check_answers(other, None, adapter, settings, print)
