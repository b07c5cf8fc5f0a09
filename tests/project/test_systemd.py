"""The units of systemd start what the Makefile starts, and again whatever ended it."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.launch.programs import read_procfile

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))
OF_ONE_PART = {"mellow-web.service": "web", "mellow-worker.service": "worker", "mellow-chat.service": "chat"}
"""The units that start one line of the Procfile."""
OF_STUDIOS = "mellow-studios.service"
"""The unit that starts the worker of several studios; the others start all of Mellow."""


def service_of(unit: Path) -> Mapping[str, str]:
    """What a unit says of its service, which it starts again whatever ended it, and of which one process may die."""
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string(unit.read_text(encoding="utf-8"))
    assert (read["Service"]["Restart"], read["Unit"]["StartLimitIntervalSec"]) == ("always", "0")
    assert read["Service"]["OOMPolicy"] == "continue"
    return read["Service"]


def program_of(unit: Path) -> str:
    """What a unit runs, as somebody in its folder would write it."""
    service = service_of(unit)
    return service["ExecStart"].removeprefix(f"{service['WorkingDirectory']}/.venv/bin/")


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.name not in (*OF_ONE_PART, OF_STUDIOS)], ids=lambda unit: unit.name
)
def test_a_unit_of_the_whole_runs_the_launcher(unit: Path) -> None:
    assert program_of(unit) == "python -m app.launch.launcher"
    assert program_of(unit) in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "part"), OF_ONE_PART.items(), ids=OF_ONE_PART)
def test_a_unit_of_one_part_runs_its_line_of_the_procfile(name: str, part: str) -> None:
    lines = read_procfile(ROOT / "Procfile")
    assert program_of(ROOT / "docs" / "systemd" / name) == lines[part].replace('"$REDIS_URL"', "${REDIS_URL}")


def test_the_unit_of_several_studios_runs_the_command_of_the_page() -> None:
    assert program_of(ROOT / "docs" / "systemd" / OF_STUDIOS) == "python -m worker studios /etc/mellow/studios"
    assert "    python -m worker studios /etc/mellow/studios\n" in (ROOT / "docs" / "system.md").read_text("utf-8")


def test_a_web_is_released_before_it_starts() -> None:
    before = service_of(ROOT / "docs" / "systemd" / "mellow-web.service")["ExecStartPre"]
    assert before == f"/bin/sh -c '{read_procfile(ROOT / 'Procfile')['release']}'"


@pytest.mark.parametrize("name", [*OF_ONE_PART, OF_STUDIOS])
def test_a_unit_of_one_part_may_write_where_the_page_puts_versions(name: str) -> None:
    writable = service_of(ROOT / "docs" / "systemd" / name)["ReadWritePaths"].split()
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    folders = [Path(folder) for folder in re.findall(r"MELLOW_STORE=(/\S+)", page)]
    assert folders
    assert all(any(folder.is_relative_to(place.lstrip("-")) for place in writable) for folder in folders)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_with_a_unit(unit: Path, tmp_path: Path) -> None:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "gunicorn", "rq"):
        (programs / name).symlink_to(shutil.which("true") or "/bin/true")
    there = unit.read_text(encoding="utf-8").replace("/srv/mellow", str(tmp_path)).replace("%h/mellow", str(tmp_path))
    (tmp_path / unit.name).write_text(there.replace("User=mellow", "User=root"), encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
