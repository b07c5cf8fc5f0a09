"""Fixtures that tests of every part may ask for."""

from __future__ import annotations

import gc
import os

# As gunicorn.conf.py has it, and for its reason; here the tests themselves are what must not be kept from working.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

pytest_plugins = ["tests.postgres", "tests.studio", "tests.outside"]


def pytest_collection_finish() -> None:
    """Let collections pass over what the tests have imported: every training ends with one."""
    gc.collect()
    gc.freeze()
