"""Fixtures that tests of every part may ask for."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# As gunicorn.conf.py has it, and for its reason; here the tests themselves are what must not be kept from working.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The matrices of tests are small, and the processes of a run share the cores: a second thread of NumPy's only spins.
# Fitting a reward head took up to twenty times as long with two.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Collections are rarer than Python has them: a tenth of the time of short tests went into them.
gc.set_threshold(50_000, 20, 50)

pytest_plugins = ["tests.quick", "tests.postgres", "tests.studio", "tests.outside", "tests.objects.server"]


class OneProcessAFile(LoadFileScheduling):  # type: ignore[misc]
    """The tests of a file stay in one process, and so do all that look at one running product through one Chromium."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/browser" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneProcessAFile:
    """How the processes of a run in parallel share the tests."""
    return OneProcessAFile(config, log)


def pytest_collection_finish() -> None:
    """Let collections pass over what the tests have imported: every training ends with one."""
    gc.collect()
    gc.freeze()
