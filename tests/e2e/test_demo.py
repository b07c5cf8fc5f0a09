"""`make demo` to its end, with few clicks: two versions, a run with charts, and a comparison that has begun."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import ComparisonState, LiveComparison, RunMetric, User, Version, make_sessions
from tests.processes import Program, environment, free_port, wait_for

START = """
import pathlib, sys
from app.launch.demo import story
from app.launch.demo.__main__ import demo
story.TEXTS, story.MORE_TEXTS = 10, 2
sys.exit(demo(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_page_has_something_to_show_and_a_second_start_goes_on(tmp_path: Path) -> None:
    home, port = tmp_path / "demo", free_port()
    command = [sys.executable, "-c", START, str(home), str(port)]
    with Program(command, environment(tmp_path / "elsewhere", PORT="1")) as demo:
        password = demo.wait_for_line("Sign in as").rpartition(" ")[2]
        said = wait_for(lambda: demo.line("The demo is"), 500) or ""
        assert said == f"The demo is complete, every page has something to show: http://127.0.0.1:{port}"
        assert demo.interrupt() == 0
    with make_sessions(f"sqlite:///{home / 'mellow.db'}")() as session:
        assert session.scalars(select(Version.number).order_by(Version.number)).all() == [1, 2]
        assert session.scalars(select(LiveComparison.state)).all() == [ComparisonState.RUNNING]
        assert len(session.scalars(select(RunMetric).where(RunMetric.name == "loss")).all()) > 2
        assert len(session.scalars(select(User)).all()) == 4
    assert not (tmp_path / "elsewhere").exists()
    with Program(command, environment(tmp_path / "elsewhere")) as demo:
        assert demo.wait_for_line("Sign in as").rpartition(" ")[2] == password
        demo.wait_for_line("The demo is complete")
        assert demo.line("1 of 4") is None
        demo.interrupt()
