"""Nothing is left of a session that was ended."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil

from app.launch.reaper import end_sessions
from tests.processes import alive

LIKE_A_WORKER = """
import os, signal
if os.fork() == 0:
    os.setpgrp()
    print(os.getpid(), flush=True)
signal.pause()
"""
"""Forks a process that leaves its group, as RQ's workers do for each run."""


def test_what_a_killed_program_leaves_behind_is_killed_at_once_without_a_grace() -> None:
    command = [sys.executable, "-c", LIKE_A_WORKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as program:
        assert program.stdout is not None
        left = psutil.Process(int(program.stdout.readline()))
        program.kill()
        assert program.wait(20) == -signal.SIGKILL
        end_sessions([program.pid], grace=0)
        assert alive([left]) == []
