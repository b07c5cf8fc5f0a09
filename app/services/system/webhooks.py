"""Webhooks: addresses of other programs, and the messages that are written for them.

A message is stored in the transaction of the action that it reports, so there is exactly one for each action that is
committed and none for one that was rolled back. `app.services.system.deliveries` sends it afterwards. Messages follow
the Standard Webhooks specification, version 1.0.0 (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, RootTransaction, insert, select, update
from sqlalchemy.orm import Session

from app.db import Prebuilt, Webhook, WebhookDelivery, now, slug_of, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.system import audit, webhook_networks
from app.services.system.webhook_networks import Network
from app.words import gettext

JUDGMENT_CREATED = "judgment.created"
RUN_FINISHED = "run.finished"
ALIAS_MOVED = "alias.moved"
COMPARISON_FINISHED = "comparison.finished"
EVENTS = (JUDGMENT_CREATED, RUN_FINISHED, ALIAS_MOVED, COMPARISON_FINISHED)
TEST_EVENT = "webhook.test"
LONGEST_URL = 2000
_HOST_NAME = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
URL = rf"^https?://{_HOST_NAME}(:{_PORT})?([/?#][!-~]*)?$"
"""An address that messages can be sent to."""
MOST_WEBHOOKS = 50
_SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that the specification gives every secret
_SECRET_BYTES = 32


_SUBSCRIBED = Prebuilt(
    select(Webhook.__table__.c.id, Webhook.__table__.c.events).where(
        Webhook.__table__.c.active, Webhook.__table__.c.removed_at.is_(None)
    )
)
_read: WeakKeyDictionary[RootTransaction, Sequence[Sequence[Any]]] = WeakKeyDictionary()


def record(connection: Connection, event: str, data: Mapping[str, Any], project: int | None) -> None:
    """Write one message to each webhook that subscribes to `event`, within the running transaction.

    `data` is plain JSON; flush before, so that ids are known. Of another `project` than the first it names that, too,
    as ``project``. Its fields, by event:

    - ``judgment.created``: ``id``, ``generation_id``, ``user_id``, ``verdict``, ``preferences`` (how many rows)
    - ``run.finished``: ``id``, ``method``, ``status``, ``parent_version``, ``produced_version``, ``error``, ``note``
    - ``alias.moved``: ``alias``, ``before``, ``after``, ``by`` (a user id, or null if the gate or the clicks moved it)
    - ``comparison.finished``: ``id``, ``old``, ``new``, ``state``, ``outcome``, ``clicks``, ``reason``, ``by``
    """
    assert event in EVENTS, event
    wanting = [number for number, events in _subscribed(connection) if event in events]
    if wanting:
        moment, slug = now(), slug_of(connection, project)
        data = data if slug is None else {**data, "project": slug}
        connection.execute(insert(WebhookDelivery), [_message(number, event, data, moment) for number in wanting])


def _subscribed(connection: Connection) -> Sequence[Sequence[Any]]:
    """Return the id and the events of each active webhook, read once in a transaction, as clicks share one."""
    transaction = connection.get_transaction()
    assert transaction is not None
    known = _read.get(transaction)
    if known is None:
        known = _read[transaction] = _SUBSCRIBED.rows(connection, {})
    return known


def message(webhook: Webhook, event: str, data: Mapping[str, Any], moment: datetime) -> WebhookDelivery:
    """Return a message that is due at once. By its id the receiver recognises a repetition."""
    return WebhookDelivery(**_message(webhook.id, event, data, moment))


def _message(webhook_id: int, event: str, data: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "message_id": f"msg_{secrets.token_urlsafe(18)}",
        "event": event,
        "payload": {"type": event, "timestamp": moment.isoformat().replace("+00:00", "Z"), "data": dict(data)},
        "next_attempt_at": moment,
    }


def all_webhooks(session: Session) -> list[Webhook]:
    """Return every webhook that was not removed, oldest first."""
    return list(session.scalars(select(Webhook).where(Webhook.removed_at.is_(None)).order_by(Webhook.id)))


def get(session: Session, webhook_id: int) -> Webhook:
    """Return one webhook that was not removed; raises NotFound."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None or webhook.removed_at is not None:
        raise NotFound(gettext("There is no webhook %(id)s.", id=webhook_id))
    return webhook


