"""Fixtures that tests of every part may ask for."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# As gunicorn.conf.py has it, and for its reason; here the tests themselves are what must not be kept from working.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The matrices of tests are small, and the processes of a run share the cores: a second thread of NumPy's only spins.
# Fitting a reward head took up to twenty times as long with two.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What tests write does not wait for the disk, as tests/app/quick_sqlite.py has it for commits: nothing has to survive a
# power failure. The programs that tests start wait as they always do.
os.fsync = lambda fd: None

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


_MANY_MODULES = 50
_passed_over = pytest.StashKey[int]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let collections pass over what is there: every training ends with one."""
    _pass_over(session.config)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let them pass over what the tests before have imported, too."""
    if len(sys.modules) >= item.config.stash[_passed_over] + _MANY_MODULES:
        _pass_over(item.config)


def _pass_over(config: pytest.Config) -> None:
    gc.collect()
    gc.freeze()
    config.stash[_passed_over] = len(sys.modules)
