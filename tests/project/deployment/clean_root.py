"""Carries out a container file without a container engine: each step in a root of its own that debootstrap has made.

It knows the instructions that docs/deployment/Containerfile uses, and refuses others. What a container has besides, its
own network and limits, is not there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from app.config import PROJECT_ROOT

SUITE = re.compile(r"docker\.io/library/debian:(\w+)-slim")
_IGNORED = {"EXPOSE", "VOLUME"}
_NEEDED = ("debootstrap", "unshare", "chroot")
_CERTIFICATES = "/etc/certificates-of-this-machine.crt"


def missing() -> str:
    """Return why no clean root can be made here, empty if one can."""
    if os.geteuid() != 0:
        return "A clean root is made by root alone."
    return next((f"{name} is not installed." for name in _NEEDED if not shutil.which(name)), "")


@dataclass(frozen=True)
class Instruction:
    """One instruction of a container file: its word and what follows."""

    word: str
    rest: str


@dataclass
class Stage:
    """A root that was built, and how programs are started in it."""

    root: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"})
    folder: str = "/"
    user: str = "0"
    command: list[str] = field(default_factory=list)

    def started(
        self, command: list[str], more: Mapping[str, str] | None = None, binds: Mapping[Path, str] | None = None
    ) -> list[str]:
        """Return the program that runs a command in this root, as its user and in processes of its own.

        What it mounts there is gone when it ends.
        """
        mounts = [f"mount -t proc proc {self.root}/proc"]
        for here, there in (binds or {}).items():
            place = within(self.root, there)
            mounts.append(f"mkdir -p {place} && mount --bind {here} {place}")
        environ = [f"{name}={value}" for name, value in {**self.environ, **(more or {})}.items()]
        entered = [
            "chroot",
            f"--userspec={self.user}:{self.user}",
            str(self.root),
            "/usr/bin/env",
            "-i",
            f"--chdir={self.folder}",
            *environ,
            *command,
        ]
        script = " && ".join([*mounts, f"exec {shlex.join(entered)}"])
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script]


def within(root: Path, path: str | Path) -> Path:
    """Return where an absolute path of a root lies on this machine."""
    return root / Path(path).relative_to("/")


def instructions(path: Path) -> Iterator[Instruction]:
    """Read a container file."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Instruction(word, " ".join(rest.split()))


class Build:
    """Carries out a container file in folders below `place`; what is downloaded stays in `cache` for the next time."""

    def __init__(self, place: Path, cache: Path, arguments: Mapping[str, str]) -> None:
        self._place, self._cache, self._arguments = place, cache, arguments
        self._stages: dict[str, Stage] = {}
        self._machine = _Machine()

    def run(self, path: Path) -> Stage:
        """Return the last stage, once all of the file was done; raises AssertionError about a step that failed."""
        arguments: dict[str, str] = {}
        stage = Stage(self._place)
        for one in instructions(path):
            match one.word:
                case "FROM":
                    stage, arguments = self._begin(one.rest), {}
                case "ARG":
                    name, _, default = one.rest.partition("=")
                    arguments[name] = self._arguments.get(name, default)
                case "ENV":
                    stage.environ |= dict(part.split("=", 1) for part in shlex.split(one.rest))
                case "WORKDIR":
                    stage.folder = one.rest
                    within(stage.root, one.rest).mkdir(parents=True, exist_ok=True)
                case "USER":
                    stage.user = one.rest
                case "CMD":
                    stage.command = json.loads(one.rest)
                case "COPY":
                    self._copy(stage, shlex.split(one.rest))
                case "RUN":
                    self._execute(stage, one.rest, arguments)
                case word:
                    assert word in _IGNORED, f"{word} is not known here."
        return stage

    def _begin(self, rest: str) -> Stage:
        image, _, name = rest.partition(" AS ")
        found = SUITE.fullmatch(image)
        assert found, f"{image} is not an image that debootstrap could make."
        stage = Stage(self._place / f"stage-{len(self._stages)}")
        self._stages[name or str(len(self._stages))] = stage
        subprocess.run(["cp", "-a", "--reflink=auto", str(self._base(found[1])), str(stage.root)], check=True)
        self._machine.prepare(stage.root)
        return stage

    def _base(self, suite: str) -> Path:
        """Return a clean root of that suite of Debian, made once."""
        base = self._cache / suite
        if not base.exists():
            draft = self._cache / f"{suite}.new"
            shutil.rmtree(draft, ignore_errors=True)
            _check(["debootstrap", "--variant=minbase", suite, str(draft)])
            draft.rename(base)
        return base

    def _copy(self, stage: Stage, words: list[str]) -> None:
        *sources, target = words
        into = within(stage.root, Path(stage.folder) / target)
        if sources[0].startswith("--from="):
            other = self._stages[sources.pop(0).removeprefix("--from=")].root
            into.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", "--reflink=auto", str(within(other, sources[0])), str(into)], check=True)
            return
        for source in sources:
            for path, name in copied(source):
                place = into / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)

    def _execute(self, stage: Stage, line: str, arguments: Mapping[str, str]) -> None:
        binds = dict(self._machine.folders)
        while match := re.match(r"--mount=type=cache,target=(\S+) ", line):
            kept = self._cache / match[1].strip("/").replace("/", "-")
            kept.mkdir(exist_ok=True)
            binds[kept] = match[1]
            line = line[match.end() :]
        environ = {"HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **self._machine.environ, **arguments}
        _check(stage.started(["/bin/sh", "-c", line], environ, binds))


def copied(source: str) -> list[tuple[Path, str]]:
    """Return the files of the project that a source of COPY means, and their names below its target."""
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    names = [name for name in tracked.stdout.splitlines() if (PROJECT_ROOT / name).is_file()]
    if source.endswith("/"):
        return [(PROJECT_ROOT / name, name.removeprefix(source)) for name in names if name.startswith(source)]
    matching = [name for name in names if fnmatch(name, source) and name.count("/") == source.count("/")]
    return [(PROJECT_ROOT / name, Path(name).name) for name in matching]


class _Machine:
    """How this machine gets packages: that alone is brought into a clean root, and never into an image."""

    def __init__(self) -> None:
        self.environ = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PIP_") or name.lower() in ("http_proxy", "https_proxy", "no_proxy")
        }
        said = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
        ).stdout
        self.folders = {
            folder: str(folder)
            for folder in {Path(name) for name in re.findall(r"/\w[\w./-]+", said)}
            if folder.is_dir() and folder.is_absolute()
        }
        for folder in {Path(match).parent for match in re.findall(r"file://(/[\w./-]+)", said)}:
            self.folders[folder] = str(folder)  # an index refers to files beside it
        found = re.search(r"cert='([^']+)'", said)
        self._certificates = Path(found[1]) if found else None
        if found:
            self.environ["PIP_CERT"] = _CERTIFICATES

    def prepare(self, root: Path) -> None:
        """Copy what names servers and settings of package clients."""
        for name in ("etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/xdg/pip"):
            here = Path("/") / name
            if here.is_dir():
                shutil.copytree(here, root / name, dirs_exist_ok=True)
            elif here.is_file():
                shutil.copy(here, root / name)
        if self._certificates:
            shutil.copy(self._certificates, within(root, _CERTIFICATES))


def _check(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
