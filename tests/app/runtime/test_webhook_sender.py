"""Messages on their way to a real receiver: signed, tried again, never told twice as done, never forgotten."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from standardwebhooks.webhooks import Webhook as Library

from app.db import AuditEvent, Webhook, WebhookDelivery, now
from app.domain_errors import Conflict
from app.runtime import webhook_sender
from app.runtime.webhook_sender import WebhookSender, send
from app.services.system import deliveries, webhooks
from app.services.system.deliveries import JITTER, SCHEDULE, DueDelivery, Outcome
from tests.app.runtime.test_background import wait_until
from tests.studio import Person, parts, rows


class Receiver:
    """An HTTP server that keeps what it gets and answers as it is told."""

    def __init__(self, secured: ssl.SSLContext | None = None) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, dict(self.headers), body))
                status, headers, answer = receiver.answers.pop(0) if receiver.answers else (204, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if secured:
            self._server.socket = secured.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?team=one"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def webhook(session: Session, admin: Person, receiver: Receiver) -> Webhook:
    return webhooks.add(session, admin.id, receiver.url, ["alias.moved"])


def parcel(url: str) -> DueDelivery:
    return DueDelivery(1, 1, url, webhooks.new_secret(), "msg_1", {"type": "webhook.test", "data": {}})


def attempt(session: Session, webhook: Webhook) -> Outcome:
    """One attempt of whatever is due."""
    leased = deliveries.lease(session, webhook.id)
    assert leased is not None
    outcome = send(leased)
    deliveries.store_outcome(session, leased.delivery_id, outcome)
    return outcome


def make_due(session: Session) -> None:
    (message,) = rows(session, WebhookDelivery)
    message.next_attempt_at = now()
    session.commit()


def test_a_message_arrives_signed_and_only_once(
    session: Session, admin: Person, webhook: Webhook, receiver: Receiver
) -> None:
    deliveries.send_test(session, admin.id, webhook.id)
    assert deliveries.due_webhooks(session) == [webhook.id]
    assert attempt(session, webhook) == Outcome(204, None)
    ((path, headers, body),) = receiver.got
    assert path == "/hook?team=one"
    message = Library(webhook.secret).verify(body, headers)
    assert (message["type"], message["data"]) == ("webhook.test", {"webhook": webhook.id, "by": admin.id})
    assert headers["Content-Type"] == "application/json"
    (row,) = rows(session, WebhookDelivery)
    assert (row.status, row.attempts, row.response_status, row.error) == ("delivered", 1, 204, None)
    assert row.message_id == headers["webhook-id"]
    assert row.delivered_at is not None
    assert deliveries.due_webhooks(session) == []
    assert deliveries.lease(session, webhook.id) is None


def test_failures_are_tried_again_on_the_schedule_and_at_last_given_up(
    session: Session, admin: Person, webhook: Webhook, receiver: Receiver
) -> None:
    deliveries.send_test(session, admin.id, webhook.id)
    for count, wait in enumerate(SCHEDULE, start=1):
        receiver.answers.append((503, {}, b"not\nnow <b>"))
        began = now()
        assert attempt(session, webhook) == Outcome(503, "The address responded with 503: not now <b>")
        (row,) = rows(session, WebhookDelivery)
        assert (row.status, row.attempts) == ("waiting", count)
        waits = row.next_attempt_at - began
        assert wait * (1 - JITTER) <= waits <= wait * (1 + JITTER) + timedelta(seconds=5)
        make_due(session)
    receiver.answers.append((500, {}, b""))
    attempt(session, webhook)
    (row,) = rows(session, WebhookDelivery)
    assert (row.status, row.attempts, row.error) == ("failed", len(SCHEDULE) + 1, "The address responded with 500.")
    ids = {headers["webhook-id"] for _, headers, _ in receiver.got}
    assert len(receiver.got) == 10
    assert ids == {row.message_id}, "the same message each time"

    deliveries.resend(session, admin.id, row.id)
    assert attempt(session, webhook).delivered
    assert rows(session, WebhookDelivery)[0].status == "delivered"


def test_a_redirect_is_not_followed(session: Session, receiver: Receiver) -> None:
    receiver.answers.append((302, {"Location": receiver.url}, b""))
    outcome = send(parcel(receiver.url))
    assert outcome == Outcome(302, "The address responded with a redirect (302), which is not followed.")
    assert len(receiver.got) == 1


def answer_of(*addresses: str) -> Callable[..., list[Any]]:
    """A resolver that says of every name that it leads to those addresses, and to another one when asked again."""
    left = [addresses, ("192.0.2.1",)]

    def resolve(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        said = left.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in said]

    return resolve


def test_a_name_is_looked_up_once_and_its_address_is_the_one_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answer_of("127.0.0.1"))
    url = receiver.url.replace("127.0.0.1", "studio.invalid")
    assert send(parcel(url)) == Outcome(204, None)
    ((_, headers, _),) = receiver.got
    assert headers["Host"] == url.removeprefix("http://").partition("/")[0], "the name is what the receiver is told"


def test_a_name_that_leads_to_a_metadata_address_is_refused_at_sending(
    session: Session, admin: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = webhooks.add(session, admin.id, "http://studio.invalid/", ["alias.moved"])
    deliveries.send_test(session, admin.id, webhook.id)
    monkeypatch.setattr(socket, "getaddrinfo", answer_of("169.254.169.254"))
    sentence = "Messages are not sent to 169.254.169.254: link-local and cloud metadata addresses are refused."
    assert attempt(session, webhook) == Outcome(None, sentence)
    assert rows(session, WebhookDelivery)[0].error == sentence


def test_of_several_addresses_one_that_is_allowed_is_taken(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answer_of("169.254.169.254", "127.0.0.1"))
    assert send(parcel(receiver.url)).delivered


def test_of_several_addresses_one_that_answers_is_taken(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        silent = listener.getsockname()
    (answers,) = socket.getaddrinfo("127.0.0.1", urlsplit(receiver.url).port, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(*answers[:4], silent), answers])
    assert send(parcel(receiver.url)).delivered


def test_messages_go_to_the_networks_of_the_settings_only(receiver: Receiver) -> None:
    here, elsewhere = ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")
    assert send(parcel(receiver.url), [elsewhere, here]).delivered
    sentence = "Messages are not sent to 127.0.0.1: it is in none of the networks of WEBHOOK_NETWORKS."
    assert send(parcel(receiver.url), [elsewhere]) == Outcome(None, sentence)
    assert len(receiver.got) == 1


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate of the name studio.invalid, signed by itself, in one file."""
    made, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=studio.invalid"
    )
    files = ["-addext", "subjectAltName=DNS:studio.invalid", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    made.write_text(made.read_text() + key.read_text())
    return made


@pytest.fixture
def secure_receiver(certificate: Path) -> Iterator[Receiver]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    receiver = Receiver(context)
    yield receiver
    receiver.close()


def test_over_https_the_certificate_must_be_of_the_name_and_known(
    secure_receiver: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent(name: str) -> Outcome:
        monkeypatch.setattr(socket, "getaddrinfo", answer_of("127.0.0.1"))
        return send(parcel(secure_receiver.url.replace("http://127.0.0.1", f"https://{name}")))

    assert sent("studio.invalid") == Outcome(None, "The connection is not safe: CERTIFICATE_VERIFY_FAILED.")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert sent("other.invalid") == Outcome(None, "The connection is not safe: CERTIFICATE_VERIFY_FAILED.")
    assert secure_receiver.got == []
    assert sent("studio.invalid") == Outcome(204, None)


def test_an_address_that_is_gone_is_paused(
    session: Session, admin: Person, webhook: Webhook, receiver: Receiver
) -> None:
    deliveries.send_test(session, admin.id, webhook.id)
    receiver.answers.append((410, {}, b""))
    attempt(session, webhook)
    assert rows(session, WebhookDelivery)[0].status == "failed"
    assert not rows(session, Webhook)[0].active
    assert rows(session, AuditEvent)[-1].action == "webhook.paused"
    with pytest.raises(Conflict, match="paused"):
        deliveries.send_test(session, admin.id, webhook.id)


def test_a_long_answer_is_cut(receiver: Receiver) -> None:
    receiver.answers.append((400, {}, b"x" * 1_000_000))
    outcome = send(parcel(receiver.url))
    assert outcome.error is not None
    assert len(outcome.error) < 300


def test_an_answer_that_drips_is_cut_off_at_the_time_limit() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not stop.wait(0.05):
                        connection.sendall(b"x-slow: 1\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        outcome = send(parcel(f"http://127.0.0.1:{listener.getsockname()[1]}/"), seconds=0.5)
        stop.set()
        thread.join()
    assert outcome == Outcome(None, "There was no response within 0.5 seconds.")


def test_what_cannot_be_reached_is_told_in_a_sentence() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    assert send(parcel(f"http://127.0.0.1:{port}/")) == Outcome(
        None, "The address cannot be reached: Connection refused."
    )
    assert send(parcel("http://no-such-host.invalid/")).error == "The name of the host is not known."
    assert send(parcel("ftp://example.org/")).error == "The address must begin with https:// or http://."


def test_what_does_not_speak_http_is_told_in_a_sentence() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def babble() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        outcome = send(parcel(f"http://127.0.0.1:{listener.getsockname()[1]}/"))
        thread.join()
    assert outcome == Outcome(None, "The response cannot be understood: BadStatusLine.")


def test_the_thread_sends_what_becomes_due_and_ends_when_told(
    app: Flask, session: Session, admin: Person, webhook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "POLL_SECONDS", 0.01)
    for _ in range(3):
        deliveries.send_test(session, admin.id, webhook.id)
    stop = threading.Event()
    thread = threading.Thread(target=WebhookSender(parts(app).sessions).run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: {row.status for row in rows(session, WebhookDelivery)} == {"delivered"})
    finally:
        stop.set()
        thread.join()
    assert len(receiver.got) == 3
    assert [row.attempts for row in rows(session, WebhookDelivery)] == [1, 1, 1]
