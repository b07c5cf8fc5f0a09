"""The admin's API for webhooks and their messages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from msgspec import UNSET

from app.access import user_id
from app.api import system as described
from app.api.operations import gives, operation
from app.api.system import LogQuery, NewWebhook, WebhookChange, WebhookRequest
from app.context import mellow
from app.db import Webhook, WebhookDelivery
from app.extensions import db
from app.services.system import deliveries, webhooks

blueprint = Blueprint("api_webhooks", __name__)


@blueprint.get("/webhooks")
@operation("Every webhook, without its secret", gives("Webhooks.", list[described.Webhook]))
def list_webhooks() -> ResponseReturnValue:
    """Every webhook, without its secret."""
    return [_webhook_json(webhook) for webhook in webhooks.all_webhooks(db.session())]


@blueprint.post("/webhooks")
@operation(
    "Tell an address of events. The response holds the secret that messages are signed with; it is shown once",
    gives("The webhook.", NewWebhook, status=201),
    body=WebhookRequest,
    refusals=(409,),
)
def create_webhook(body: WebhookRequest) -> ResponseReturnValue:
    """Tell an address of events; the answer holds the secret, which is never shown again."""
    events, networks = webhooks.EVENTS if body.events is UNSET else body.events, mellow().settings.webhook_networks
    webhook = webhooks.add(db.session(), user_id(), body.url, events, networks)
    return {**_webhook_json(webhook), "secret": webhook.secret}, 201


@blueprint.patch("/webhooks/<int:webhook_id>")
@operation("Pause a webhook, or let it go on", gives("The webhook.", described.Webhook), body=WebhookChange)
def change_webhook(webhook_id: int, body: WebhookChange) -> ResponseReturnValue:
    """Pause a webhook, or let it go on."""
    return _webhook_json(webhooks.set_active(db.session(), user_id(), webhook_id, body.active))


@blueprint.delete("/webhooks/<int:webhook_id>")
@operation("Forget a webhook and its secret", gives("Removed.", status=204))
def remove_webhook(webhook_id: int) -> ResponseReturnValue:
    """Forget a webhook and its secret."""
    webhooks.remove(db.session(), user_id(), webhook_id)
    return "", 204


@blueprint.post("/webhooks/<int:webhook_id>/test")
@operation(
    f"Send a test message, an event of type {webhooks.TEST_EVENT}",
    gives("The message, on its way.", described.Delivery, status=202),
    refusals=(409,),
)
def test_webhook(webhook_id: int) -> ResponseReturnValue:
    """Send a test message."""
    return _delivery_json(deliveries.send_test(db.session(), user_id(), webhook_id)), 202


@blueprint.get("/webhook-deliveries")
@operation(
    f"The delivery log, the newest first, {deliveries.PAGE} at a time",
    gives("Messages.", list[described.Delivery]),
    query=LogQuery,
)
def list_deliveries(query: LogQuery) -> ResponseReturnValue:
    """A page of the delivery log, the newest first."""
    return [_delivery_json(delivery) for delivery in deliveries.log(db.session(), before=query.before)]


@blueprint.post("/webhook-deliveries/<int:delivery_id>/resend")
@operation(
    "Send a message again, with the same message id",
    gives("The message, on its way.", described.Delivery, status=202),
    refusals=(409,),
)
def resend_delivery(delivery_id: int) -> ResponseReturnValue:
    """Send a message again, with the same id."""
    return _delivery_json(deliveries.resend(db.session(), user_id(), delivery_id)), 202


def _webhook_json(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "active": webhook.active,
        "created_at": webhook.created_at.isoformat(),
    }


def _delivery_json(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "message_id": delivery.message_id,
        "event": delivery.event,
        "payload": delivery.payload,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at.isoformat() if delivery.status == "waiting" else None,
        "response_status": delivery.response_status,
        "error": delivery.error,
        "created_at": delivery.created_at.isoformat(),
        "delivered_at": delivery.delivered_at.isoformat() if delivery.delivered_at else None,
    }
