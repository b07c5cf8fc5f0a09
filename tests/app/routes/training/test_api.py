"""Training runs over HTTP: asked for, looked at, followed, cancelled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import create_app
from app.db import Role, RunMetric, RunStatus, TrainingRun, now, write_transaction
from app.runtime.queue import QUEUES
from tests import factories
from tests.app.routes.desk.test_api import at_once, body, problem
from tests.studio import Person, close, make_person, parts, rows
from tests.trouble.silence import Looks

AT_MOST = "at most 200 of them"


@pytest.fixture
def pairs(session: Session, admin: Person) -> None:
    """Something to learn from."""
    factories.judgment(session, factories.generation(session, admin.id))
    factories.serving(session)


def jobs(url: str) -> list[tuple[str, str | None, list[int]]]:
    """(id, function, arguments) of every job that waits in a queue."""
    with Redis.from_url(url) as connection:
        queues = [Queue(name, connection=connection, serializer=JSONSerializer) for name in QUEUES]
        waiting = [job for queue in queues for job in queue.jobs]
        return [(job.id, job.func_name, list(job.args)) for job in waiting]


def test_a_wish_is_stored_and_handed_to_the_queue(session: Session, pairs: None, admin: Person, queue_url: str) -> None:
    answer = body(admin.post("/training-runs", {"method": "dpo", "config": {"beta": 0.2}}), 202)
    (run,) = rows(session, TrainingRun)
    assert answer == {"id": run.id, "status": "queued"}
    assert (run.config, run.requested_by, run.job_id) == ({"beta": 0.2}, admin.id, f"train-{run.id}-1")
    assert jobs(queue_url) == [(f"train-{run.id}-1", "worker.jobs.train", [run.id])]


def test_pressing_twice_is_one_run(session: Session, pairs: None, admin: Person, queue_url: str) -> None:
    asked = {"method": "dpo"}
    assert body(admin.post("/training-runs", asked), 202) == body(admin.post("/training-runs", asked), 202)
    assert len(rows(session, TrainingRun)) == len(jobs(queue_url)) == 1


def check_eight_presses_are_one_run(session: Session, admin: Person, queue_url: str) -> None:
    factories.judgment(session, factories.generation(session, admin.id))
    factories.serving(session)
    answers = at_once(8, admin, "/training-runs", {"method": "dpo", "config": {}})
    assert [answer.status_code for answer in answers] == [202] * 8, {answer.text for answer in answers}
    assert len({answer.text for answer in answers}) == 1
    assert len(rows(session, TrainingRun)) == len(jobs(queue_url)) == 1


def test_eight_presses_at_one_moment_are_one_run(session: Session, admin: Person, queue_url: str) -> None:
    check_eight_presses_are_one_run(session, admin, queue_url)


def test_eight_presses_at_one_moment_are_one_run_on_postgresql(postgres_app: Flask, queue_url: str) -> None:
    with parts(postgres_app).sessions() as session:
        check_eight_presses_are_one_run(session, make_person(postgres_app, session, role=Role.ADMIN), queue_url)


def test_another_wish_waits_until_the_first_has_ended(
    session: Session, pairs: None, admin: Person, queue_url: str
) -> None:
    first = body(admin.post("/training-runs", {"method": "dpo"}), 202)["id"]
    second = body(admin.post("/training-runs", {"method": "dpo", "config": {"beta": 0.3}}), 202)["id"]
    assert jobs(queue_url) == [(f"train-{first}-1", "worker.jobs.train", [first])]
    shown: Any = admin.call("GET", "/training-runs").json
    assert {run["id"]: run["position"] for run in shown} == {first: 0, second: 1}
    body(admin.call("POST", f"/training-runs/{first}/cancel"), 202)
    assert [args for *_, args in jobs(queue_url)] == [[second]]
    assert body(admin.call("GET", f"/training-runs/{second}"), 200)["position"] == 0


def test_a_run_can_be_asked_for_on_some_of_the_clicks_and_from_a_named_version(
    session: Session, pairs: None, admin: Person
) -> None:
    asked = {"method": "kto", "selection": {"people": [admin.id], "min_agreement": 0}, "parent_version": 1}
    number = body(admin.post("/training-runs", asked), 202)["id"]
    shown = body(admin.call("GET", f"/training-runs/{number}"), 200)
    assert (shown["selection"], shown["parent_version"]) == ({"people": [admin.id]}, 1)


def test_a_look_ahead_says_what_a_run_would_learn_from_and_stores_nothing(
    session: Session, pairs: None, admin: Person
) -> None:
    shown = body(admin.post("/training-runs/preview", {"method": "dpo"}), 200)
    assert shown == {
        "judgments": 1,
        "pairs": 2,
        "prompts": 1,
        "people": 1,
        "none_good": 0,
        "hurried": 0,
        "estimate": None,
        "forecast": None,
        "summary": "It would train on 2 pairs from 1 click of 1 person on 1 prompt. "
        "What they say would label up to 250 pairs of texts that nobody clicked, too.",
        "duration": "No DPO run has succeeded yet, so there is no estimate yet of how long it takes.",
    }
    nobody = {"method": "dpo", "selection": {"people": [admin.id + 1]}}
    assert body(admin.post("/training-runs/preview", nobody), 200)["summary"] == "It would find no pair to train on."
    sentence = "No click fits that selection: choose more people, days or sources, or ask for less agreement."
    assert problem(admin.post("/training-runs", nobody)) == (422, sentence)
    later = {"method": "dpo", "parent_version": 77}
    assert problem(admin.post("/training-runs/preview", later)) == (404, "There is no version 77.")
    assert rows(session, TrainingRun) == []


def test_the_form_as_it_is_looks_ahead_like_the_request_that_it_expresses(
    session: Session, pairs: None, admin: Person
) -> None:
    def ahead(**form: object) -> TestResponse:
        return admin.call("POST", "/training-runs/preview", data={"method": "dpo", "parent_version": "", **form})

    usual = body(admin.post("/training-runs/preview", {"method": "dpo"}), 200)
    assert body(ahead(), 200) == usual
    alone = {"method": "dpo", "config": {"head_pairs": 0}, "selection": {"people": [admin.id]}}
    found = body(ahead(**{"dpo-preset": "default", "dpo-head_pairs": " 0 ", "people": [str(admin.id)]}), 200)
    assert found == body(admin.post("/training-runs/preview", alone), 200) != usual
    assert body(ahead(to_day="2001-01-01"), 200)["summary"] == "It would find no pair to train on."
    assert problem(ahead(**{"dpo-beta": "eleven"})) == (422, "beta must be a number, not 'eleven'.")
    assert problem(ahead(parent_version="77")) == (404, "There is no version 77.")
    assert rows(session, TrainingRun) == []


def test_the_points_of_a_metric_are_thinned_and_end_with_the_last(session: Session, admin: Person) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED)
    with write_transaction(session):
        session.add_all(RunMetric(run_id=run.id, step=step, name="loss", value=1 / step) for step in range(1, 2502))
        session.add(RunMetric(run_id=run.id, step=1, name="kl", value=0.5))
    shown = body(admin.call("GET", f"/training-runs/{run.id}/metrics"), 200)
    assert (shown["run"], shown["name"], shown["names"]) == (run.id, "loss", ["loss", "kl"])
    assert len(shown["points"]) <= 1000
    assert shown["points"][-1] == [2501, pytest.approx(1 / 2501)]
    assert body(admin.call("GET", f"/training-runs/{run.id}/metrics?name=kl"), 200)["points"] == [[1, 0.5]]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "method must be one of dpo, orpo, kto, sft."),
        ({"method": "ppo"}, "method must be one of dpo, orpo, kto, sft."),
        ({"method": "dpo", "config": []}, "config must be an object."),
        ({"method": "dpo", "config": None}, "config must be an object."),
        ({"method": "dpo", "selection": []}, "selection must be an object."),
        ({"method": "dpo", "selection": {"who": 1}}, "There is no field 'who' in a selection."),
        (
            {"method": "dpo", "selection": {"people": ["Ada"]}},
            f"people must be a list of the ids of people, {AT_MOST}.",
        ),
        (
            {"method": "dpo", "selection": {"sources": "typed"}},
            f"sources must be a list of names of sources, {AT_MOST}.",
        ),
        ({"method": "dpo", "selection": {"from_day": "yesterday"}}, "from_day must be a day such as 2026-01-31."),
        (
            {"method": "dpo", "selection": {"from_day": "2026-02-01", "to_day": "2026-01-31"}},
            "from_day must not be after to_day.",
        ),
        ({"method": "dpo", "selection": {"min_agreement": 2}}, "min_agreement must be a number from 0 to 1."),
        ({"method": "dpo", "parent_version": "2"}, "parent_version must be the number of a version."),
        (
            {"method": "sft", "parent_version": 2},
            "selection and parent_version are for runs on clicks; sft takes `version` in its config.",
        ),
        ({"method": "dpo", "presets": {}}, "There is no field 'presets' in a training run."),
        ({"method": "dpo", "config": {"betta": 1}}, "betta is not a setting of the DPO recipe."),
        ({"method": "dpo", "config": {"preset": "wild"}}, "preset must be one of default, seed, not 'wild'."),
        ({"method": "dpo", "config": {"beta": "much"}}, "beta must be a number, not 'much'."),
        ({"method": "dpo", "config": {"beta": True}}, "beta must be a number, not True."),
        ({"method": "dpo", "config": {"beta": 11}}, "beta must be between 0.0001 and 10, not 11."),
        ({"method": "dpo", "config": {"beta": float("nan")}}, "beta must be between 0.0001 and 10, not nan."),
        ({"method": "dpo", "config": {"num_train_epochs": 1.5}}, "num_train_epochs must be a whole number, not 1.5."),
        ({"method": "orpo", "config": {"preset": "seed"}}, "preset is a setting of dpo, not of orpo."),
        ({"method": "orpo", "config": {"loss_type": "kto"}}, "loss_type is not a setting of orpo on clicks."),
        (
            {"method": "kto", "config": {"loss_type": "ipo"}},
            "loss_type must be one of kto, apo_zero_unpaired, not 'ipo'.",
        ),
        ({"method": "kto", "config": {"dev_split": 5}}, "dev_split is not a setting of kto on clicks."),
        ({"method": "kto", "config": {"anchor_weight": -1}}, "anchor_weight must be between 0 and 1000, not -1."),
        ({"method": "kto", "config": {"use_peft": 1}}, "use_peft must be true or false, not 1."),
    ],
)
def test_a_request_that_cannot_be_understood_is_refused_with_one_sentence(
    session: Session, pairs: None, admin: Person, asked: dict[str, object], sentence: str
) -> None:
    assert problem(admin.post("/training-runs", asked)) == (422, sentence)
    assert rows(session, TrainingRun) == []


@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_the_other_methods_take_their_settings_and_are_handed_to_the_queue(
    session: Session, pairs: None, admin: Person, queue_url: str, method: str
) -> None:
    config = {"beta": 0.2, "num_train_epochs": 3, "anchor_weight": 0}
    answer = body(admin.post("/training-runs", {"method": method, "config": config}), 202)
    (run,) = rows(session, TrainingRun)
    assert (run.method, run.config, run.pairs) == (method, config, 2)
    assert jobs(queue_url) == [(f"train-{answer['id']}-1", "worker.jobs.train", [run.id])]


def test_old_names_in_a_body_are_read_and_stored_as_those_of_today(
    session: Session, pairs: None, admin: Person
) -> None:
    old = admin.post("/training-runs", {"method": "dpo", "config": {"use_lora": False}})
    new = admin.post("/training-runs", {"method": "dpo", "config": {"use_peft": False}})
    assert body(old, 202)["id"] == body(new, 202)["id"], "both ask for the same run"
    (run,) = rows(session, TrainingRun)
    assert run.config == {"use_peft": False}
    both = {"use_lora": False, "use_peft": False}
    sentence = "Give use_peft or use_lora, not both: they are the same setting."
    assert problem(admin.post("/training-runs", {"method": "dpo", "config": both})) == (422, sentence)


def test_a_run_of_an_earlier_release_is_shown_under_the_names_of_today(session: Session, admin: Person) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED, config={"preset": "seed", "use_lora": False})
    assert body(admin.call("GET", f"/training-runs/{run.id}"), 200)["config"] == {"preset": "seed", "use_peft": False}
    page = admin.browser().get(f"/admin/runs/{run.id}").text
    assert ">use_peft</code>" in page
    assert "use_lora" not in page


@pytest.mark.parametrize("method", ["dpo", "kto"])
@pytest.mark.parametrize("name", ["beta", "seed"])
def test_a_setting_of_hundreds_of_digits_is_just_out_of_bounds(
    session: Session, pairs: None, admin: Person, name: str, method: str
) -> None:
    status, sentence = problem(admin.post("/training-runs", {"method": method, "config": {name: 10**400}}))
    assert status == 422
    assert sentence.startswith(f"{name} must be between ")


def test_without_pairs_there_is_no_run(session: Session, admin: Person) -> None:
    factories.version(session)
    factories.serving(session)
    sentence = "There is nothing to learn from yet: choose the best of three at least once."
    assert problem(admin.post("/training-runs", {"method": "dpo"})) == (422, sentence)


def test_a_wish_while_the_queue_is_away_is_kept_and_handed_out_later(
    app: Flask, session: Session, pairs: None, admin: Person, queue_url: str
) -> None:
    settings = replace(parts(app).settings, redis_url="unix:///nowhere/valkey.sock")
    cut_off = create_app(settings)
    try:
        person = Person(cut_off, admin.id, admin.email, admin.token)
        answer = body(person.post("/training-runs", {"method": "dpo"}), 202)
    finally:
        close(cut_off)
    (run,) = rows(session, TrainingRun)
    assert (run.id, run.status, run.job_id) == (answer["id"], "queued", None)
    queue = parts(app).queue
    Looks(session, queue.has_job, queue.enqueue_training).for_seconds(6)
    assert jobs(queue_url) == [(f"train-{run.id}-1", "worker.jobs.train", [run.id])]


def test_a_run_is_shown_with_all_there_is_to_know(session: Session, admin: Person) -> None:
    run = factories.run(
        session,
        RunStatus.SUCCEEDED,
        config={"beta": 0.2},
        stage="succeeded",
        step=8,
        total_steps=8,
        attempts=1,
        produced_version=2,
        note="The version was published but is not live.",
    )
    shown = body(admin.call("GET", f"/training-runs/{run.id}"), 200)
    assert admin.call("GET", "/training-runs").json == [shown]
    assert shown.pop("created_at").endswith("+00:00")
    assert shown == {
        "id": run.id,
        "status": "succeeded",
        "stage": "succeeded",
        "method": "dpo",
        "config": {"beta": 0.2},
        "selection": {},
        "position": None,
        "pairs": 2,
        "step": 8,
        "total_steps": 8,
        "phase": None,
        "progress": 1.0,
        "eta_seconds": None,
        "checkpoints": [],
        "attempts": 1,
        "parent_version": 1,
        "produced_version": 2,
        "cancelling": False,
        "error": None,
        "note": "The version was published but is not live.",
        "occasion": None,
        "started_at": None,
        "finished_at": None,
    }


def test_a_running_run_says_how_far_it_is_and_how_long_it_will_take(session: Session, admin: Person) -> None:
    began = now() - timedelta(seconds=20)
    stages = ("training", "converting", "evaluating", "publishing")
    starts = [[name, (began + timedelta(seconds=10 * place)).isoformat()] for place, name in enumerate(stages, 1)]
    times = {"started_at": began, "finished_at": began + timedelta(seconds=50), "stage_starts": starts}
    factories.run(session, RunStatus.SUCCEEDED, attempts=1, **times)  # ten seconds for each of five phases
    run = factories.run(
        session, RunStatus.RUNNING, step=2, total_steps=6, started_at=began, stage_starts=starts[:1], checkpoints=[2]
    )
    shown = body(admin.call("GET", f"/training-runs/{run.id}"), 200)
    # 10 s for 2 steps, so 20 s for 4 more, and 30 s for the other phases.
    assert shown["eta_seconds"] == pytest.approx(50, abs=5)
    assert (shown["phase"], shown["progress"], shown["checkpoints"]) == ("Training", 0.27, [2])


def test_all_curves_of_a_run_are_loaded_at_once(session: Session, admin: Person) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED)
    last = factories.metric(session, run.id, 3, value=0.25).id
    found = body(admin.call("GET", f"/training-runs/{run.id}/curves"), 200)
    assert found == {"run": run.id, "last": last, "curves": {"loss": [[3, 0.25]]}}
    assert admin.call("GET", "/training-runs/99/curves").status_code == 404


def test_cancelling_a_waiting_run_ends_it_and_a_second_time_is_a_conflict(session: Session, admin: Person) -> None:
    run = factories.run(session)
    shown = body(admin.call("POST", f"/training-runs/{run.id}/cancel"), 202)
    assert (shown["status"], shown["cancelling"]) == ("cancelled", False)
    answer = admin.call("POST", f"/training-runs/{run.id}/cancel")
    assert problem(answer) == (409, f"Run {run.id} has ended already: it was cancelled.")


def test_a_running_run_says_that_it_is_being_cancelled(session: Session, admin: Person) -> None:
    run = factories.run(session, RunStatus.RUNNING)
    shown = body(admin.call("POST", f"/training-runs/{run.id}/cancel"), 202)
    assert (shown["status"], shown["cancelling"]) == ("running", True)


@pytest.mark.parametrize("path", ["", "/events"])
@pytest.mark.parametrize("number", [99, 10**30])
def test_a_run_that_is_not_there_is_not_found(admin: Person, path: str, number: int) -> None:
    assert admin.call("GET", f"/training-runs/{number}{path}").status_code == 404
