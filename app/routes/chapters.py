"""The chapter of the help that each page leads to."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request, url_for
from flask_login import current_user

CHAPTERS: Mapping[str, str] = {
    "annotate": "docs/desk.md",
    "work": "docs/annotators.md#my-work",
    "guidelines": "docs/annotators.md#guidelines",
    "auth": "docs/sign-in.md",
    "factors": "docs/sign-in.md#the-second-factor",
    "review": "docs/review.md",
    "data": "docs/managing-data.md",
    "data.judgments": "docs/managing-data.md#judgments",
    "data.report": "docs/managing-data.md#judgments",
    "prompts": "docs/managing-data.md#queue",
    "prompts.ask": "docs/privacy.md#delete-a-prompt",
    "assignments": "docs/assignments.md",
    "groups": "docs/assignments.md#groups",
    "hours": "docs/assignments.md#hours-and-counts",
    "people": "docs/people.md",
    "people.person": "docs/people.md#what-is-said-of-each-person",
    "projects": "docs/projects.md",
    "project": "docs/projects.md#members",
    "person_access": "docs/people.md#passwords",
    "personal_data": "docs/privacy.md#delete-a-person",
    "admin": "docs/training.md#the-retrain-form",
    "admin.run": "docs/preference-training.md#what-the-figures-mean",
    "admin.all_runs": "docs/training.md#the-queue-of-runs",
    "admin.compare": "docs/preference-training.md#what-the-figures-mean",
    "admin.start": "docs/initial-training.md",
    "by_itself": "docs/training.md#retraining-by-itself",
    "liking": "docs/training.md#every-click-at-once",
    "versions": "docs/training.md#what-a-version-says-of-itself",
    "versions.version": "docs/evaluation.md#the-figures",
    "comparison": "docs/live-comparison.md#what-you-see-and-do",
    "forgetting": "docs/privacy.md#forget",
    "system": "docs/system.md",
    "system.audit_log": "docs/system.md#the-audit-log",
    "webhooks": "docs/api.md#webhooks",
    "api_docs": "docs/api.md",
}
"""The file of the help with its anchor, by endpoint, or by blueprint for all endpoints of it that are not named."""


def chapter_of(endpoint: str) -> str | None:
    """Return the chapter for the page of an endpoint, or None if it has none."""
    return CHAPTERS.get(endpoint) or CHAPTERS.get(endpoint.partition(".")[0])


def chapter() -> str | None:
    """Return the address of the chapter for the present page; None if it has none, or nobody who may read it."""
    if not current_user.is_authenticated or current_user.must_change_password:
        return None
    found = chapter_of(request.endpoint or "")
    if found is None:
        return None
    name, _, anchor = found.partition("#")
    return url_for("help.page", name=name, _anchor=anchor or None)


def init_app(app: Flask) -> None:
    """Make `chapter` available in every template."""
    app.jinja_env.globals["chapter"] = chapter
