"""The whole circle: clicks become a version, and clicks decide whether it serves. Nobody presses anything but cards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from app.db import make_sessions
from app.services.people import accounts
from app.services.prompts import studio_settings
from tests.app.runtime.test_webhook_sender import Receiver
from tests.processes import ADMIN, ADMIN_EMAIL, Api, Product, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

PATIENCE = 300.0
MOST_CLICKS = 200
AGAINST = 5
"""One click in so many is for the other version: people are not always of one mind."""

TEXTS = (
    "You are a stupid idiot",
    "Your idea is garbage, you moron",
    "Shut up, you stupid fool",
    "This is a damn stupid question",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.mark.parametrize(("prove_first", "liked"), [(False, 1), (True, 2)], ids=["taken back", "promoted"])
def test_clicks_become_a_version_and_decide_whether_it_serves(
    tmp_path: Path, receiver: Receiver, prove_first: bool, liked: int
) -> None:
    with Product(tmp_path / "home", **ADMIN) as product:
        switch_on(product, after=len(TEXTS), prove_first=prove_first)
        product.api.ok("POST", "/webhooks", {"url": receiver.url, "events": ["comparison.finished", "alias.moved"]})
        for text in TEXTS[:-1]:
            product.api.click(text)
        assert product.rows("SELECT id FROM training_runs") == []
        product.api.click(TEXTS[-1])
        serving = 1 if prove_first else 2
        version_2_is_compared(product, serving)

        clicks = judge_until_decided(product, liked)
        outcome = "new" if liked == 2 else "old"
        (comparison,) = product.api.ok("GET", "/comparisons")
        assert (comparison["state"], comparison["outcome"], comparison["serving"]) == ("decided", outcome, serving)
        assert 8 <= comparison["clicks"] <= clicks
        assert f"people prefer version {liked}" in comparison["reason"]
        assert product.rows("SELECT version_number FROM aliases") == [(liked,)]
        product.api.wait_for_version(liked)
        decided_by_nobody(product, clicks=comparison["clicks"], outcome=outcome, before=serving, after=liked)
        told = wait_for(lambda: messages(receiver, "comparison.finished"), what="the message to the webhook")
        assert [(one["outcome"], one["old"], one["new"], one["by"]) for one in told] == [(outcome, 1, 2, None)]
        moves = [(1, 2), (2, 1)] if liked == 1 else [(1, 2)]
        wait_for(lambda: len(messages(receiver, "alias.moved")) == len(moves), what="the moves of the alias")
        assert [(one["before"], one["after"]) for one in messages(receiver, "alias.moved")] == moves

        assert product.rows("SELECT count(*) FROM training_runs") == [(1,)], "a day has not passed"


def version_2_is_compared(product: Product, serving: int) -> None:
    """Wait for the run that Mellow begins by itself, and for the comparison that its version begins."""
    wait_for(lambda: product.rows("SELECT id FROM training_runs"), what="a run")
    ended = wait_for(lambda: ended_run(product.api), PATIENCE, what="the end of the run") or {}
    assert ended["status"] == "succeeded", ended
    assert ended["occasion"] == "Mellow began this run by itself, because of 4 new clicks."
    assert ended["produced_version"] == 2
    assert product.rows("SELECT requested_by FROM training_runs") == [(None,)]
    assert product.rows("SELECT version_number FROM aliases") == [(serving,)], ended["note"]
    under_way = product.rows("SELECT old_number, new_number, serving_number, state FROM live_comparisons")
    assert under_way == [(1, 2, serving, "running")]


def ended_run(api: Api) -> dict[str, Any] | None:
    """The run, once it has ended."""
    run: dict[str, Any] = api.run(1)
    return None if run["status"] in ("queued", "running") else run


def judge_until_decided(product: Product, liked: int) -> int:
    """Prefer the cards of one version until the comparison is under way no longer; returns the number of clicks."""
    for number, text in zip(range(1, MOST_CLICKS + 1), cycle(TEXTS), strict=False):
        screen = product.api.ok("POST", "/generations", {"text": text})
        wrote = dict(product.rows("SELECT id, version_number FROM candidates WHERE generation_id = ?", screen["id"]))
        wanted = liked if number % AGAINST else 3 - liked
        places = [place for place, card in enumerate(screen["candidates"]) if wrote[card["id"]] == wanted]
        product.api.judge(screen, places[0] if places else 0)
        if product.rows("SELECT state FROM live_comparisons") != [("running",)]:
            return number
    raise AssertionError(f"The comparison was not decided after {MOST_CLICKS} clicks.")


def decided_by_nobody(product: Product, *, clicks: int, outcome: str, before: int, after: int) -> None:
    """The audit log has the decision, and the move of the alias if there was one, as what nobody did."""
    rows = product.rows(
        "SELECT action, user_id, details FROM audit_events WHERE action IN ('comparison.decided', 'alias.moved')"
        " ORDER BY id DESC LIMIT 2"
    )
    moved, decided = ((action, by, json.loads(details)) for action, by, details in rows)
    assert moved[:2] == ("alias.moved", None)
    assert moved[2] == {"before": before, "after": after}
    assert decided[:2] == ("comparison.decided", None)
    assert (decided[2]["outcome"], decided[2]["clicks"]) == (outcome, clicks)


def messages(receiver: Receiver, kind: str) -> list[dict[str, Any]]:
    """What the webhook was told of one kind."""
    got = [json.loads(body) for _, _, body in list(receiver.got)]
    return [message["data"] for message in got if message["type"] == kind]


def switch_on(product: Product, after: int, *, prove_first: bool) -> None:
    """Let the product retrain by itself after so many clicks."""
    wanted = {"retrain_by_itself": True, "retrain_after_clicks": after, "prove_first": prove_first}
    sessions = make_sessions(f"sqlite:///{product.home / 'mellow.db'}")
    with sessions() as session:
        admin = accounts.by_email(session, ADMIN_EMAIL)
        assert admin is not None
        studio_settings.change(session, admin.id, wanted)
        session.get_bind().dispose()  # type: ignore[union-attr]
