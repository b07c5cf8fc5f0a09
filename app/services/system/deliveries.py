"""Deliveries of webhook messages: which are due, the outcome of each attempt, and the log.

A sender leases a message by moving its due time into the future. If the sender dies, the message becomes due again by
itself; the receiver may then get it twice with the same id, but never not at all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db import Webhook, WebhookDelivery, now, write_transaction
from app.domain_errors import Conflict, NotFound
from app.services.system import audit, webhooks
from app.words import gettext

SCHEDULE = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""The wait after each failed attempt; after the last one the message counts as failed."""
JITTER = 0.2
LEASE = timedelta(minutes=2)
KEPT = timedelta(days=30)
PAGE = 50
_GONE = 410
_PRUNED_AT_ONCE = 1000


@dataclass(frozen=True)
class DueDelivery:
    """The data that a sender needs for one attempt."""

    delivery_id: int
    webhook_id: int
    url: str
    secret: str
    message_id: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt: the HTTP status, if there was a response, or else an error sentence."""

    status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        """Return whether the receiver has taken the message: any status of 200 to 299."""
        return self.error is None and self.status is not None and 200 <= self.status < 300


def due_webhooks(session: Session) -> list[int]:
    """Return the ids of the active webhooks that have a message due now."""
    due = select(WebhookDelivery.id).where(
        WebhookDelivery.webhook_id == Webhook.id,
        WebhookDelivery.status == "waiting",
        WebhookDelivery.next_attempt_at <= now(),
    )
    return list(session.scalars(select(Webhook.id).where(Webhook.active, due.exists()).order_by(Webhook.id)))


def lease(session: Session, webhook_id: int) -> DueDelivery | None:
    """Lease the webhook's message that is due the longest, so that no other sender takes it; None if none is due."""
    with write_transaction(session):
        row = session.execute(
            select(WebhookDelivery, Webhook)
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .where(
                WebhookDelivery.webhook_id == webhook_id,
                Webhook.active,
                WebhookDelivery.status == "waiting",
                WebhookDelivery.next_attempt_at <= now(),
            )
            .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id)
            .limit(1)
            .with_for_update(of=WebhookDelivery, skip_locked=True)
        ).first()
        if row is None:
            return None
        delivery, webhook = row
        delivery.next_attempt_at = now() + LEASE
        return DueDelivery(
            delivery.id, webhook.id, webhook.url, webhook.secret, delivery.message_id, dict(delivery.payload)
        )


def store_outcome(session: Session, delivery_id: int, outcome: Outcome) -> None:
    """Store the outcome of an attempt, and when to try again; a response of 410 pauses the webhook."""
    with write_transaction(session):
        delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
        if delivery is None or delivery.status != "waiting":
            return  # delivered by another sender, or its webhook was removed
        delivery.attempts += 1
        delivery.response_status, delivery.error = outcome.status, outcome.error
        if outcome.delivered:
            delivery.status, delivery.delivered_at = "delivered", now()
        elif outcome.status == _GONE or delivery.attempts > len(SCHEDULE):
            delivery.status = "failed"
        else:
            wait = SCHEDULE[delivery.attempts - 1]
            delivery.next_attempt_at = now() + wait * random.uniform(1 - JITTER, 1 + JITTER)
        if outcome.status == _GONE:
            webhook = session.get_one(Webhook, delivery.webhook_id)
            webhook.active = False
            audit.record(session, None, "webhook.paused", f"webhook {webhook.id}", reason="responded with 410 Gone")


def log(
    session: Session, webhook_id: int | None = None, status: str | None = None, before: int | None = None
) -> list[WebhookDelivery]:
    """Return a page of the delivery log, the newest first: those with an id below `before`."""
    query = select(WebhookDelivery).order_by(WebhookDelivery.id.desc()).limit(PAGE)
    if webhook_id is not None:
        query = query.where(WebhookDelivery.webhook_id == webhook_id)
    if status is not None:
        query = query.where(WebhookDelivery.status == status)
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    return list(session.scalars(query))


def resend(session: Session, by: int, delivery_id: int) -> WebhookDelivery:
    """Send a message again, with the same id, now and on the whole schedule; raises NotFound or Conflict."""
    with write_transaction(session):
        delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
        if delivery is None:
            raise NotFound(gettext("There is no message %(id)s.", id=delivery_id))
        webhook = webhooks.get(session, delivery.webhook_id)
        if not webhook.active:
            raise Conflict(gettext("The webhook is paused: resume it first."))
        delivery.status, delivery.attempts, delivery.next_attempt_at = "waiting", 0, now()
        delivery.response_status = delivery.error = delivery.delivered_at = None
        audit.record(session, by, "webhook.resent", f"webhook {webhook.id}", message=delivery.message_id)
    return delivery


def send_test(session: Session, by: int, webhook_id: int) -> WebhookDelivery:
    """Add a test message, which only shows that messages arrive; raises NotFound or Conflict."""
    with write_transaction(session):
        webhook = webhooks.get(session, webhook_id)
        if not webhook.active:
            raise Conflict(gettext("The webhook is paused: resume it first."))
        delivery = webhooks.message(webhook, webhooks.TEST_EVENT, {"webhook": webhook_id, "by": by}, now())
        session.add(delivery)
    return delivery


def prune(session: Session) -> int:
    """Remove up to 1,000 messages that were settled more than 30 days ago; returns how many."""
    with write_transaction(session):
        old = list(
            session.scalars(
                select(WebhookDelivery.id)
                .where(WebhookDelivery.status != "waiting", WebhookDelivery.next_attempt_at < now() - KEPT)
                .limit(_PRUNED_AT_ONCE)
            )
        )
        session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)))
    return len(old)
