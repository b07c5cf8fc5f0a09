"""What the tests of services share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.studio import parts


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    with parts(app).sessions() as session:
        yield session
