"""Clicks become a version, and nobody presses anything but the cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.db import make_sessions
from app.services.people import accounts
from app.services.prompts import studio_settings
from tests.processes import ADMIN, ADMIN_EMAIL, Api, Product, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PATIENCE = 300.0

TEXTS = (
    "You are a stupid idiot",
    "Your idea is garbage, you moron",
    "Shut up, you stupid fool",
    "This is a damn stupid question",
)


def test_clicks_become_a_version_without_anybody_pressing_retrain(tmp_path: Path) -> None:
    with Product(tmp_path / "home", **ADMIN) as product:
        switch_on(product, after=len(TEXTS))
        for text in TEXTS[:-1]:
            click(product.api, text)
        assert product.rows("SELECT id FROM training_runs") == []
        click(product.api, TEXTS[-1])
        wait_for(lambda: product.rows("SELECT id FROM training_runs"), what="a run")
        ended = wait_for(lambda: ended_run(product.api), PATIENCE, what="the end of the run") or {}
        assert ended["status"] == "succeeded", ended
        assert ended["occasion"] == "Mellow began this run by itself, because of 4 new clicks."
        assert ended["produced_version"] == 2
        assert product.rows("SELECT requested_by FROM training_runs") == [(None,)]
        if ended["note"] is None:  # the gate may keep a version of four clicks back
            assert product.rows("SELECT version_number FROM aliases") == [(2,)]
            assert product.rows("SELECT old_number, new_number, state FROM live_comparisons") == [(1, 2, "running")]
        click(product.api, "What a dumb plan")
        assert product.rows("SELECT count(*) FROM training_runs") == [(1,)], "a day has not passed"


def ended_run(api: Api) -> dict[str, Any] | None:
    """The run, once it has ended."""
    run: dict[str, Any] = api.run(1)
    return None if run["status"] in ("queued", "running") else run


def switch_on(product: Product, after: int) -> None:
    """Let the product retrain by itself after so many clicks."""
    sessions = make_sessions(f"sqlite:///{product.home / 'mellow.db'}")
    with sessions() as session:
        admin = accounts.by_email(session, ADMIN_EMAIL)
        assert admin is not None
        studio_settings.change(session, admin.id, {"retrain_by_itself": True, "retrain_after_clicks": after})
        session.get_bind().dispose()  # type: ignore[union-attr]


def click(api: Api, text: str) -> None:
    """Draw a screen of a text and choose its first card."""
    screen = api.ok("POST", "/generations", {"text": text})
    chosen = screen["candidates"][0]["id"]
    api.ok("POST", "/judgments", {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": chosen})
