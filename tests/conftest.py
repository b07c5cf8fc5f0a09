"""Fixtures that tests of every part may ask for."""

from __future__ import annotations

import os

# As gunicorn.conf.py has it, and for its reason; here the tests themselves are what must not be kept from working.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

pytest_plugins = ["tests.postgres", "tests.studio", "tests.outside"]
