"""The admin's API for webhooks and their messages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import LARGEST_ID, json_object
from app.db import Webhook, WebhookDelivery
from app.errors import Invalid
from app.extensions import db
from app.services.system import deliveries, webhooks

blueprint = Blueprint("api_webhooks", __name__)


@blueprint.get("/webhooks")
def list_webhooks() -> ResponseReturnValue:
    """Every webhook, without its secret."""
    return [_webhook_json(webhook) for webhook in webhooks.all_webhooks(db.session())]


@blueprint.post("/webhooks")
def create_webhook() -> ResponseReturnValue:
    """Tell an address of events; the answer holds the secret, which is never shown again."""
    body = json_object("url", "events")
    events = body.get("events", list(webhooks.EVENTS))
    if not isinstance(events, list):
        raise Invalid("events must be a list.")
    webhook = webhooks.add(db.session(), user_id(), body.get("url"), events)
    return {**_webhook_json(webhook), "secret": webhook.secret}, 201


@blueprint.patch("/webhooks/<int:webhook_id>")
def change_webhook(webhook_id: int) -> ResponseReturnValue:
    """Pause a webhook, or let it go on."""
    active = json_object("active").get("active")
    if not isinstance(active, bool):
        raise Invalid("active must be true or false.")
    return _webhook_json(webhooks.set_active(db.session(), user_id(), webhook_id, active))


@blueprint.delete("/webhooks/<int:webhook_id>")
def remove_webhook(webhook_id: int) -> ResponseReturnValue:
    """Forget a webhook and its secret."""
    webhooks.remove(db.session(), user_id(), webhook_id)
    return "", 204


@blueprint.post("/webhooks/<int:webhook_id>/test")
def test_webhook(webhook_id: int) -> ResponseReturnValue:
    """Send a test message."""
    return _delivery_json(deliveries.send_test(db.session(), user_id(), webhook_id)), 202


@blueprint.get("/webhook-deliveries")
def list_deliveries() -> ResponseReturnValue:
    """A page of the delivery log, the newest first."""
    before = request.args.get("before", "")
    if before and not (before.isascii() and before.isdigit() and int(before) <= LARGEST_ID):
        raise Invalid("before must be the id of a message.")
    found = deliveries.log(db.session(), before=int(before) if before else None)
    return [_delivery_json(delivery) for delivery in found]


@blueprint.post("/webhook-deliveries/<int:delivery_id>/resend")
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
