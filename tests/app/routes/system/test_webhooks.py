"""The page and the API of webhooks."""

from __future__ import annotations

import dataclasses
import re
from ipaddress import ip_network

from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from app.config import Settings
from app.db import Role, Webhook, WebhookDelivery
from app.services.system import deliveries, webhooks
from tests.app.routes.desk.test_api import problem
from tests.studio import Person, close, make_person, rows

URL = "https://example.org/mellow"


def test_the_secret_is_shown_once(session: Session, admin: Person) -> None:
    browser = admin.browser()
    form = {"url": URL, "events": "alias.moved"}
    answer = browser.submit("/admin/webhooks", form, page="/admin/webhooks")
    assert answer.status_code == 201
    (webhook,) = rows(session, Webhook)
    assert webhook.secret in answer.text
    assert webhook.secret not in browser.get("/admin/webhooks").text
    assert webhook.events == ["alias.moved"]


def test_an_address_that_cannot_be_used_is_kept_in_the_form(session: Session, admin: Person) -> None:
    form = {"url": "ftp://example.org", "events": "alias.moved"}
    answer = admin.browser().submit("/admin/webhooks", form, page="/admin/webhooks")
    assert answer.status_code == 422
    assert "The address must begin with https:// or http://." in answer.text
    assert 'value="ftp://example.org"' in answer.text
    assert re.findall(r'value="([a-z.]+)" checked', answer.text) == ["alias.moved"]
    assert rows(session, Webhook) == []


def test_an_address_that_is_refused_is_told_on_the_page_and_in_the_api(session: Session, admin: Person) -> None:
    url = "http://169.254.169.254/latest/meta-data/"
    sentence = "Messages are not sent to 169.254.169.254: link-local and cloud metadata addresses are refused."
    answer = admin.browser().submit("/admin/webhooks", {"url": url, "events": "alias.moved"}, page="/admin/webhooks")
    assert (answer.status_code, sentence in answer.text) == (422, True)
    assert problem(admin.post("/webhooks", {"url": url})) == (422, sentence)
    assert rows(session, Webhook) == []


def test_the_networks_of_the_settings_count_for_what_is_added(settings: Settings, session: Session) -> None:
    narrow = create_app(dataclasses.replace(settings, webhook_networks=(ip_network("10.0.0.0/8"),)))
    try:
        admin = make_person(narrow, session, Role.ADMIN)
        sentence = "Messages are not sent to 127.0.0.1: it is in none of the networks of WEBHOOK_NETWORKS."
        assert problem(admin.post("/webhooks", {"url": "http://127.0.0.1:9000/"})) == (422, sentence)
        assert admin.post("/webhooks", {"url": "http://10.0.0.1/"}).status_code == 201
    finally:
        close(narrow)


def test_a_webhook_is_tested_paused_and_removed(session: Session, admin: Person) -> None:
    webhook = webhooks.add(session, admin.id, URL, ["alias.moved"])
    browser, path = admin.browser(), f"/admin/webhooks/{webhook.id}"
    page = browser.submit(f"{path}/test", {}, follow_redirects=True).text
    assert "A test message is on its way." in page
    assert "webhook.test" in page
    assert "paused" in browser.submit(f"{path}/active", {"active": "no"}, follow_redirects=True).text
    refused = browser.submit(f"{path}/test", {}, follow_redirects=True).text
    assert "The webhook is paused: resume it first." in refused
    browser.submit(f"{path}/active", {"active": "yes"})
    assert rows(session, Webhook)[0].active
    browser.submit(f"{path}/remove", {})
    page = browser.get("/admin/webhooks").text
    assert "No addresses yet." in page
    assert "The webhook was removed before this was sent." in page
    assert browser.submit(f"{path}/remove", {}).status_code == 404


def test_the_log_is_filtered_and_turns_pages(session: Session, admin: Person) -> None:
    webhook = webhooks.add(session, admin.id, URL, ["alias.moved"])
    for _ in range(deliveries.PAGE + 1):
        message = deliveries.send_test(session, admin.id, webhook.id)
    message.status, message.error = "failed", "The address responded with 500."
    session.commit()
    browser = admin.browser()
    first = browser.get("/admin/webhooks").text
    assert first.count("data-message=") == deliveries.PAGE
    older = re.search(r'href="([^"]*before=\d+[^"]*)"', first)
    assert older is not None
    assert browser.get(older[1].replace("&amp;", "&")).text.count("data-message=") == 1
    failed = browser.get("/admin/webhooks?status=failed").text
    assert failed.count("data-message=") == 1
    assert "The address responded with 500." in failed
    browser.submit(f"/admin/webhooks/messages/{message.id}/resend", {})
    assert rows(session, WebhookDelivery)[-1].status == "waiting"


def test_the_api_does_what_the_page_does(session: Session, admin: Person) -> None:
    made = admin.post("/webhooks", {"url": URL, "events": ["run.finished"]})
    assert made.status_code == 201
    assert made.json is not None
    assert made.json["secret"].startswith("whsec_")
    listed = admin.call("GET", "/webhooks").json
    assert listed == [{name: value for name, value in made.json.items() if name != "secret"}]
    path = f"/webhooks/{made.json['id']}"
    sent = admin.call("POST", f"{path}/test")
    assert sent.status_code == 202
    assert sent.json is not None
    assert (sent.json["event"], sent.json["status"]) == ("webhook.test", "waiting")
    log = admin.call("GET", "/webhook-deliveries").json
    assert log == [sent.json]
    assert admin.call("GET", f"/webhook-deliveries?before={sent.json['id']}").json == []
    assert admin.call("POST", f"/webhook-deliveries/{sent.json['id']}/resend").status_code == 202
    assert admin.call("PATCH", path, json={"active": False}).json == listed[0] | {"active": False}
    assert admin.call("POST", f"{path}/test").status_code == 409
    assert admin.call("DELETE", path).status_code == 204
    assert admin.call("DELETE", path).status_code == 404


def test_what_the_api_cannot_use_is_refused(admin: Person) -> None:
    for body in ({"url": URL, "events": "run.finished"}, {"url": URL, "events": []}, {"url": 7}, {}):
        assert admin.post("/webhooks", body).status_code == 422
    answer = admin.post("/webhooks", {"url": URL, "evnts": ["run.finished"]})
    assert problem(answer) == (422, "There is no field 'evnts' here: it takes url, events.")
    assert admin.call("GET", "/webhooks").get_json() == []
    assert admin.call("GET", "/webhook-deliveries?before=x").status_code == 422
    assert admin.call("GET", f"/webhook-deliveries?before={2**40}").status_code == 422


def test_only_admins_may(app: Flask, session: Session) -> None:
    person = make_person(app, session)
    assert person.browser().get("/admin/webhooks").status_code == 403
    assert person.browser().get("/api").status_code == 403
    for method, path in (("GET", "/webhooks"), ("POST", "/webhooks"), ("GET", "/webhook-deliveries")):
        assert person.call(method, path, json={}).status_code == 403


def test_the_page_of_the_api_is_there(admin: Person) -> None:
    page = admin.browser().get("/api")
    assert page.status_code == 200
    assert 'data-document="/api/v1/openapi.json"' in page.text
