"""Messages on their way: which is due, what becomes of an attempt, and the log of all of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Webhook, WebhookDelivery, now
from app.domain_errors import Conflict, NotFound
from app.services.system import deliveries, webhooks
from app.services.system.deliveries import JITTER, SCHEDULE, Outcome
from tests.studio import Person, rows


@pytest.fixture
def webhook(session: Session, admin: Person) -> Webhook:
    return webhooks.add(session, admin.id, "https://example.org/mellow", ["alias.moved"])


def make_due(session: Session) -> None:
    (message,) = rows(session, WebhookDelivery)
    message.next_attempt_at = now()
    session.commit()


def test_a_leased_message_is_nobody_else_s_until_the_lease_runs_out(
    session: Session, admin: Person, webhook: Webhook
) -> None:
    deliveries.send_test(session, admin.id, webhook.id)
    first = deliveries.lease(session, webhook.id)
    assert first is not None
    assert deliveries.lease(session, webhook.id) is None
    assert deliveries.due_webhooks(session) == []
    make_due(session)  # as time would, had the first sender died
    again = deliveries.lease(session, webhook.id)
    assert again is not None
    assert again.message_id == first.message_id


def test_old_messages_are_removed_and_waiting_ones_never(session: Session, admin: Person, webhook: Webhook) -> None:
    old = now() - deliveries.KEPT - timedelta(days=1)
    for status in ("delivered", "waiting", "failed"):
        message = deliveries.send_test(session, admin.id, webhook.id)
        message.status, message.next_attempt_at = status, old
        session.commit()
    deliveries.send_test(session, admin.id, webhook.id)
    assert deliveries.prune(session) == 2
    assert [row.status for row in rows(session, WebhookDelivery)] == ["waiting", "waiting"]


def test_the_log_comes_in_pages_the_newest_first(session: Session, admin: Person, webhook: Webhook) -> None:
    moment = now()
    session.add_all(webhooks.message(webhook, "webhook.test", {}, moment) for _ in range(deliveries.PAGE + 2))
    session.commit()
    first = deliveries.log(session)
    rest = deliveries.log(session, before=first[-1].id)
    assert [len(first), len(rest)] == [deliveries.PAGE, 2]
    ids = [row.id for row in first + rest]
    assert ids == sorted(ids, reverse=True)
    assert deliveries.log(session, status="failed") == []
    assert deliveries.log(session, webhook_id=webhook.id + 1) == []


def test_what_is_not_there_cannot_be_sent_again(session: Session, admin: Person, webhook: Webhook) -> None:
    with pytest.raises(NotFound, match=r"^There is no message 9\.$"):
        deliveries.resend(session, admin.id, 9)
    message = deliveries.send_test(session, admin.id, webhook.id)
    webhooks.remove(session, admin.id, webhook.id)
    with pytest.raises(NotFound, match=rf"^There is no webhook {webhook.id}\.$"):
        deliveries.resend(session, admin.id, message.id)


def test_a_sender_gets_the_address_the_secret_and_the_message_that_is_due_the_longest(
    session: Session, admin: Person, webhook: Webhook
) -> None:
    messages = [deliveries.send_test(session, admin.id, webhook.id) for _ in range(2)]
    messages[1].next_attempt_at = now() - timedelta(hours=1)
    session.commit()
    first, second, third = (deliveries.lease(session, webhook.id) for _ in range(3))
    assert first is not None
    assert (first.url, first.secret, first.webhook_id) == (webhook.url, webhook.secret, webhook.id)
    assert (first.message_id, first.payload["type"]) == (messages[1].message_id, "webhook.test")
    assert second is not None
    assert second.delivery_id == messages[0].id
    assert third is None


def test_nothing_is_due_of_a_webhook_that_is_paused_and_all_of_it_is_when_it_goes_on(
    session: Session, admin: Person, webhook: Webhook
) -> None:
    message = deliveries.send_test(session, admin.id, webhook.id)
    webhooks.set_active(session, admin.id, webhook.id, False)
    assert deliveries.due_webhooks(session) == []
    assert deliveries.lease(session, webhook.id) is None
    with pytest.raises(Conflict, match=r"^The webhook is paused: resume it first\.$"):
        deliveries.send_test(session, admin.id, webhook.id)
    with pytest.raises(Conflict, match=r"^The webhook is paused: resume it first\.$"):
        deliveries.resend(session, admin.id, message.id)
    webhooks.set_active(session, admin.id, webhook.id, True)
    assert deliveries.due_webhooks(session) == [webhook.id]


@pytest.mark.parametrize(
    ("outcome", "delivered"),
    [
        (Outcome(200, None), True),
        (Outcome(299, None), True),
        (Outcome(199, None), False),
        (Outcome(300, None), False),
        (Outcome(302, "A redirect."), False),
        (Outcome(None, "No answer."), False),
        (Outcome(200, "The response cannot be understood."), False),
    ],
)
def test_a_message_is_delivered_if_the_answer_says_so_and_waits_for_its_turn_if_not(
    session: Session, admin: Person, webhook: Webhook, outcome: Outcome, delivered: bool
) -> None:
    message = deliveries.send_test(session, admin.id, webhook.id)
    began = now()
    deliveries.store_outcome(session, message.id, outcome)
    (row,) = rows(session, WebhookDelivery)
    assert (row.attempts, row.response_status, row.error) == (1, outcome.status, outcome.error)
    assert (row.status, row.delivered_at is not None) == ("delivered" if delivered else "waiting", delivered)
    if not delivered:
        assert row.next_attempt_at >= began + SCHEDULE[0] * (1 - JITTER)


def test_an_address_that_is_gone_pauses_its_webhook_and_the_log_says_why(
    session: Session, admin: Person, webhook: Webhook
) -> None:
    message = deliveries.send_test(session, admin.id, webhook.id)
    deliveries.store_outcome(session, message.id, Outcome(410, "Gone."))
    (row,) = rows(session, WebhookDelivery)
    assert (row.status, row.attempts, row.response_status, row.delivered_at) == ("failed", 1, 410, None)
    assert not rows(session, Webhook)[0].active
    event = rows(session, AuditEvent)[-1]
    assert (event.user_id, event.action, event.subject) == (None, "webhook.paused", f"webhook {webhook.id}")
    assert event.details == {"reason": "responded with 410 Gone"}


def test_a_message_is_given_up_after_the_last_time_of_its_schedule(
    session: Session, admin: Person, webhook: Webhook
) -> None:
    message = deliveries.send_test(session, admin.id, webhook.id)
    for attempt in range(len(SCHEDULE) + 1):
        assert rows(session, WebhookDelivery)[0].status == "waiting", attempt
        deliveries.store_outcome(session, message.id, Outcome(500, None))
    (row,) = rows(session, WebhookDelivery)
    assert (row.status, row.attempts, row.delivered_at) == ("failed", len(SCHEDULE) + 1, None)
    assert rows(session, Webhook)[0].active


def test_an_answer_that_comes_after_the_message_was_settled_changes_nothing(
    session: Session, admin: Person, webhook: Webhook
) -> None:
    message = deliveries.send_test(session, admin.id, webhook.id)
    deliveries.store_outcome(session, message.id, Outcome(204, None))
    deliveries.store_outcome(session, message.id, Outcome(410, "Gone."))
    deliveries.store_outcome(session, message.id + 1, Outcome(204, None))
    (row,) = rows(session, WebhookDelivery)
    assert (row.status, row.attempts, row.response_status) == ("delivered", 1, 204)
    assert rows(session, Webhook)[0].active


def test_a_message_that_is_sent_again_keeps_its_id_and_begins_the_schedule_anew(
    session: Session, admin: Person, webhook: Webhook
) -> None:
    message = deliveries.send_test(session, admin.id, webhook.id)
    name = message.message_id
    deliveries.store_outcome(session, message.id, Outcome(204, None))
    deliveries.resend(session, admin.id, message.id)
    (row,) = rows(session, WebhookDelivery)
    assert (row.message_id, row.status, row.attempts) == (name, "waiting", 0)
    assert (row.response_status, row.error, row.delivered_at) == (None, None, None)
    assert deliveries.due_webhooks(session) == [webhook.id]
    event = rows(session, AuditEvent)[-1]
    assert (event.user_id, event.action, event.details) == (admin.id, "webhook.resent", {"message": name})
    assert event.subject == f"webhook {webhook.id}"
