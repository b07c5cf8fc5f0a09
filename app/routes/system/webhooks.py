"""The admin page of webhooks and their messages."""

from __future__ import annotations

import json
from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import row_id
from app.context import mellow
from app.db import Webhook, WebhookDelivery
from app.domain_errors import Conflict, DomainError, NotFound
from app.extensions import db
from app.services.system import deliveries, webhooks
from app.words import gettext

blueprint = Blueprint("webhooks", __name__, url_prefix="/admin/webhooks")

STATUSES = ("waiting", "delivered", "failed")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show every webhook, the form to add one, and the delivery log."""
    return _page()


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Add a webhook; the page in this response is the only one that ever shows its secret."""
    try:
        url, events = request.form.get("url", ""), request.form.getlist("events")
        webhook = webhooks.add(db.session(), user_id(), url, events, mellow().settings.webhook_networks)
    except DomainError as refusal:
        return _page(problem=str(refusal)), refusal.status
    return _page(added=webhook), 201


@blueprint.post("/<int:webhook_id>/active")
def set_active(webhook_id: int) -> ResponseReturnValue:
    """Pause or resume a webhook."""
    active = request.form.get("active") == "yes"
    webhooks.set_active(db.session(), user_id(), webhook_id, active)
    flash(gettext("Messages are sent again.") if active else gettext("The webhook is paused."), "success")
    return redirect(url_for("webhooks.page"))


@blueprint.post("/<int:webhook_id>/test")
def send_test(webhook_id: int) -> ResponseReturnValue:
    """Send a test message."""
    return _flashed(
        lambda: deliveries.send_test(db.session(), user_id(), webhook_id), gettext("A test message is on its way.")
    )


@blueprint.post("/<int:webhook_id>/remove")
def remove(webhook_id: int) -> ResponseReturnValue:
    """Remove a webhook and its secret."""
    webhooks.remove(db.session(), user_id(), webhook_id)
    flash(gettext("The webhook is removed."), "success")
    return redirect(url_for("webhooks.page"))


@blueprint.post("/messages/<int:delivery_id>/resend")
def resend(delivery_id: int) -> ResponseReturnValue:
    """Send a message again."""
    return _flashed(
        lambda: deliveries.resend(db.session(), user_id(), delivery_id), gettext("The message is on its way again.")
    )


def _flashed(do: Callable[[], object], sentence: str) -> ResponseReturnValue:
    try:
        do()
    except (Conflict, NotFound) as refusal:
        flash(str(refusal), "warning")
    else:
        flash(sentence, "success")
    return redirect(url_for("webhooks.page", _anchor="log"))


def _page(problem: str | None = None, added: Webhook | None = None) -> str:
    session = db.session()
    status = request.args.get("status")
    status = status if status in STATUSES else None
    webhook_id = row_id(request.args.get("webhook"))
    messages = deliveries.log(session, webhook_id, status, row_id(request.args.get("before")))
    return render_template(
        "system/webhooks.html",
        webhooks=webhooks.all_webhooks(session),
        addresses=_addresses(messages),
        events=webhooks.EVENTS,
        messages=messages,
        bodies={message.id: json.dumps(message.payload, indent=2, ensure_ascii=False) for message in messages},
        more=messages[-1].id if len(messages) == deliveries.PAGE else None,
        attempts=len(deliveries.SCHEDULE) + 1,
        statuses=STATUSES,
        status=status,
        webhook_id=webhook_id,
        problem=problem,
        added=added,
        form=request.form,
    )


def _addresses(messages: list[WebhookDelivery]) -> dict[int, str]:
    """Return the address of every message's webhook, removed ones included."""
    ids = {message.webhook_id for message in messages}
    return {number: db.session().get_one(Webhook, number).url for number in ids}
