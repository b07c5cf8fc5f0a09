"""What the tests of the worker share."""

from __future__ import annotations

from functools import partial

import pytest

from worker.evaluation import testset


@pytest.fixture
def few_texts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Evaluations measure on this many held-out texts instead of all 60, for tests that are about something else."""
    texts = 4
    monkeypatch.setattr(testset, "heldout", partial(testset.heldout, max_samples=texts))
    return texts
