"""The admin's room as a browser meets it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq import Worker
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session

from app import create_app
from app.db import ANSWERING, Project, Prompt, RunStatus, TrainingRun, User, now, write_transaction
from app.runtime.queue import QueueTaken
from app.services.training import overview
from app.services.versions import versions
from models.settings.chat_clicks import chat_config, chat_options
from models.settings.clicks import CLICK_OPTIONS
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, close, parts, rows

PAIRED = ["loss", "rewards/accuracies", "rewards/margins"]
ALWAYS = ["logps/chosen", "logps/rejected", "anchor_kl", "learning_rate"]


@pytest.fixture
def pairs(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id))
    factories.serving(session)


def post(person: Person, path: str, **form: str) -> Any:
    return person.browser().submit(path, form)


def one_line(page: str) -> str:
    """The page without its line breaks, which say nothing to a browser."""
    return " ".join(page.split())


def test_the_first_page_shows_what_there_is(session: Session, pairs: None, admin: Person) -> None:
    factories.prompt(session, "waiting", queued=True)
    failed = factories.run(session, RunStatus.FAILED)
    page = admin.browser().get("/admin").text
    assert re.search(r"data-new-judgments>\s*1\s*<", page)
    assert f'href="/admin/runs/{failed.id}"' in page
    assert "No worker is connected" in page
    assert "It would train on 2 pairs from 1 click of 1 person on 1 prompt." in page
    assert "No DPO run has succeeded yet" in page


def test_a_run_that_no_worker_takes_is_named_with_its_queue_and_can_be_cancelled(
    app: Flask, session: Session, pairs: None, admin: Person
) -> None:
    queue = parts(app).queue
    run = factories.run(session, method="sft", stage="waiting: no worker takes from gpu")
    run.job_id = queue.enqueue_training(run.id, 1, needs_gpu=True)
    factories.run(session, wish="another")
    with Redis.from_url(parts(app).settings.redis_url) as redis:
        Worker(["cpu"], connection=redis, serializer=JSONSerializer).register_birth()  # type: ignore[no-untyped-call]
    browser = admin.browser()
    told = f"Run {run.id} waits in the queue gpu, from which no worker takes: start one that does, or cancel the run."
    assert f"{told} The runs behind it wait, too." in one_line(browser.get("/admin").text)
    assert told in browser.get("/admin/system").text
    assert "waiting: no worker takes from gpu" in browser.get(f"/admin/runs/{run.id}").text
    browser.submit(f"/admin/runs/{run.id}/cancel", {})
    assert told not in browser.get("/admin").text
    assert queue.depth() == 1, "the run behind it waits for the worker; the one that was cancelled does not"


def test_a_queue_that_another_studio_uses_is_told(app: Flask, pairs: None, admin: Person) -> None:
    queue, browser = parts(app).queue, admin.browser()
    queue.claim("another")
    with pytest.raises(QueueTaken):
        queue.claim("this one")
    for address in ("/admin", "/admin/system"):
        assert "Another studio that runs uses this queue: give each its own QUEUE_PREFIX" in browser.get(address).text


def test_the_last_first_step_leads_to_the_new_version_beside_the_one_before(session: Session, admin: Person) -> None:
    for number in (1, 2):
        factories.version(session, number)
    factories.run(session, RunStatus.SUCCEEDED, produced_version=2)
    assert 'href="/admin/versions/2#differences"' in admin.browser().get("/admin").text


def test_the_first_steps_are_folded_once_only_nobody_was_invited(session: Session, admin: Person) -> None:
    factories.prompt(session, source="texts.csv")
    for number in (1, 2):
        factories.version(session, number)
    factories.run(session, RunStatus.SUCCEEDED, produced_version=2)
    open_list, folded = '<details class="panel first-steps" open>', '<details class="panel first-steps">'
    assert open_list in admin.browser().get("/admin").text
    for _ in range(20):
        screen = factories.generation(session, admin.id)
        for candidate in screen.candidates:
            candidate.version_number = 2
        factories.judgment(session, screen)
    page = admin.browser().get("/admin").text
    assert folded in page
    assert "One is left: invite people" in page
    factories.user(session)
    assert "first-steps" not in admin.browser().get("/admin").text


def test_while_the_queue_is_away_the_page_says_so_and_is_there(app: Flask, admin: Person) -> None:
    cut_off = create_app(replace(parts(app).settings, redis_url="unix:///nowhere/valkey.sock"))
    try:
        page = Person(cut_off, admin.id, admin.email, admin.token).browser().get("/admin")
        assert page.status_code == 200
        assert "The queue does not answer: runs wait until it does." in page.text
    finally:
        close(cut_off)


def test_retrain_leads_to_the_run_however_often_it_is_pressed(session: Session, pairs: None, admin: Person) -> None:
    for preset, number in (("default", 1), ("default", 1), ("seed", 2)):
        answer = post(admin, "/admin/runs", **{"dpo-preset": preset})
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/runs/{number}")
    first, second = rows(session, TrainingRun)
    assert (first.config, first.job_id) == ({}, "train-1-1")
    assert (second.config, second.job_id) == ({"preset": "seed"}, None)


def test_the_form_can_say_everything_that_the_api_can(session: Session, pairs: None, admin: Person) -> None:
    source = rows(session, Prompt)[0].source
    form = {
        "method": "kto",
        "kto-preset": "gentle",
        "kto-beta": " 0.25 ",
        "kto-use_peft": "no",
        "kto-loss_type": "apo_zero_unpaired",
        "dpo-beta": "of another method",
        "people": str(admin.id),
        "without": "imported:Cy",
        "sources": source,
        "from_day": "2026-01-31",
        "min_agreement": "0.5",
        "parent_version": "1",
    }
    assert post(admin, "/admin/runs", **form).headers["Location"] == "/admin/runs/1"
    (run,) = rows(session, TrainingRun)
    settings = {"beta": 0.25, "use_peft": False, "loss_type": "apo_zero_unpaired"}
    assert run.config == {"learning_rate": 3e-4, "num_train_epochs": 1} | settings
    assert run.selection == {
        "people": [admin.id],
        "without": ["imported:Cy"],
        "sources": [source],
        "from_day": "2026-01-31",
        "min_agreement": 0.5,
    }
    assert run.parent_version == 1


def test_a_refused_form_says_why_and_loses_nothing(session: Session, pairs: None, admin: Person) -> None:
    form = {"dpo-beta": "eleven", "dpo-loss_type": "sigmoid, sft", "to_day": "2026-01-31"}
    answer = post(admin, "/admin/runs", **form)
    assert answer.status_code == 422
    assert "beta must be a number, not &#39;eleven&#39;." in answer.text
    for name, value in form.items():
        assert re.search(f'name="{name}" value="{value}"', answer.text), name
    assert rows(session, TrainingRun) == []


def test_a_run_can_be_asked_for_again_with_changes(session: Session, pairs: None, admin: Person) -> None:
    config = {"preset": "seed", "beta": 0.3, "loss_type": ["sigmoid", "sft"], "use_lora": False}
    old = factories.run(
        session, RunStatus.SUCCEEDED, config=config, selection={"people": [admin.id], "from_day": "2026-01-31"}
    )
    page = one_line(admin.browser().get(f"/admin?clone={old.id}").text)
    assert f'the settings of <a href="/admin/runs/{old.id}">run {old.id}</a>, from version 1' in page
    assert '<option value="seed" selected' in page
    assert 'name="dpo-beta" value="0.3"' in page
    assert 'name="dpo-loss_type" value="sigmoid, sft"' in page
    assert re.search(r'name="dpo-use_peft".*?<option value="no" selected>no</option>', page, re.S)
    assert 'name="from_day" value="2026-01-31"' in page
    assert '<option value="1" selected>Version 1</option>' in page
    assert admin.browser().get("/admin?clone=99").status_code == 404


def test_a_run_of_initial_training_is_asked_for_again_where_it_was(session: Session, admin: Person) -> None:
    config = {"dataset": "ab" * 32, "version": 1, "num_train_epochs": 7, "seed": 123456789, "serve": False}
    old = factories.run(session, RunStatus.SUCCEEDED, method="sft", config=config)
    page = one_line(admin.browser().get(f"/admin?clone={old.id}", follow_redirects=True).text)
    assert f'data-dataset="{"ab" * 32}" data-dataset-name="The 2 pairs of run {old.id}"' in page
    assert re.search(r'id="num_train_epochs" name="num_train_epochs" value="7"', page)
    assert 'name="seed" value="123456789"' in page
    assert '<option value="1" selected>' in page


@pytest.mark.parametrize("method", ["dpo", "orpo", "kto"])
def test_every_setting_of_a_method_has_a_field_with_a_label_and_an_explanation(
    session: Session, pairs: None, admin: Person, method: str
) -> None:
    page = admin.browser().get("/admin").text
    for one in CLICK_OPTIONS[method].offered():
        field = f"{method}-{one.name}"
        assert re.search(f'<label for="{field}">[^<]', page), field
        assert re.search(f'id="{field}-help">[^<]', page), field
        assert f'name="{field}"' in page


def test_runs_are_listed_a_window_at_a_time(session: Session, admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST", 2)
    for _ in range(3):
        factories.run(session, RunStatus.SUCCEEDED)
    browser = admin.browser()
    assert re.findall(r'data-run="(\d)"', browser.get("/admin/runs").text) == ["3", "2"]
    assert 'href="/admin/runs?before=2"' in browser.get("/admin/runs").text
    assert re.findall(r'data-run="(\d)"', browser.get("/admin/runs?before=2").text) == ["1"]


def test_runs_are_compared_by_what_they_differ_in(session: Session, admin: Person) -> None:
    for config, number, agrees in (({}, 2, 0.75), ({"beta": 0.3}, 3, 0.875)):
        run = factories.run(session, RunStatus.SUCCEEDED, config=config, produced_version=number)
        factories.version(session, number, metrics={"preference_accuracy": agrees})
        factories.metric(session, run.id)
    page = one_line(admin.browser().get("/admin/runs/compare?run=1&run=2&run=").text)
    assert re.search(r'<tr class="differs"> <th scope="row">Beta</th> <td>0.1</td><td>0.3</td> </tr>', page)
    assert re.search(r"<td>75.0 %</td><td>87.5 %</td>", page)
    assert '<th scope="row">Learning rate</th>' not in page, "it is the same in both"
    assert admin.browser().get("/admin/runs/compare?run=1&run=99").status_code == 404
    assert admin.browser().get("/admin/runs/compare").status_code == 200


def test_the_queue_can_be_looked_at_and_cancelled_from_the_first_page(session: Session, admin: Person) -> None:
    first = factories.run(session, wish="one")
    second = factories.run(session, wish="two", parent_version=None)
    browser = admin.browser()
    assert re.findall(r'data-queued="(\d)"', browser.get("/admin/queue").text) == [str(first.id), str(second.id)]
    answer = browser.submit(f"/admin/runs/{first.id}/cancel", {"back": "queue"})
    assert answer.headers["Location"] == "/admin"
    assert [run.status for run in rows(session, TrainingRun)] == ["cancelled", "queued"]
    assert rows(session, TrainingRun)[1].job_id == f"train-{second.id}-1", "it is its turn now"


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
    answer = admin.browser().submit("/admin/runs", {"method": "magic"})
    assert "method must be one of dpo, orpo, kto, sft." in answer.text
    assert rows(session, TrainingRun) == []


@pytest.mark.parametrize(
    ("method", "said", "charts"),
    [
        ("dpo", "DPO on 2 pairs", [*PAIRED, *ALWAYS]),
        ("orpo", "ORPO on 2 pairs", [*PAIRED, "log_odds_chosen", *ALWAYS]),
        (
            "kto",
            "KTO on 2 pairs and on each “none is good”",
            ["loss", "rewards/chosen", "rewards/rejected", "rewards/margins", *ALWAYS[:2], "kl", *ALWAYS[2:]],
        ),
    ],
)
def test_the_page_of_a_run_says_its_method_and_draws_its_curves(
    session: Session, admin: Person, method: str, said: str, charts: list[str]
) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED, method=method)
    page = one_line(admin.browser().get(f"/admin/runs/{run.id}").text)
    assert said in page
    assert '<span id="parent">from version 1</span>' in page
    assert re.findall(r'data-line="([^"]+)"', page) == charts


def test_the_page_of_a_run_has_a_bar_with_the_phases_of_the_whole_run(session: Session, admin: Person) -> None:
    began = now() - timedelta(seconds=20)
    starts = [["training", (began + timedelta(seconds=5)).isoformat()]]
    values = {"step": 2, "total_steps": 6, "started_at": began, "stage_starts": starts}
    run = factories.run(session, RunStatus.RUNNING, **values)
    page = one_line(admin.browser().get(f"/admin/runs/{run.id}").text)
    phases = re.findall(r'<li data-phase="(\w+)"( aria-current="step")?>', page)
    assert phases == [
        ("Preparing", ""),
        ("Training", ' aria-current="step"'),
        ("Converting", ""),
        ("Evaluating", ""),
        ("Publishing", ""),
    ]
    assert '<progress id="progress" max="1" value="0.4"' in page  # 12 s and a third of 24 s, of 50 s
    assert "Training, 40 %" in one_line(admin.browser().get("/admin/queue").text)


def test_a_comparison_has_a_chart_of_every_metric_with_a_line_for_each_run(session: Session, admin: Person) -> None:
    one, other = (factories.run(session, RunStatus.SUCCEEDED).id for _ in range(2))
    for run, name in ((one, "loss"), (other, "loss"), (other, "kl")):
        factories.metric(session, run, name=name)
    page = admin.browser().get(f"/admin/runs/compare?run={one}&run={other}").text
    assert re.findall(r'data-metric="(\w+)"', page) == ["loss", "kl"]
    assert re.findall(r'data-line="(\w+)"', page) == [str(one), str(other)] * 2


def test_the_form_offers_one_button_and_says_what_it_does_with_the_rest_folded(
    session: Session, pairs: None, admin: Person
) -> None:
    page = one_line(admin.browser().get("/admin").text)
    assert re.search(r'<span class="hint" id="choice">DPO · Standard · Live version \(1\)</span>', page)
    assert '<details class="more" id="options">' in page
    assert '<option value="">Live version (1)</option>' in page
    old = factories.run(session, RunStatus.SUCCEEDED, config={"preset": "seed"})
    again = one_line(admin.browser().get(f"/admin?clone={old.id}").text)
    assert '<details class="more" id="options" open>' in again
    assert "DPO · Very gentle · Version 1<" in again


def test_retrain_without_pairs_leads_back_and_says_why(session: Session, admin: Person) -> None:
    browser = admin.browser()
    answer = browser.submit("/admin/runs", {})
    assert answer.status_code == 422
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


def test_promoting_a_version_moves_the_alias(
    app: Flask, session: Session, published: CheckpointStore, version_1: int, admin: Person
) -> None:
    add_version(app, session, published, 2)
    answer = admin.browser().submit("/admin/versions/2/promote", {}, follow_redirects=True)
    assert "Version 2 is live from now on." in answer.text
    session.rollback()
    assert versions.serving_number(session) == 2
    assert post(admin, "/admin/versions/9/promote").status_code == 404


def test_a_person_who_was_added_may_sign_in(app: Flask, session: Session, admin: Person) -> None:
    form = {"email": "New@example.org", "password": factories.PASSWORD, "role": "annotator", "name": "Nina"}
    answer = post(admin, "/admin/people", **form)
    assert answer.headers["Location"] == "/admin/people"
    new = next(user for user in rows(session, User) if user.name == "Nina")
    assert Person(app, new.id, new.email, "").browser().get("/account").status_code == 200


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


def test_in_a_project_that_answers_the_form_has_the_settings_of_chat_models(
    session: Session, pairs: None, admin: Person
) -> None:
    with write_transaction(session):
        session.get_one(Project, 1).task = ANSWERING
    page = admin.browser().get("/admin").text
    assert 'name="dpo-max_completion_length"' in page
    assert "Longest answer" in page
    assert "What suits an adapter of a chat model." in page
    assert "start from a model" not in page
    assert "forecast" not in page
    for name in ("dpo-anchor_weight", "dpo-head_pairs", "dpo-use_peft", "orpo-use_peft"):
        assert f'name="{name}"' not in page
    assert 'value="seed"' not in page

    post(admin, "/admin/runs", **{"method": "dpo", "dpo-preset": "gentle", "dpo-beta": "0.3"})
    (run,) = rows(session, TrainingRun)
    assert run.config == chat_config(chat_options("dpo", {"beta": 0.3, "learning_rate": 7e-5, "num_train_epochs": 1}))
    cloned = admin.browser().get(f"/admin?clone={run.id}").text
    assert re.search(r'name="dpo-beta" value="0.3"', cloned)
    assert re.search(r'name="dpo-lora_r" value=""', cloned), "it is the usual one"
    assert admin.browser().get(f"/admin/runs/{run.id}").status_code == 200
