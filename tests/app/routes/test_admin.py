"""The admin's room as a browser meets it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from app.db import RunStatus, TrainingRun, User
from app.services import versions
from models.serving import ServingState
from tests import factories
from tests.studio import Person, close, new_settings, parts, rows


@pytest.fixture
def pairs(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id))
    factories.serving(session)


def post(person: Person, path: str, **form: str) -> Any:
    return person.browser().submit(path, form)


def test_the_first_page_shows_what_there_is(app: Flask, session: Session, pairs: None, admin: Person) -> None:
    factories.prompt(session, "waiting", queued=True)
    factories.version(session, 2, metrics={"preference_accuracy": 0.875, "parent_preference_accuracy": 0.5})
    failed = factories.run(session, RunStatus.FAILED)
    parts(app).queue.report("web:1", ServingState(1, 2, "Version 2 is damaged."))
    page = admin.browser().get("/admin").text
    assert re.search(r"data-new-judgments>\s*1\s*<", page)
    assert "87.5 %" in page
    assert f'href="/admin/runs/{failed.id}"' in page
    assert "web:1" in page
    assert "Version 2 is damaged." in page
    assert "No worker is connected" in page


def test_while_the_queue_is_away_the_page_says_so_and_is_there(app: Flask, admin: Person) -> None:
    cut_off = create_app(new_settings(parts(app).settings.home, redis_url="unix:///nowhere/valkey.sock"))
    try:
        page = Person(cut_off, admin.id, admin.email, admin.token).browser().get("/admin")
        assert page.status_code == 200
        assert "The queue does not answer: runs wait until it does." in page.text
    finally:
        close(cut_off)


def test_retrain_leads_to_the_run_however_often_it_is_pressed(session: Session, pairs: None, admin: Person) -> None:
    for preset in ("default", "default", "seed"):
        answer = post(admin, "/admin/runs", preset=preset)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/runs/1")
    (run,) = rows(session, TrainingRun)
    assert (run.config, run.job_id) == ({}, "train-1-1")


def test_a_preset_is_kept_with_the_run(session: Session, pairs: None, admin: Person) -> None:
    post(admin, "/admin/runs", preset="seed")
    assert [run.config for run in rows(session, TrainingRun)] == [{"preset": "seed"}]


@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_another_method_can_be_chosen_and_takes_no_preset(
    session: Session, pairs: None, admin: Person, method: str
) -> None:
    post(admin, "/admin/runs", method=method, preset="seed")
    assert [(run.method, run.config) for run in rows(session, TrainingRun)] == [(method, {})]


def test_the_form_offers_three_methods_each_explained_and_dpo_first(
    session: Session, pairs: None, admin: Person
) -> None:
    page = admin.browser().get("/admin").text
    choices = re.findall(r'type="radio" name="method" value="(\w+)"[^>]*aria-describedby="([\w-]+)"( checked)?', page)
    assert [(value, checked != "") for value, _, checked in choices] == [("dpo", True), ("orpo", False), ("kto", False)]
    assert all(f'id="{help_id}"' in page for _, help_id, _ in choices)
    assert "it also learns from “none is good”" in page


def test_a_method_that_there_is_not_leads_back_and_says_which_there_are(
    session: Session, pairs: None, admin: Person
) -> None:
    answer = admin.browser().submit("/admin/runs", {"method": "magic"}, follow_redirects=True)
    assert "method must be one of dpo, orpo, kto, sft." in answer.text
    assert rows(session, TrainingRun) == []


@pytest.mark.parametrize(
    ("method", "said", "charts"),
    [
        ("dpo", "DPO on 2 pairs, from version 1", ["loss", "rewards/margins"]),
        ("orpo", "ORPO on 2 pairs, from version 1", ["loss", "rewards/margins", "log_odds_chosen"]),
        (
            "kto",
            "KTO on the texts of 2 pairs and of each “none is good”, from version 1",
            ["loss", "rewards/chosen", "rewards/rejected"],
        ),
    ],
)
def test_the_page_of_a_run_says_its_method_and_draws_its_curves(
    session: Session, admin: Person, method: str, said: str, charts: list[str]
) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED, method=method)
    page = admin.browser().get(f"/admin/runs/{run.id}").text
    assert said in page
    assert re.findall(r'<svg class="chart" data-metric="([^"]+)"', page) == charts


def test_retrain_without_pairs_leads_back_and_says_why(session: Session, admin: Person) -> None:
    browser = admin.browser()
    answer = browser.submit("/admin/runs", {}, follow_redirects=True)
    assert answer.request.path == "/admin"
    assert "There is nothing to learn from yet" in answer.text
    assert rows(session, TrainingRun) == []


def test_a_run_can_be_cancelled_from_its_page_and_only_once(session: Session, admin: Person) -> None:
    run = factories.run(session)
    browser = admin.browser()
    path = f"/admin/runs/{run.id}/cancel"
    assert browser.submit(path, {}).headers["Location"] == f"/admin/runs/{run.id}"
    assert rows(session, TrainingRun)[0].status == "cancelled"
    again = browser.submit(path, {}, follow_redirects=True)
    assert "has ended already: it was cancelled." in again.text


def test_promoting_a_version_moves_the_alias(session: Session, admin: Person) -> None:
    for number in (1, 2):
        factories.version(session, number)
    factories.serving(session, 1)
    answer = admin.browser().submit("/admin/versions/2/promote", {}, follow_redirects=True)
    assert "Version 2 serves from now on." in answer.text
    session.rollback()
    assert versions.serving_number(session) == 2
    assert post(admin, "/admin/versions/9/promote").status_code == 404


def test_a_person_who_was_added_may_sign_in(app: Flask, session: Session, admin: Person) -> None:
    form = {"email": "New@example.org", "password": factories.PASSWORD, "role": "annotator", "name": "Nina"}
    answer = post(admin, "/admin/people", **form)
    assert answer.headers["Location"] == "/admin/people"
    new = next(user for user in rows(session, User) if user.name == "Nina")
    assert Person(app, new.id, new.email, "").browser().get("/annotate").status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"password": "short"}, 422, "The password needs at least 8 characters."),
        ({"role": "owner"}, 422, "The role must be annotator or admin."),
        ({"email": "here already"}, 409, "There is an account with that email already."),
    ],
)
def test_a_person_who_cannot_be_added_is_told_why_and_the_form_is_kept(
    session: Session, admin: Person, changes: dict[str, str], status: int, sentence: str
) -> None:
    form = {"email": "nina@example.org", "password": factories.PASSWORD, "role": "annotator", "name": "Nina"} | changes
    if form["email"] == "here already":
        form["email"] = admin.email
    answer = post(admin, "/admin/people", **form)
    assert answer.status_code == status
    assert sentence in answer.text
    assert 'value="Nina"' in answer.text
    assert len(rows(session, User)) == 1


def test_a_person_can_be_kept_out_and_let_in_again_but_not_oneself(
    session: Session, admin: Person, annotator: Person
) -> None:
    browser = admin.browser()
    for active, said in (("no", "may no longer sign in."), ("yes", "may sign in again.")):
        answer = browser.submit(f"/admin/people/{annotator.id}/active", {"active": active}, follow_redirects=True)
        assert f"{annotator.email} {said}" in answer.text
        assert next(user.active for user in rows(session, User) if user.id == annotator.id) is (active == "yes")
    answer = browser.submit(f"/admin/people/{admin.id}/active", {"active": "no"}, follow_redirects=True)
    assert "You cannot deactivate your own account." in answer.text
