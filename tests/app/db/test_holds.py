"""Texts are found in upper and lower case, in every alphabet, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Prompt, holds
from tests import factories
from tests.studio import parts


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    with parts(app).sessions() as session:
        yield session


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Was für ein ÄRGER!", "ärger"),
        ("was für ein ärger!", "ÄRGER"),
        ("ПРИВЕТ, дурак", "привет, ДУРАК"),
        ("ΚΑΛΗΜΈΡΑ", "καλημέρα"),
        ("YOU FOOL", "you f"),
        ("100 % größer_als [a-z]* (mit^Ö)$", "GRÖßER_ALS [A-Z]* (MIT^ö)$"),
        ("100 % sure", "0 % S"),
        ("a\\b/ü", "\\B/Ü"),
        ("馬鹿野郎", "鹿野"),
        ("you fool 😀 é", "😀 É"),
        ("你好 émigré", "你好 É"),
    ],
)
def test_a_part_is_found_in_any_case(either: Session, text: str, part: str) -> None:
    factories.prompt(either, text)
    factories.prompt(either, "something else")
    assert list(either.scalars(select(Prompt.text).where(holds(Prompt.text, part)))) == [text]
    assert list(either.scalars(select(Prompt.text).where(holds(Prompt.text, f"{part}?")))) == []


@pytest.mark.parametrize("part", ["e%d", "_nd", "ä.", "[Ä]", "\\"])
def test_signs_of_patterns_stand_for_themselves(either: Session, part: str) -> None:
    factories.prompt(either, "der Ärger endet")
    assert list(either.scalars(select(Prompt.text).where(holds(Prompt.text, part)))) == []


def test_what_is_empty_holds_nothing(either: Session) -> None:
    factories.prompt(either, gold_answer=None)
    for part in ("a", "ä"):
        assert list(either.scalars(select(Prompt.id).where(holds(Prompt.gold_answer, part)))) == []
        assert list(either.scalars(select(Prompt.id).where(~holds(Prompt.gold_answer, part)))) == []
