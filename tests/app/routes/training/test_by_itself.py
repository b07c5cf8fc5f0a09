"""The page of retraining by itself, and what the Training page says of it and of the forecast."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus, now
from app.services.prompts import studio_settings
from models.forecast import LEAST
from tests import factories
from tests.app.services.training.reward.test_heads import screen
from tests.studio import Person

FORM = {
    "retrain_by_itself": "yes",
    "retrain_when": "both",
    "retrain_after_clicks": "7",
    "retrain_above": "58",
    "retrain_from_hour": "1",
    "retrain_to_hour": "5",
    "retrain_hours_apart": "48",
}


def sent(person: Person, method: str, path: str, **options: Any) -> dict[str, Any]:
    """What the API sends back."""
    answer = person.call(method, path, **options)
    assert answer.status_code < 300, answer.text
    assert answer.json is not None
    return dict(answer.json)


def test_the_rule_is_switched_on_and_off(session: Session, admin: Person, version_1: int) -> None:
    browser = admin.browser()
    page = browser.get("/admin/by-itself").text
    assert not re.search(r'id="retrain_by_itself"[^>]* checked', page)
    assert 'id="by-itself"' not in page
    assert browser.submit("/admin/by-itself", FORM).status_code == 302
    session.rollback()
    now_set = studio_settings.settings(session)
    assert (now_set.retrain_by_itself, now_set.retrain_when, now_set.retrain_after_clicks) == (True, "both", 7)
    assert (now_set.retrain_above, now_set.retrain_hours_apart) == (58, 48)
    assert (now_set.retrain_from_hour, now_set.retrain_to_hour) == (1, 5)
    page = browser.get("/admin/by-itself").text
    assert re.search(r'id="retrain_by_itself"[^>]* checked', page)
    assert '<option value="both" selected>' in page
    assert '<option value="5" selected>5:00</option>' in page
    browser.submit("/admin/by-itself", {name: value for name, value in FORM.items() if name != "retrain_by_itself"})
    session.rollback()
    assert not studio_settings.settings(session).retrain_by_itself


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("retrain_after_clicks", "many", "“New clicks” needs a whole number."),
        ("retrain_above", "30", "retrain_above must be a whole number from 50 to 99."),
        ("retrain_when", "now", "retrain_when must be one of clicks, forecast, either, both."),
    ],
)
def test_what_cannot_be_stored_is_refused_and_stays_on_the_page(
    session: Session, admin: Person, version_1: int, field: str, typed: str, sentence: str
) -> None:
    answer = admin.browser().submit("/admin/by-itself", {**FORM, field: typed, "retrain_hours_apart": "47"})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="47"' in answer.text
    session.rollback()
    assert studio_settings.settings(session).retrain_hours_apart == 24


def test_the_training_page_says_what_the_rule_waits_for(session: Session, admin: Person, version_1: int) -> None:
    browser = admin.browser()
    assert "Let Mellow retrain by itself" in browser.get("/admin").text
    browser.submit("/admin/by-itself", {**FORM, "retrain_when": "clicks", "retrain_to_hour": "1"})
    assert "Mellow will retrain by itself after 7 more clicks." in browser.get("/admin").text
    run = factories.run(
        session, RunStatus.FAILED, finished_at=now(), occasion="It began by itself, because it was due."
    )
    page = browser.get("/admin").text
    assert f"Mellow has stopped retraining by itself, because run {run.id} failed." in page
    assert "DPO, automatic" in page
    assert "It began by itself, because it was due." in browser.get(f"/admin/runs/{run.id}").text
    assert sent(admin, "GET", f"/training-runs/{run.id}")["occasion"] == run.occasion


def test_the_training_page_forecasts_what_retraining_would_change(
    session: Session, admin: Person, version_1: int
) -> None:
    page = admin.browser().get("/admin").text
    assert f"{LEAST} more clicks on the live version" in page
    assert sent(admin, "POST", "/training-runs/preview", json={"method": "dpo"})["forecast"] is None
    for _ in range(LEAST):
        factories.judgment(session, screen(session, admin.id))
    page = " ".join(re.sub("<[^>]*>", "", admin.browser().get("/admin").text).split())
    said = re.search(
        r"After a retraining now, people would probably prefer what is shown in (\d+) to (\d+) of 100 cases, "
        r"most likely (\d+)\. 40 more clicks like these would narrow that to (\d+) to (\d+) of 100 cases\.",
        page,
    )
    assert said is not None
    low, high, value, narrow_low, narrow_high = map(int, said.groups())
    assert low < narrow_low < value < narrow_high < high
    assert f"From {LEAST} clicks since the live version was trained." in page
    told = sent(admin, "POST", "/training-runs/preview", json={"method": "dpo"})["forecast"]
    assert (round(100 * told["low"]), round(100 * told["high"]), told["clicks"]) == (low, high, LEAST)
    body = {"method": "dpo", "parent_version": 1}
    assert sent(admin, "POST", "/training-runs/preview", json=body)["forecast"] is None, "of another run"
    run = sent(admin, "POST", "/training-runs", json={"method": "dpo"})["id"]
    assert sent(admin, "GET", f"/training-runs/{run}")["occasion"] is None


def test_only_admins_may_change_the_rule(annotator: Person, version_1: int) -> None:
    browser = annotator.browser()
    assert browser.get("/admin/by-itself").status_code == 403
    assert browser.submit("/admin/by-itself", FORM).status_code == 403
