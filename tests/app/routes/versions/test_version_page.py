"""The page of one version: where it comes from, how good it is, and what its figures mean."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import ANSWERING, FIRST, Project, ProjectRole, RunStatus, within, write_transaction
from app.services.projects import memberships
from app.services.system import deletions
from app.services.versions import learned
from models.chat.versions import CHAT_BASE
from tests import factories
from tests.reports import report
from tests.studio import Person, make_person


def words(page: str) -> str:
    """What a reader sees: no tags, single spaces."""
    body = page[page.index("<main") :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def seen(admin: Person, number: int) -> str:
    answer = admin.browser().get(f"/admin/versions/{number}")
    assert answer.status_code == 200
    return words(answer.text)


@pytest.fixture
def measured(session: Session) -> None:
    factories.version(session, 1)
    factories.serving(session)
    metrics = {
        "preference_accuracy": 0.9,
        "parent_preference_accuracy": 0.4,
        "heldout_relative_change": -0.0123,
        "evaluation": report(),
    }
    factories.version(session, 2, metrics=metrics)


def test_a_version_says_where_it_comes_from(session: Session, measured: None, admin: Person) -> None:
    page = seen(admin, 2)
    assert "Trained from version 1" in page
    assert "Method dpo" in page
    assert f"Hash of the version {2:064x}"[:36] in page
    assert "It agrees with 90.0 % of the pairs it was trained on, its parent with 40.0 %." in page
    assert "changed by −1.23 %" in page


def test_a_copy_leads_to_the_version_of_another_project_for_those_who_may_open_it(
    app: Flask, session: Session, measured: None, admin: Person
) -> None:
    second = factories.project(session)
    with within(session, second.id):
        factories.version(session, 3, method="copy", parent_number=1)
    leader = make_person(app, session)
    memberships.begin(session, leader.id, {second.id: ProjectRole.ADMIN})
    session.commit()
    page = "/p/second/admin/versions/3"
    assert '<a href="/admin/versions/1">version 1</a>' in admin.browser().get(page).text
    shown = leader.browser().get(page).text
    assert "Trained from version 1" in words(shown)
    assert "versions/1" not in shown
    memberships.begin(session, leader.id, {FIRST: ProjectRole.ADMIN, second.id: ProjectRole.ADMIN})
    session.commit()
    browser = leader.browser()
    assert '<a href="/admin/versions/1">version 1</a>' in browser.get(page).text
    assert browser.get("/admin/versions/1").status_code == 200


@pytest.mark.parametrize(
    ("preferred", "sentence"),
    [
        (
            {"value": 0.744, "low": 0.66, "high": 0.81, "clicks": 60, "shown": True},
            "On texts nobody clicked, it is preferred to version 1 in 74 of 100 cases (66 to 81), judged by 60 clicks.",
        ),
        (
            {"value": 0.51, "low": 0.4, "high": 0.6, "clicks": 20, "shown": False},
            "No change that these clicks could show.",
        ),
        ({}, "No click says which of two texts is better, so nothing is known of what people will prefer."),
    ],
    ids=["better", "unclear", "none"],
)
def test_it_begins_with_what_people_will_prefer(
    session: Session, measured: None, admin: Person, preferred: dict[str, object], sentence: str
) -> None:
    factories.version(session, 3, metrics={"preferred": preferred}, parent_number=1)
    page = seen(admin, 3)
    assert page.index("What people like") < page.index(sentence) < page.index("Side by side") < page.index("Figures")
    assert "preferred to version" not in seen(admin, 2), "an older one was not asked"


def test_of_initial_training_nothing_is_said_about_agreement(session: Session, measured: None, admin: Person) -> None:
    evaluation = {name: value for name, value in report().items() if name != "clicks"}
    factories.version(session, 3, metrics={"heldout_relative_change": -0.01, "evaluation": evaluation})
    page = seen(admin, 3)
    assert "The check before it could go live Its held-out quality changed by −1.00 % ." in page
    assert "A version goes live if its held-out quality fell by at most 2 %." in page
    assert "It agrees" not in page
    assert "held out of training" not in page


def test_on_too_few_texts_nothing_is_told_apart(session: Session, measured: None, admin: Person) -> None:
    few = {"value": -0.3, "low": -0.4, "high": -0.2, "differs": False, "texts": 5, "too_few": True}
    evaluation = report(
        comparisons=[{"of": "version", "with": "parent", "figures": {"j": few}}],
        clicks=report()["clicks"] | {"comparison": {"preference_accuracy": few}},
        intervals="exact up to 60 texts",
    )
    factories.version(session, 3, parent_number=1, metrics={"evaluation": evaluation})
    page = seen(admin, 3)
    assert "Is it better than version 1? By J these texts are too few to tell." in page
    assert "1 figure that shows no difference" in page
    assert re.search(r"Agrees with held-out clicks .* −0\.300 −0\.400 to −0\.200 too few texts to tell", page)
    assert "Intervals exact up to 60 texts" in page


def test_each_difference_from_the_parent_is_told_in_words(measured: None, admin: Person) -> None:
    page = seen(admin, 2)
    assert "Is it better than version 1? By J it is better." in page
    assert "J 0.750 0.700 to 0.800 0.700 0.650 to 0.750 +0.050 +0.030 to +0.070 better" in page
    assert re.search(r"Neutral \(STA\) .* −0\.040 −0\.050 to −0\.030 worse", page)
    assert re.search(r"Copies .* −0\.100 −0\.150 to −0\.050 fewer", page)
    assert re.search(r"BLEU 61\.2 55\.0 to 66\.0 .* −0\.4 −1\.4 to \+0\.6 no difference shown", page)


def test_the_baselines_stand_beside_it(measured: None, admin: Person) -> None:
    page = seen(admin, 2)
    assert "Version 2 Copy of the text Profane words deleted People J 0.750 0.700 to 0.800 0.100" in page


def test_held_out_clicks_are_reported_with_the_margin(measured: None, admin: Person) -> None:
    page = seen(admin, 2)
    assert (
        "Of 24 pairs of 8 prompts that were held out of training, it prefers the text that people chose in 80.0 %, "
        "version 1 in 60.0 %: better."
    ) in page
    assert re.search(r"Agrees with held-out clicks 0\.800 .* 0\.600 .* \+0\.200 .* better", page)
    assert "Reward margin: 0.400 nats 0.350 to 0.450" in page


def test_without_held_out_clicks_the_page_says_when_they_begin(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    note = "No click tests it yet."
    factories.version(session, 2, metrics={"evaluation": report(clicks={"note": note})})
    assert note in seen(admin, 2)


def test_every_figure_is_explained_and_every_scorer_named(measured: None, admin: Person) -> None:
    page = seen(admin, 2)
    assert "Meaning kept (SIM) how near the rewrite's meaning is to the text's, by sentence embeddings" in page
    assert "Fluency acceptability by SmolLM2-135M-Instruct, calibration 1" in page
    assert "bootstrap over texts, 2,000 resamples" in page
    assert "Three shown sampled for 20 of them" in page


def test_the_first_version_is_told_by_the_training_that_measured_it(measured: None, admin: Person) -> None:
    page = seen(admin, 1)
    assert "Measured when version 2 was trained." in page
    assert "J 0.700 0.650 to 0.750 0.100" in page
    assert "Is it better" not in page


def test_a_version_that_nobody_measured_says_how_it_can_be(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    page = seen(admin, 1)
    assert "This version is not measured yet." in page
    assert "python -m worker evaluate --version 1 --baselines" in page


def test_an_evaluation_that_failed_says_why(session: Session, admin: Person) -> None:
    factories.version(session, 1, metrics={"evaluation": {"problem": "The version could not be evaluated: no scorer."}})
    assert "The version could not be evaluated: no scorer." in seen(admin, 1)


def test_without_a_comparable_parent_there_is_no_comparison(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    factories.version(session, 2, metrics={"evaluation": report(comparisons=[])})
    assert "There is no comparison: version 1 was not measured with the same scorers on the same texts." in seen(
        admin, 2
    )


def test_the_reason_that_it_does_not_serve_is_shown(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    run = factories.run(session, RunStatus.SUCCEEDED, note="It does not serve: other inputs suffer.")
    factories.version(session, 2, run_id=run.id)
    assert "It does not serve: other inputs suffer." in seen(admin, 2)


def test_versions_and_runs_lead_to_the_page(app: Flask, session: Session, measured: None, admin: Person) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED, produced_version=2)
    browser = admin.browser()
    assert 'href="/admin/versions/2"' in browser.get("/admin/versions").text
    assert 'href="/admin/versions/2"' in browser.get(f"/admin/runs/{run.id}").text


def test_a_version_that_does_not_exist_is_not_found(admin: Person) -> None:
    assert admin.browser().get("/admin/versions/9").status_code == 404


def test_an_annotator_may_not_look(session: Session, measured: None, annotator: Person) -> None:
    assert annotator.browser().get("/admin/versions/2").status_code == 403


def test_the_api_tells_the_evaluation_apart_from_the_metrics(session: Session, measured: None, admin: Person) -> None:
    one = admin.call("GET", "/versions/2").json
    assert one is not None
    assert one["evaluation"] == report()
    assert set(one["metrics"]) == {"preference_accuracy", "parent_preference_accuracy", "heldout_relative_change"}
    listed = admin.call("GET", "/versions").json
    assert listed is not None
    assert [version["evaluation"]["systems"]["version"]["j"]["value"] for version in listed] == [0.75, 0.70]


def test_the_api_tells_of_the_first_version_what_the_training_from_it_measured(
    session: Session, measured: None, admin: Person
) -> None:
    first = admin.call("GET", "/versions/1").json
    assert first is not None
    assert first["evaluation"]["measured_with"] == 2
    assert {"parent", "comparisons", "clicks"}.isdisjoint({*first["evaluation"], *first["evaluation"]["systems"]})


def test_a_version_says_how_many_of_its_judgments_were_deleted(
    session: Session, admin: Person, annotator: Person
) -> None:
    made = [factories.judgment(session, factories.generation(session, annotator.id)).id for _ in range(3)]
    run = factories.run(session, RunStatus.SUCCEEDED, judgments=learned.pack(made[:2]))
    factories.version(session, 2, run_id=run.id)
    factories.version(session, 3)
    assert "deleted since" not in seen(admin, 2)
    with write_transaction(session):
        deletions.delete_judgments(session, made)
    assert "Trained on 2 judgments that were deleted since. What was learned" in seen(admin, 2)
    assert "Versions that it comes from were trained on 2 judgments that were deleted since." in seen(admin, 3)
    assert "deleted since" not in seen(admin, 1)
    shown = admin.call("GET", "/versions").json
    assert shown is not None
    assert [version["deleted_judgments"] for version in shown] == [2, 2, 0]
    one = admin.call("GET", "/versions/2").json
    assert one is not None
    assert one["deleted_judgments"] == 2


@pytest.fixture
def answering(session: Session) -> None:
    """Version 1 is a chat model, and version 2 an adapter of it that was trained on clicks."""
    with write_transaction(session):
        session.get_one(Project, 1).task = ANSWERING
    factories.version(session, 1, method=CHAT_BASE)
    factories.serving(session)
    clicks = report()["clicks"] | {"lengths": {"chosen": 30.5, "rejected": 41.0}}
    metrics = {"answers_asked": 6, "answers_degenerate": 1, "parent_answers_degenerate": 2}
    factories.version(session, 2, metrics={**metrics, "evaluation": {"clicks": clicks}}, parent_number=1)
    factories.version(session, 3, metrics={**metrics, "evaluation": {"clicks": {"note": "No click."}}})


def test_a_version_that_answers_shows_held_out_clicks_and_nothing_of_rewriting(
    session: Session, answering: None, admin: Person
) -> None:
    page = seen(admin, 2)
    assert "it prefers the text that people chose in 80.0 %, version 1 in 60.0 %" in page
    assert "The chosen answers of these pairs have 30.5 tokens on average, the others 41.0." in page
    assert "Of 6 instructions it answered 1 with nothing or by repeating itself, its parent 2." in page
    assert "Side by side" not in page
    assert "Beside copying the text" not in page
    assert "No pair that was held out of training tests it yet" in seen(admin, 3)
    first = seen(admin, 1)
    assert "Nothing is measured of a chat model that was not trained on clicks here." in first
    assert "worker evaluate" not in first


def test_versions_that_answer_are_listed_with_their_held_out_clicks_and_stand_in_no_table(
    session: Session, answering: None, admin: Person
) -> None:
    page = words(admin.browser().get("/admin/versions?compare=2&compare=3").text)
    assert "agrees with held-out clicks 0.800, parent 0.600" in page
