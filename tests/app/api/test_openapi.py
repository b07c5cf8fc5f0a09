"""The API's description is valid and says exactly what the routes do."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from openapi_spec_validator import validate
from sqlalchemy.orm import Session

from app.version import VERSION
from models.settings.clicks import CLICK_OPTIONS
from tests import factories
from tests.app.routes.desk.test_api import problem
from tests.studio import Person


@pytest.mark.long
def test_the_description_is_valid_openapi_of_this_mellow(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    validate(document)
    assert document["info"]["version"] == VERSION


def test_the_settings_of_a_run_are_described_as_they_are_checked(app: Flask) -> None:
    schemas = app.test_client().get("/api/v1/openapi.json").get_json()["components"]["schemas"]
    parts = [one["$ref"].rpartition("/")[2] for one in schemas["RunRequest"]["properties"]["config"]["anyOf"]]
    assert parts == ["DPOSettings", "ORPOSettings", "KTOSettings", "SFTSettings"]
    dpo, sft = schemas["DPOSettings"]["properties"], schemas["SFTSettings"]
    assert set(dpo) == {"preset", "use_lora", *(one.name for one in CLICK_OPTIONS["dpo"].offered())}
    assert dpo["use_lora"]["deprecated"]
    beta = dpo["beta"]
    assert (beta["type"], beta["minimum"], beta["maximum"], beta["default"]) == ("number", 1e-4, 10, 0.1)
    assert beta["description"].startswith("How strongly the model is held to where it started")
    assert "listwise" in dpo["loss_type"]["anyOf"][0]["enum"]
    assert schemas["KTOSettings"]["properties"]["loss_type"]["enum"] == ["kto", "apo_zero_unpaired"]
    assert sft["required"] == ["dataset"]
    assert sft["properties"]["num_train_epochs"]["default"] == 20


@pytest.mark.parametrize(
    ("method", "path", "sentence"),
    [
        (
            "PATCH",
            "/prompts?stat=waiting",
            "There is no parameter 'stat' here: it takes state, text, source, metadata.",
        ),
        ("GET", "/versions?state=serving", "There is no parameter 'state' here: it takes none."),
        ("HEAD", "/versions?state=serving", ""),
        ("DELETE", "/versions/1?confrm=1", "There is no parameter 'confrm' here: it takes confirm."),
    ],
)
def test_a_parameter_that_is_not_described_is_refused_and_nothing_is_done(
    session: Session, admin: Person, method: str, path: str, sentence: str
) -> None:
    prompt = factories.prompt(session, "you are wrong", queued=True)
    answer = admin.call(method, path, json={"priority": 7} if method == "PATCH" else None)
    assert answer.status_code == 422
    assert not sentence or problem(answer) == (422, sentence)
    session.refresh(prompt)
    assert prompt.priority == 0


def test_exports_take_every_filter_that_is_described_and_no_other(admin: Person) -> None:
    assert admin.call("GET", "/preferences?verdict=chosen&flagged=no&since=2026-01-01").status_code == 200
    assert problem(admin.call("GET", "/preferences?verson=1"))[1].startswith("There is no parameter 'verson' here")


def test_each_operation_names_the_scopes_of_which_a_token_needs_one(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").get_json()

    def scopes(method: str, path: str) -> list[str]:
        return [scope for one in document["paths"][path][method]["security"] for scope in one["token"]]

    assert scopes("post", "/judgments") == ["annotate", "admin"]
    assert scopes("get", "/me") == ["annotate", "read", "admin"]
    assert scopes("get", "/preferences") == ["read", "admin"]
    assert scopes("post", "/training-runs") == ["admin"]
    assert scopes("get", "/openapi.json") == []
    described = document["components"]["securitySchemes"]["token"]
    assert (described["type"], described["scheme"]) == ("http", "bearer")
    for scope in ("`annotate`", "`read`", "`admin`"):
        assert scope in described["description"]


def test_every_api_route_is_described_and_nothing_else(app: Flask) -> None:
    described = {
        (method.upper(), path)
        for path, operations in app.test_client().get("/api/v1/openapi.json").get_json()["paths"].items()
        for method in operations
    }
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1")))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/")
    }
    assert described == routes
