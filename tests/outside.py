"""What the tests that run the whole product share: a home that starts quickly, and reports that say what was seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from models.store.store import CheckpointStore
from tests.browsing import Visitor
from tests.processes import Program


@pytest.fixture(scope="session")
def new_home(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path, published: CheckpointStore
) -> Callable[[], Path]:
    """Makes a home with a migrated database and a tiny version 1 in its store: what a first start takes longest for."""

    def make() -> Path:
        home = tmp_path_factory.mktemp("home")
        shutil.copyfile(migrated_database, home / "mellow.db")
        shutil.copytree(published.folder(1), CheckpointStore(home / "versions").place(1))
        return home

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the programs said last and what the browsers show."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Program):
                report.sections.append((f"the last lines of {name}", value.tail()))
            elif isinstance(value, Visitor):
                report.sections.append((f"the page of {name}", value.describe()))
    return report
