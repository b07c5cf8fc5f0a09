"""Messages to webhooks and the deletion of versions on PostgreSQL, where senders and admins really act at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Role, Version, WebhookDelivery
from app.domain_errors import Conflict
from app.services.system import deliveries, webhooks
from app.services.system.deliveries import Outcome
from app.services.versions import timeline, versions
from tests import factories
from tests.studio import Person, make_person, parts, rows


@pytest.fixture
def session(postgres_app: Flask) -> Iterator[Session]:
    with parts(postgres_app).sessions() as session:
        yield session


@pytest.fixture
def admin(postgres_app: Flask, session: Session) -> Person:
    return make_person(postgres_app, session, Role.ADMIN)


def test_a_message_is_leased_settled_and_removed_in_time(
    postgres_app: Flask, session: Session, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = webhooks.add(session, admin.id, "https://example.org/mellow", ["alias.moved"])
    factories.version(session, 1)
    versions.promote(session, 1, admin.id)
    assert deliveries.due_webhooks(session) == [webhook.id]
    parcel = deliveries.lease(session, webhook.id)
    assert parcel is not None
    assert parcel.payload["data"]["after"] == 1
    with parts(postgres_app).sessions() as other:
        assert deliveries.lease(other, webhook.id) is None
    deliveries.store_outcome(session, parcel.delivery_id, Outcome(503, "The address responded with 503."))
    (message,) = rows(session, WebhookDelivery)
    assert (message.status, message.attempts) == ("waiting", 1)
    deliveries.resend(session, admin.id, message.id)
    again = deliveries.lease(session, webhook.id)
    assert again is not None
    deliveries.store_outcome(session, again.delivery_id, Outcome(200, None))
    assert [message.status for message in deliveries.log(session, status="delivered")] == ["delivered"]
    monkeypatch.setattr(deliveries, "KEPT", -deliveries.LEASE)
    assert deliveries.prune(session) == 1


def test_a_version_is_deleted_and_cannot_serve(postgres_app: Flask, session: Session, admin: Person) -> None:
    for number in (1, 2):
        factories.version(session, number)
        versions.promote(session, number, admin.id)
    store = parts(postgres_app).store
    with pytest.raises(Conflict, match="is live"):
        versions.delete(session, store, admin.id, 2, "2")
    versions.delete(session, store, admin.id, 1, "1")
    with pytest.raises(Conflict, match="was deleted"):
        versions.promote(session, 1, admin.id)
    assert [version.deleted_at is None for version in rows(session, Version)] == [False, True]
    assert [period.number for period in timeline.periods(session)] == [2, 1]
