"""The version is Semantic Versioning, and the changelog and it never disagree."""

from __future__ import annotations

import re

import pytest

from app.config import PROJECT_ROOT
from app.version import VERSION

SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-dev)?")
HEADING = re.compile(r"^## (Unreleased$|\S+(?= - \d{4}-\d\d-\d\d$))", re.MULTILINE)


def number(version: str) -> tuple[int, ...]:
    found = SEMVER.fullmatch(version)
    assert found is not None, f"{version} is no version"
    return tuple(int(part) for part in found.groups()[:3])


def disagreement(version: str, changelog: str) -> str | None:
    """Return what is wrong with the version of this changelog, or None."""
    headings = HEADING.findall(changelog)
    if len(headings) != changelog.count("\n## "):
        return "a heading is neither Unreleased nor a version with its day"
    unreleased = headings[:1] == ["Unreleased"]
    released = headings[1:] if unreleased else headings
    if version.endswith("-dev") != unreleased:
        return "a version ends in -dev exactly while the changelog has an Unreleased part"
    if not unreleased:
        return None if released[:1] == [version] else "the version is not that of the newest heading"
    if released and number(version) <= number(released[0]):
        return "the version is not later than what was released"
    return None


def test_the_version_agrees_with_the_changelog() -> None:
    assert number(VERSION)
    assert disagreement(VERSION, (PROJECT_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")) is None


@pytest.mark.parametrize(
    ("version", "changelog", "wrong"),
    [
        ("1.0.0-dev", "\n## Unreleased\n", None),
        ("1.1.0-dev", "\n## Unreleased\n\n## 1.0.0 - 2026-12-01\n", None),
        ("1.0.0", "\n## 1.0.0 - 2026-12-01\n", None),
        ("1.0.0-dev", "\n## Unreleased\n\n## 1.0.0 - 2026-12-01\n", "the version is not later than what was released"),
        ("1.0.0", "\n## 1.1.0 - 2026-12-02\n\n## 1.0.0 - 2026-12-01\n", "not that of the newest heading"),
        ("1.0.0", "\n## Unreleased\n", "exactly while the changelog has an Unreleased part"),
        ("1.0.0-dev", "\n## 1.0.0 - 2026-12-01\n", "exactly while the changelog has an Unreleased part"),
        ("1.0.0", "\n## 1.0.0\n", "neither Unreleased nor a version with its day"),
        ("1.0.0", "\n## The first release\n", "neither Unreleased nor a version with its day"),
    ],
)
def test_a_disagreement_is_found(version: str, changelog: str, wrong: str | None) -> None:
    found = disagreement(version, changelog)
    assert found is None if wrong is None else wrong in str(found)
