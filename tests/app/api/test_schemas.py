"""What the API's description allows is accepted, and what it does not allow is refused: by cases made of it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import response_schema_conformance
from sqlalchemy.orm import Session

from app.services.desk.settings import TIME_ZONE_FORMAT
from tests import factories
from tests.studio import Person

Case = schemathesis.Case[Any]
ENDLESS = "/training-runs/{run_id}/events"
# Each is about several values at once, or about what is stored: no schema says it.
BEYOND_SCHEMAS = (
    "A place in the queue is named by after_id and after_priority together.",
    "Type ",  # the number in the path, to confirm
    "from_day must not be after to_day.",
    "The rewrites of an attention check must all be different.",
    "Wrong rewrites need the right one beside them.",
    "No click fits that selection",
    "There is nothing to learn from yet",
    "There is no upload",
    "Say which ",  # person, prompt or import is to be forgotten
    "No version learned from it",
    "Without it nothing is left to train on",
    "Candidate ",  # of another screen
    "loss_weights must have one weight for each loss_type",
    "label_smoothing",
    "That day is over",
    "Say on which day it ends.",
    "None of these prompts waits in the queue.",
    "There is no such group.",
    "There is no user",  # among the members of a group
    "That person cannot be assigned anything",
    "Nobody of that group",
    "since must not be after until",
    "Name a person or an annotator",
    "The text has ",  # characters, and the model's own limit in tokens
    "Only a project that answers takes turns",
    "A project that ",  # answers or rewrites begins with a version of its kind
)
FILES = ("/datasets", "/imports/{upload_id}", "/prompts", "/training-runs/preview")
"""Where a body may be a file, or a form, whose fields are texts: what is in it is no matter of a schema."""

schemathesis.openapi.format(TIME_ZONE_FORMAT, st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))


@pytest.fixture
def send(app: Flask, session: Session, version_1: int, admin: Person) -> Callable[[Case], Response]:
    """Send a case as an admin to a studio in which there is something."""
    for number in range(3):
        factories.prompt(session, f"you are wrong {number}", queued=True)
    factories.judgment(session, factories.generation(session, admin.id))

    def sent(case: Case) -> Response:
        return case.call(headers={"Authorization": f"Bearer {admin.token}", "Accept-Encoding": "identity"})

    return sent


def hold(app: Flask, send: Callable[[Case], Response], cases: int) -> None:
    """Send so many cases of each kind to each operation that is sent something, always the same ones."""
    found = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    for operations in found.raw_schema["paths"].values():
        for described in operations.values():
            described["security"] = []  # every case is sent by an admin, so that no token is a wrong one
    for result in found.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path != ENDLESS and (operation.body or operation.query):
            _each(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), cases, send, accepted)
            _each(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), cases, send, refused)


def _each(
    strategy: st.SearchStrategy[Case],
    cases: int,
    send: Callable[[Case], Response],
    check: Callable[[Case, Response], None],
) -> None:
    @settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def one(case: Case) -> None:
        check(case, send(case))

    one()


def accepted(case: Case, answer: Response) -> None:
    """A case that the description allows is answered as it says, and refused only for what it cannot tell of."""
    if answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        sentence = answer.json()["detail"]
        known = sentence.startswith(BEYOND_SCHEMAS) or _is_file(case) or _has_whole_float(case.body)
        assert known, f"{case.method} {case.path} {case.query} {case.body!r} is refused: {sentence}"
    assert answer.status_code != HTTPStatus.INTERNAL_SERVER_ERROR
    case.validate_response(answer, checks=[response_schema_conformance])


def _is_file(case: Case) -> bool:
    return case.operation.path in FILES and case.media_type != "application/json"


def _is_written_as_in_tables(rows: object) -> bool:
    """Whether a number of a row of prompts is a text: no number, or 3, is written in tables as "" or "3"."""
    return isinstance(rows, list) and any(
        isinstance(row, dict) and any(isinstance(row.get(name), str) for name in ("priority", "overlap"))
        for row in rows
    )


def _has_whole_float(value: object) -> bool:
    """Whether 1.0 stands somewhere: to a schema it is the whole number 1, which we want written as one."""
    if isinstance(value, dict):
        return any(map(_has_whole_float, value.values()))
    if isinstance(value, list):
        return any(map(_has_whole_float, value))
    return isinstance(value, float) and value.is_integer()


def refused(case: Case, answer: Response) -> None:
    """A case that the description does not allow is refused, or the rows of it are."""
    assert answer.status_code != HTTPStatus.INTERNAL_SERVER_ERROR
    if answer.status_code >= HTTPStatus.BAD_REQUEST or _is_file(case):
        return
    if any(isinstance(value, list) for value in case.query.values()):
        return  # a list in a query is sent as its values one by one, of which the first one counts
    if case.path == "/prompts" and (answer.json().get("rejected") or _is_written_as_in_tables(case.body)):
        return
    raise AssertionError(f"{case.method} {case.path} {case.query} {case.body!r} is accepted")


def test_what_is_described_is_what_is_taken(app: Flask, send: Callable[[Case], Response]) -> None:
    hold(app, send, 3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_is_described_is_what_is_taken_in_many_cases(app: Flask, send: Callable[[Case], Response]) -> None:
    hold(app, send, 150)
