"""What the tests of the whole product need: Chromium for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browsing import chromium


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """A running Chromium."""
    with chromium() as browser:
        yield browser
