"""What the hosting site, editors and pre-commit read can be read, and runs what it says it runs."""

from __future__ import annotations

import os
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config import PROJECT_ROOT

GITHUB = PROJECT_ROOT / ".github"
YAML_FILES = sorted([*GITHUB.rglob("*.yml"), *PROJECT_ROOT.glob(".*.yaml")])


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_every_yaml_file_is_a_mapping(path: Path) -> None:
    assert isinstance(read(path), dict)


def test_every_push_and_pull_request_is_checked_by_ci_run() -> None:
    workflow = read(GITHUB / "workflows" / "ci.yml")
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 takes the word "on" for true
    assert [step["run"] for step in workflow["jobs"]["ci"]["steps"] if "run" in step] == [".ci/run"]
    assert os.access(PROJECT_ROOT / ".ci" / "run", os.X_OK)


def test_every_action_is_pinned_to_a_full_version() -> None:
    workflows = [read(path) for path in (GITHUB / "workflows").glob("*.yml")]
    steps = chain.from_iterable(job["steps"] for workflow in workflows for job in workflow["jobs"].values())
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", action)] == []


def test_commits_are_checked_with_the_tools_of_the_environment_and_nothing_is_downloaded() -> None:
    repos = read(PROJECT_ROOT / ".pre-commit-config.yaml")["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    commands = [hook["entry"].split()[0] for hook in repos[0]["hooks"]]
    assert [command for command in commands if not re.fullmatch(r"\.venv/bin/[\w-]+", command)] == []
    assert {hook["language"] for hook in repos[0]["hooks"]} == {"system"}


def test_updates_are_looked_for_of_packages_and_of_actions() -> None:
    ecosystems = {update["package-ecosystem"] for update in read(GITHUB / "dependabot.yml")["updates"]}
    assert ecosystems == {"pip", "npm", "github-actions"}


@pytest.mark.parametrize("name", ["bug.yml", "idea.yml"])
def test_a_form_asks_for_something_and_every_question_has_a_name(name: str) -> None:
    form = read(GITHUB / "ISSUE_TEMPLATE" / name)
    questions = [part for part in form["body"] if part["type"] != "markdown"]
    assert form["name"]
    assert form["description"]
    assert len({question["id"] for question in questions}) == len(questions)
    assert any(question.get("validations", {}).get("required") for question in questions)
