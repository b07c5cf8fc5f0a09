"""What the libraries say while they train is none of these tests' business."""

from collections.abc import Iterator

import pytest

from worker.training.shared.quiet_libraries import quiet


@pytest.fixture(autouse=True)
def without_chatter() -> Iterator[None]:
    """As every run is made."""
    with quiet():
        yield
