"""requirements.lock knows every package that `make run` installs, in its pinned version, by hashes; but for torch."""

from __future__ import annotations

import re

import pytest

from app.config import PROJECT_ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==(\S+)", re.MULTILINE)
LOCK = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")


def pins(text: str) -> dict[str, str]:
    """The version of each package, by its name as the index compares it."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in PIN.findall(text)}


def pinned_in(name: str) -> dict[str, str]:
    return pins((PROJECT_ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-scorers.txt"])
def test_every_package_is_in_the_lock_in_its_version(name: str) -> None:
    wanted, locked = pinned_in(name), pins(LOCK)
    assert wanted
    assert {package: locked.get(package) for package in wanted} == wanted, "run `make lock`"


def test_what_the_packages_need_is_locked_as_the_constraints_say() -> None:
    locked, constraints = pins(LOCK), pinned_in("constraints.txt")
    both = locked.keys() & constraints.keys()
    assert len(both) > 60
    assert {package: locked[package] for package in both} == {package: constraints[package] for package in both}


def test_each_entry_names_its_hashes_and_nothing_else_is_in_it() -> None:
    entries = re.split(r"\n(?=[A-Za-z])", LOCK.partition("\n")[2].strip())
    bad = [
        entry.splitlines()[0]
        for entry in entries
        if not re.fullmatch(r"[^\n]+==[^\n]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n|$))+", entry)
    ]
    assert bad == []


def test_torch_whose_builds_differ_by_platform_is_pinned_and_not_locked() -> None:
    assert list(pinned_in("requirements-torch.txt")) == ["torch"]
    assert "torch" not in pins(LOCK)
    assert not re.search(r"^(nvidia|triton)", LOCK, re.MULTILINE)
