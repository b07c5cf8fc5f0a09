"""Webhooks: which addresses are taken, what is written for them, and that the specification's library accepts it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from ipaddress import ip_network

import pytest
from sqlalchemy.orm import Session
from standardwebhooks.webhooks import Webhook as Library
from standardwebhooks.webhooks import WebhookVerificationError

from app.db import AuditEvent, Webhook, WebhookDelivery, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.system import webhooks
from app.services.versions import versions
from tests import factories
from tests.studio import Person, rows

URL = "https://example.org/mellow"


def test_a_signature_is_what_the_library_of_the_specification_accepts() -> None:
    secret, moment = webhooks.new_secret(), int(time.time())
    body = json.dumps({"type": "alias.moved", "data": {"text": "ä → ö"}}, ensure_ascii=False).encode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(moment),
        "webhook-signature": webhooks.signature(secret, "msg_1", moment, body),
    }
    assert Library(secret).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Library(secret).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Library(webhooks.new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Library(secret).verify(body, headers | {"webhook-id": "msg_2"})


def test_a_signature_computed_by_hand() -> None:
    key = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    digest = hmac.new(b"0123456789abcdef0123456789abcdef", b"msg_1.1700000000.{}", hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    assert webhooks.signature(f"whsec_{key}", "msg_1", 1_700_000_000, b"{}") == expected


def test_what_is_no_secret_cannot_sign() -> None:
    with pytest.raises(ValueError, match=r"^that is not the secret of a webhook$"):
        webhooks.signature("whsec_***", "msg_1", 1, b"")


def test_an_event_becomes_one_message_for_each_webhook_that_wants_it(session: Session, admin: Person) -> None:
    wanting = webhooks.add(session, admin.id, URL, ["alias.moved", "run.finished"])
    webhooks.add(session, admin.id, "https://example.org/other", ["run.finished"])
    paused = webhooks.add(session, admin.id, "https://example.org/paused", ["alias.moved"])
    webhooks.set_active(session, admin.id, paused.id, False)
    for number in (1, 2):
        factories.version(session, number)
    versions.promote(session, 2, admin.id)
    (message,) = rows(session, WebhookDelivery)
    assert (message.webhook_id, message.event, message.status) == (wanting.id, "alias.moved", "waiting")
    assert message.payload["type"] == "alias.moved"
    assert message.payload["data"] == {"alias": "serving", "before": None, "after": 2, "by": admin.id}
    assert message.payload["timestamp"].endswith("Z")
    assert message.message_id.startswith("msg_")
    versions.promote(session, 2, admin.id)
    assert len(rows(session, WebhookDelivery)) == 1, "nothing moved, so nothing is told"


def test_what_is_rolled_back_is_not_told(session: Session, admin: Person) -> None:
    webhooks.add(session, admin.id, URL, ["alias.moved"])
    factories.version(session, 1)

    def fail() -> None:
        with write_transaction(session):
            versions.point_serving_at(session, 1, admin.id)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert rows(session, WebhookDelivery) == []


OWN = "link-local and cloud metadata addresses are refused."


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://example.org/x", "The address must begin with https:// or http://."),
        ("file:///etc/passwd", "The address must begin with https:// or http://."),
        ("example.org", "The address must begin with https:// or http://."),
        ("https://", "That is not an address that messages can be sent to."),
        ("https://example.org:0/", "That is not an address that messages can be sent to."),
        ("https://example.org:99999/", "That is not an address that messages can be sent to."),
        ("https://example.org:65536/", "That is not an address that messages can be sent to."),
        ("https://[::1/", "That is not an address that messages can be sent to."),
        ("https://0.com*", "That is not an address that messages can be sent to."),
        ("https://example.org/a b", "That is not an address that messages can be sent to."),
        ("https://example.org/\r\nHost: other", "That is not an address that messages can be sent to."),
        (
            "https://ada:secret@example.org/",
            "The address must not hold a name or a password: the signature tells who sends.",
        ),
        ("https://example.org/" + "x" * 2000, "The address must be a text of at most 2000 characters."),
        (None, "The address must be a text of at most 2000 characters."),
        ("http://169.254.169.254/latest/", f"Messages are not sent to 169.254.169.254: {OWN}"),
        ("http://[fe80::1]/", f"Messages are not sent to fe80::1: {OWN}"),
        ("http://2852039166/", f"Messages are not sent to 169.254.169.254: {OWN}"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_a_sentence(
    session: Session, admin: Person, url: object, sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        webhooks.add(session, admin.id, url, ["alias.moved"])
    assert str(refusal.value) == sentence
    assert rows(session, Webhook) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/x", "http://10.1.2.3/", "https://[::1]:8443/a?b=c"])
def test_addresses_of_one_s_own_network_are_taken(session: Session, admin: Person, url: str) -> None:
    assert webhooks.add(session, admin.id, f" {url} ", ["run.finished"]).url == url


def test_an_address_outside_the_networks_of_the_settings_is_refused(session: Session, admin: Person) -> None:
    networks = [ip_network("10.0.0.0/8")]
    with pytest.raises(
        Invalid, match=r"^Messages are not sent to 127\.0\.0\.1: it is in none of the networks of WEBHOOK_NETWORKS\.$"
    ):
        webhooks.add(session, admin.id, "http://127.0.0.1:9000/x", ["run.finished"], networks)
    for url in ("http://10.1.2.3/", "https://example.org/"):
        assert webhooks.add(session, admin.id, url, ["run.finished"], networks).url == url


def test_events_must_be_known_and_there_must_be_one(session: Session, admin: Person) -> None:
    with pytest.raises(Invalid, match=rf"^There is no event 'sneeze': choose among {', '.join(webhooks.EVENTS)}\.$"):
        webhooks.add(session, admin.id, URL, ["sneeze", "yawn"])
    with pytest.raises(Invalid, match=r"^Choose at least one event\.$"):
        webhooks.add(session, admin.id, URL, [])


def test_there_are_so_many_webhooks_and_no_more(
    session: Session, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 1)
    first = webhooks.add(session, admin.id, URL, ["alias.moved"])
    with pytest.raises(Conflict, match=r"^There are 1 webhooks already: remove one first\.$"):
        webhooks.add(session, admin.id, URL + "/2", ["alias.moved"])
    webhooks.remove(session, admin.id, first.id)
    webhooks.add(session, admin.id, URL + "/2", ["alias.moved"])


def test_an_address_is_there_once_and_secrets_differ(session: Session, admin: Person) -> None:
    one = webhooks.add(session, admin.id, URL, ["alias.moved"])
    with pytest.raises(Conflict, match=r"^There is a webhook with that address already\.$"):
        webhooks.add(session, admin.id, URL, ["run.finished"])
    other = webhooks.add(session, admin.id, URL + "/2", ["alias.moved"])
    assert one.secret != other.secret
    assert one.secret.startswith("whsec_")


def test_removing_forgets_the_secret_and_keeps_the_messages(session: Session, admin: Person) -> None:
    webhook = webhooks.add(session, admin.id, URL, ["alias.moved"])
    factories.version(session, 1)
    versions.promote(session, 1, admin.id)
    webhooks.remove(session, admin.id, webhook.id)
    assert webhooks.all_webhooks(session) == []
    (message,) = rows(session, WebhookDelivery)
    assert (message.status, message.error) == ("failed", "The webhook was removed before this was sent.")
    assert rows(session, Webhook)[0].secret == ""
    with pytest.raises(NotFound, match=rf"^There is no webhook {webhook.id}\.$"):
        webhooks.set_active(session, admin.id, webhook.id, True)
    events = [event for event in rows(session, AuditEvent) if "webhook" in event.action]
    assert {(event.user_id, event.subject) for event in events} == {(admin.id, f"webhook {webhook.id}")}
    assert [(event.action, event.details) for event in events] == [
        ("webhook.added", {"host": "example.org", "events": ["alias.moved"]}),
        ("webhook.removed", {"host": "example.org"}),
    ]
