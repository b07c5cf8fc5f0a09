"""Sending the messages of webhooks: one thread that looks for due ones, and one for each address that has some.

A slow address delays its own messages only. A name is looked up once an attempt, and what it leads to is checked and
connected to. Redirects are not followed, proxies of the environment are not used, and of a response only its status and
beginning are read, within a time limit over the whole attempt.
"""

from __future__ import annotations

import http.client
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.domain_errors import Invalid
from app.services.system import deliveries, webhook_networks, webhooks
from app.services.system.deliveries import DueDelivery, Outcome
from app.services.system.webhook_networks import Network

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
ATTEMPT_SECONDS = 15.0
MOST_THREADS = 8
_PRUNE_SECONDS = 3600.0
_KEPT_CHARACTERS = 200  # characters that are kept of a response that is an error
_USER_AGENT = "Mellow-Webhooks/1"
_Place = tuple[socket.AddressFamily, Any]


class WebhookSender:
    """The sending threads of one web process; processes share the work, since each message is leased by one.

    If `networks` names any, messages go only there.
    """

    def __init__(self, sessions: sessionmaker[Session], networks: Sequence[Network] = ()) -> None:
        self._sessions = sessions
        self._networks = networks
        self._lock = threading.Lock()
        self._busy: dict[int, threading.Thread] = {}
        self._pruned_at = -_PRUNE_SECONDS

    def run(self, stop: threading.Event) -> None:
        """Send due messages until `stop` is set; then wait for attempts under way, a few seconds at most."""
        while not stop.wait(POLL_SECONDS):
            try:
                self._start_due(stop)
            except SQLAlchemyError as error:
                log.warning("Looking for messages to webhooks failed and will be tried again: %s", error)
        for thread in list(self._busy.values()):
            thread.join(ATTEMPT_SECONDS)

    def _start_due(self, stop: threading.Event) -> None:
        with self._sessions() as session:
            if time.monotonic() - self._pruned_at >= _PRUNE_SECONDS:
                self._pruned_at = time.monotonic()
                deliveries.prune(session)
            due = deliveries.due_webhooks(session)
        for webhook_id in due:
            with self._lock:
                if webhook_id in self._busy or len(self._busy) >= MOST_THREADS:
                    continue
                name = f"webhook-{webhook_id}"
                thread = threading.Thread(target=self._serve, args=(webhook_id, stop), name=name, daemon=True)
                self._busy[webhook_id] = thread
            thread.start()

    def _serve(self, webhook_id: int, stop: threading.Event) -> None:
        """Send what is due to one webhook, in order; a failure leaves the rest to the next poll."""
        try:
            with self._sessions() as session:
                while not stop.is_set():
                    parcel = deliveries.lease(session, webhook_id)
                    if parcel is None:
                        return
                    outcome = send(parcel, self._networks)
                    deliveries.store_outcome(session, parcel.delivery_id, outcome)
                    if not outcome.delivered:
                        return
        except SQLAlchemyError as error:
            log.warning("A message to webhook %d could not be settled and will be sent again: %s", webhook_id, error)
        finally:
            with self._lock:
                self._busy.pop(webhook_id, None)


def send(parcel: DueDelivery, networks: Sequence[Network] = (), seconds: float = ATTEMPT_SECONDS) -> Outcome:
    """Make one attempt of at most `seconds`; every failure is in the outcome, none is raised."""
    body = json.dumps(parcel.payload, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "webhook-id": parcel.message_id,
        "webhook-timestamp": str(timestamp),
    }
    try:
        headers["webhook-signature"] = webhooks.signature(parcel.secret, parcel.message_id, timestamp, body)
        return _outcome(*_post(webhooks.check_url(parcel.url), body, headers, networks, seconds))
    except Invalid as refusal:
        return Outcome(None, str(refusal))
    except ssl.SSLError as error:
        return Outcome(None, f"The connection is not safe: {error.reason or error}.")
    except TimeoutError:
        return Outcome(None, f"There was no response within {seconds:g} seconds.")
    except socket.gaierror:
        return Outcome(None, "The name of the host is not known.")
    except OSError as error:
        return Outcome(None, f"The address cannot be reached: {error.strerror or error}.")
    except (http.client.HTTPException, ValueError) as error:
        return Outcome(None, f"The response cannot be understood: {type(error).__name__}.")


def _post(
    url: str, body: bytes, headers: Mapping[str, str], networks: Sequence[Network], seconds: float
) -> tuple[int, str]:
    """Return the status and the beginning of the response; a slow response is cut off at the time limit."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    places = _places(connection.host, connection.port, networks)
    late = threading.Event()

    def cut_off() -> None:
        late.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut_off)
    timer.daemon = True
    timer.start()
    try:
        connection.sock = _connected(places, time.monotonic() + seconds)
        if parts.scheme == "https":
            connection.sock = secure = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=connection.host, do_handshake_on_connect=False
            )
            secure.do_handshake()  # only now, so that it is cut off in time, too
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, dict(headers))
        with connection.getresponse() as response:
            if late.is_set():
                raise TimeoutError
            if 200 <= response.status < 300:
                return response.status, ""
            return response.status, response.read(_KEPT_CHARACTERS * 4).decode("utf-8", "replace")[:_KEPT_CHARACTERS]
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        connection.close()


def _places(host: str, port: int, networks: Sequence[Network]) -> list[_Place]:
    """Return the addresses of a host that messages may go to; raises Invalid about the last one if there is none."""
    found: list[_Place] = []
    refusal = ""
    for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            webhook_networks.check(ip_address(place[0]), networks)
            found.append((family, place))
        except Invalid as refused:
            refusal = str(refused)
    if not found:
        raise Invalid(refusal)
    return found


def _connected(places: Sequence[_Place], deadline: float) -> socket.socket:
    """Return a connection to the first of the addresses that takes one; raises the OSError of the last."""
    *others, last = places
    for place in others:
        with suppress(OSError):
            return _connected_to(place, deadline)
    return _connected_to(last, deadline)


def _connected_to(place: _Place, deadline: float) -> socket.socket:
    family, address = place
    client = socket.socket(family, socket.SOCK_STREAM)
    try:
        client.settimeout(max(0.001, deadline - time.monotonic()))
        client.connect(address)
    except OSError:
        client.close()
        raise
    return client


def _outcome(status: int, body: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome(status, None)
    if 300 <= status < 400:
        return Outcome(status, f"The address responded with a redirect ({status}), which is not followed.")
    if status == http.client.GONE:
        return Outcome(status, "The address responded that it is gone (410), so the webhook was paused.")
    said = " ".join("".join(letter if letter.isprintable() else " " for letter in body).split())
    return Outcome(status, f"The address responded with {status}" + (f": {said}" if said else "."))
