"""The units of systemd start what the Makefile starts, and again whatever ended it."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_the_launcher_and_starts_it_again(unit: Path) -> None:
    read = configparser.ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string(unit.read_text(encoding="utf-8"))
    service = read["Service"]
    assert (service["Restart"], read["Unit"]["StartLimitIntervalSec"]) == ("always", "0")
    program = service["ExecStart"].removeprefix(service["WorkingDirectory"])
    assert program == "/.venv/bin/python -m app.launch.launcher"
    assert program.removeprefix("/.venv/bin/") in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_with_a_unit(unit: Path, tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(shutil.which("true") or "/bin/true")
    there = unit.read_text(encoding="utf-8").replace("/srv/mellow", str(tmp_path)).replace("%h/mellow", str(tmp_path))
    (tmp_path / unit.name).write_text(there.replace("User=mellow", "User=root"), encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
