"""What a command says of what it cannot do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup
from sqlalchemy.orm import Session

from app import create_app
from app.cli import exchange
from app.db import User
from tests import factories
from tests.app.cli.running import run
from tests.studio import Person, rows


def test_a_refusal_is_one_sentence_and_an_exit_code(app: Flask, session: Session) -> None:
    result = run(app, "create-user", "ada@example.org", "--password", "short")
    assert (result.exit_code, result.stderr) == (1, "Error: The password needs at least 8 characters.\n")
    assert rows(session, User) == []


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MAX_TEXT_LENGTH", "-1", "MAX_TEXT_LENGTH must be"),
        ("SAMPLING_TEMPERATURE", "hot", "SAMPLING_TEMPERATURE must be"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL"),
        ("REDIS_URL", "foo", "REDIS_URL"),
        ("MELLOW_HOME", "/proc/x", "MELLOW_HOME /proc/x cannot be created"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv("MELLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(name, value)
    group = FlaskGroup(create_app=create_app, add_version_option=False)
    result = CliRunner().invoke(group, ["export"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.output
    assert result.stderr.startswith(f"Error: {sentence}")


def test_an_export_to_a_full_disk_is_one_sentence(
    app: Flask, session: Session, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    with app.app_context(), suppress(OSError), Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", full)
        with pytest.raises(ClickException) as refusal:
            exchange.export.callback("trl", False, "keep", "keep", None)  # type: ignore[misc]  # the function of a command
    assert refusal.value.message == "No space left on device."
