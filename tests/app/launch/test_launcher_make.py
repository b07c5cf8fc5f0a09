"""The Makefile's own sentences, and that `make test`, CI and gunicorn's settings keep their word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.config import PROJECT_ROOT


def make(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the Makefile in `folder`, a checkout with no environment yet."""
    for name in (
        "Makefile",
        "constraints.txt",
        *(f"requirements{part}.txt" for part in ("", "-dev", "-scorers", "-torch", "-label-tools")),
    ):
        # With their times, by which make tells what is new.
        shutil.copy2(PROJECT_ROOT / name, folder)
    # Make would tell its own children how it was called, if these tests were started by it.
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={**inherited, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sentences(answer: subprocess.CompletedProcess[str]) -> list[str]:
    """Standard error without make's own account of which target failed."""
    return [line for line in answer.stderr.splitlines() if not line.startswith("make: ")]


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def only_these_on_the_path(folder: Path, *tools: str) -> Mapping[str, str]:
    """A PATH of `folder` alone, which also gets links to the system's `tools`."""
    for tool in tools:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    return {"PATH": str(folder)}


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def test_a_python_that_is_too_old_is_one_sentence(tmp_path: Path, bin_folder: Path) -> None:
    script(bin_folder, "python3", "echo 3.9")
    answer = make(tmp_path, "run", environ=only_these_on_the_path(bin_folder, "make"))
    assert answer.returncode != 0
    assert sentences(answer) == [
        "Mellow needs Python 3.11 or newer (python3 is 3.9, python3.13 is not there, python3.12 is not there, "
        "python3.11 is not there): install one, or name one with make run PYTHON=…"
    ]
    assert not (tmp_path / ".venv").exists()


def test_a_named_python_that_is_too_old_is_one_sentence(tmp_path: Path) -> None:
    script(tmp_path, "old", 'case "$1" in -c) echo 3.10 ;; esac')
    answer = make(tmp_path, "run", "PYTHON=./old")
    assert answer.returncode != 0
    assert sentences(answer) == [
        "Mellow needs Python 3.11 or newer (./old is 3.10): install one, or name one with make run PYTHON=…"
    ]


def test_the_first_python_that_is_new_enough_is_taken(tmp_path: Path, bin_folder: Path) -> None:
    script(bin_folder, "python3", "echo 3.9")
    script(bin_folder, "python3.12", 'case "$1" in -c) echo ok ;; *) echo "chosen: $*" >&2; exit 1 ;; esac')
    answer = make(tmp_path, "run", environ=only_these_on_the_path(bin_folder, "make", "tail", "rm"))
    assert sentences(answer) == ["python3.12 cannot make .venv: chosen: -m venv .venv."]


@pytest.mark.parametrize(
    ("pip", "why"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device: '/x'", "the disk is full"),
        (
            "WARNING: trying again\nERROR: No matching distribution found for rq",
            "ERROR: No matching distribution found for rq",
        ),
    ],
)
def test_packages_that_cannot_be_installed_are_one_sentence(tmp_path: Path, pip: str, why: str) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    script(tmp_path / ".venv" / "bin", "python", f"cat >&2 <<'END'\n{pip}\nEND\nexit 1")
    answer = make(tmp_path, "run")
    assert answer.returncode != 0
    assert sentences(answer) == [f"Installing requirements.txt failed: {why}."]


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    script(tmp_path / ".venv" / "bin", "python", 'echo "python $*"')
    assert "python -m pip install" in make(tmp_path, "run").stdout
    assert make(tmp_path, "run").stdout == "python -m app.launch.launcher\n"


def test_make_alone_lists_every_target_that_is_for_people(tmp_path: Path) -> None:
    listed = re.findall(r"^  make ([a-z-]+) +\S", make(tmp_path).stdout, re.MULTILINE)
    assert listed == [
        "help",
        "run",
        "demo",
        "test",
        "test-postgresql",
        "quick",
        "test-slow",
        "mutants",
        "chaos",
        "bench",
        "gallery",
        "words",
        "check",
        "check-js",
        "fix",
        "docs",
        "lock",
        "clean",
    ]


def test_ci_runs_the_checks_and_every_test_that_make_test_runs(bin_folder: Path) -> None:
    script(bin_folder, "make", 'echo "make $*"; exit 7')
    answer = subprocess.run(
        [PROJECT_ROOT / ".ci" / "run"],
        env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.stdout, answer.returncode) == ("make --keep-going check test\n", 7)


def commands(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """The pytest commands that make would run, in an environment where everything is installed."""
    stamps = folder / ".venv"
    for folder_of_tools in ("bin", "label-tools"):
        (stamps / folder_of_tools).mkdir(parents=True)
    for stamp in ("bin/python", ".installed", ".installed-dev", "label-tools/.installed"):
        (stamps / stamp).touch()
    answer = make(folder, "--dry-run", *arguments, environ=environ)
    return [line for line in answer.stdout.splitlines() if "pytest" in line]


EVERY_TEST = '.venv/bin/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder'


def test_make_test_runs_every_test_but_the_slow_ones_whatever_the_environment_holds(tmp_path: Path) -> None:
    assert [line.strip() for line in commands(tmp_path, "test", environ={"ARGS": "-k nothing"})] == [EVERY_TEST]


@pytest.mark.parametrize(
    ("target", "command"),
    [("test", f"{EVERY_TEST} -k 'a or b'"), ("quick", f"{EVERY_TEST} -p no:schemathesis --quick -k 'a or b'")],
)
def test_args_reach_pytest(tmp_path: Path, target: str, command: str) -> None:
    assert commands(tmp_path, target, "ARGS=-k 'a or b'") == [command]


@pytest.mark.long
def test_a_bad_setting_is_one_sentence_of_gunicorn_too(tmp_path: Path) -> None:
    answer = subprocess.run(
        [Path(sys.executable).with_name("gunicorn"), "--check-config", "app:create_app()"],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], "MELLOW_HOME": str(tmp_path), "PORT": "http"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode != 0
    assert answer.stderr == "PORT must be a whole number, not 'http'.\n"