def add(session: Session, by: int, url: object, events: Iterable[object], networks: Sequence[Network] = ()) -> Webhook:
    """Add a webhook that sends those events to `url`, with a new secret; raises Invalid or Conflict.

    If `networks` names any, an address outside them is refused; what a name leads to is checked at each sending.

    The secret is shown once, now. It is stored in plain text, since every message is signed with it.
    """
    wanted = _check_events(events)
    address = check_url(url)
    webhook_networks.check_host(urlsplit(address).hostname or "", networks)
    with write_transaction(session):
        known = all_webhooks(session)
        if len(known) >= MOST_WEBHOOKS:
            raise Conflict(gettext("There are %(number)s webhooks already: remove one first.", number=MOST_WEBHOOKS))
        if any(webhook.url == address for webhook in known):
            raise Conflict(gettext("There is a webhook with that address already."))
        webhook = Webhook(url=address, secret=new_secret(), events=wanted, created_by=by)
        session.add(webhook)
        session.flush()
        audit.record(session, by, "webhook.added", f"webhook {webhook.id}", host=_host(address), events=wanted)
    return webhook


def set_active(session: Session, by: int | None, webhook_id: int, active: bool) -> Webhook:
    """Pause or resume a webhook. A paused one gets no new messages; those that wait are sent when it resumes."""
    with write_transaction(session):
        webhook = get(session, webhook_id)
        if webhook.active != active:
            webhook.active = active
            audit.record(session, by, "webhook.resumed" if active else "webhook.paused", f"webhook {webhook_id}")
    return webhook


def remove(session: Session, by: int, webhook_id: int) -> None:
    """Remove a webhook and its secret; its messages stay in the log, and those that wait are not sent any more."""
    with write_transaction(session):
        webhook = get(session, webhook_id)
        webhook.active, webhook.removed_at, webhook.secret = False, now(), ""
        session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.status == "waiting")
            .values(status="failed", error="The webhook was removed before this was sent.")
        )
        audit.record(session, by, "webhook.removed", f"webhook {webhook_id}", host=_host(webhook.url))


def check_url(url: object) -> str:
    """Return the text of an address that messages can be sent to, stripped; raises Invalid."""
    if not isinstance(url, str) or len(url := url.strip()) > LONGEST_URL:
        raise Invalid(gettext("The address must be a text of at most %(most)s characters.", most=LONGEST_URL))
    try:
        parts = urlsplit(url)
        known = parts.port != 0 and re.fullmatch(URL, url)
    except ValueError:
        raise Invalid(gettext("That is not an address that messages can be sent to.")) from None
    if parts.scheme not in ("http", "https"):
        raise Invalid(gettext("The address must begin with https:// or http://."))
    if parts.username is not None or parts.password is not None:
        raise Invalid(gettext("The address must not hold a name or a password: the signature tells who sends."))
    if not known:
        raise Invalid(gettext("That is not an address that messages can be sent to."))
    return url


def new_secret() -> str:
    """Return a fresh secret of 256 random bits, in the form of Standard Webhooks."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the ``webhook-signature`` header: HMAC-SHA256 over ``id.timestamp.body``, in base64, with the scheme v1.

    `timestamp` is in whole seconds since 1970 and is sent beside it, so that nobody else can send an old message again.
    Raises ValueError for a malformed secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("that is not the secret of a webhook") from None
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def _check_events(events: Iterable[object]) -> list[str]:
    wanted = set(map(str, events))
    unknown = wanted - set(EVENTS)
    if unknown:
        raise Invalid(
            gettext(
                "There is no event %(event)s: choose among %(events)s.",
                event=repr(min(unknown)),
                events=", ".join(EVENTS),
            )
        )
    if not wanted:
        raise Invalid(gettext("Choose at least one event."))
    return [event for event in EVENTS if event in wanted]


def _host(url: str) -> str:
    # The rest of an address may contain a secret, which must not be in the audit log.
    return urlsplit(url).hostname or ""
