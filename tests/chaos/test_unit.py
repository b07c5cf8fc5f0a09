"""The stand-in of systemd starts a program again and leaves nothing of its former self."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.chaos.unit import pause_between_starts
from tests.processes import Program, alive, wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="orphans are taken in by a means that only Linux has"),
]

# Its child has a session of its own, as the parts of Mellow have.
PROGRAM = "import subprocess, time; subprocess.Popen(['sleep', '600'], start_new_session=True); time.sleep(600)"
KEEP = f"import sys; from tests.chaos.unit import keep_running; keep_running([sys.executable, '-c', {PROGRAM!r}])"


def kept(keeper: Program) -> list[psutil.Process]:
    """The program and its child, once both are there; the program first."""
    wait_for(lambda: len(alive(keeper.tree())) == 3)
    return sorted(alive(keeper.tree())[1:], key=lambda process: process.create_time())


def test_what_was_killed_is_started_again_and_what_it_left_is_killed() -> None:
    with Program([sys.executable, "-c", KEEP], os.environ) as keeper:
        program, child = kept(keeper)
        program.kill()
        wait_for(lambda: not alive([program, child]))
        again, _ = kept(keeper)
        assert again.pid != program.pid
        os.kill(keeper.pid, signal.SIGTERM)
        assert keeper.wait() == 0
        assert not alive([again])


def test_nothing_is_left_where_nobody_reads_any_more_what_it_says() -> None:
    command = [sys.executable, "-c", KEEP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as keeper:
        this = psutil.Process(keeper.pid)
        wait_for(lambda: len(alive(this.children(recursive=True))) == 2)
        below = this.children(recursive=True)
        assert keeper.stdout is not None
        keeper.stdout.close()
        keeper.terminate()
        keeper.wait(20)
        assert not alive(below)


def test_it_waits_as_long_as_the_unit_says() -> None:
    assert pause_between_starts() == 2.0
