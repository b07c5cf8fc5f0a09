"""Two web machines on one PostgreSQL, each request answered by the other one: nobody notices; disks hold caches alone.

The machines are processes with homes of their own (machines.py). What a worker does is left to `test_workers_shared`.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import AuditEvent, Generation, Role, TrainingRun, User, WebhookDelivery, write_transaction
from app.runtime.embedded_queue import EmbeddedQueue
from app.runtime.queue import JobQueue
from app.services.training.reward.heads import _latest
from app.services.versions import live_comparison
from models.store.store import CheckpointStore
from tests import factories
from tests.e2e.machines import WEB, Client, Common, Machine, ask, nginx, running
from tests.postgres import new_database
from tests.processes import PATIENCE, Program, wait_for

pytestmark = pytest.mark.long

ADMIN_TOKEN = "token of the admin of two machines"
PIECE = 100


@pytest.fixture(scope="module")
def common(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: str,
    migrated_postgres: str,
    queue_server: EmbeddedQueue,
    published: CheckpointStore,
) -> Iterator[Common]:
    """What the machines share."""
    with new_database(postgres_server, "two_machines", migrated_postgres) as url:
        common = Common(url, queue_server.url, tmp_path_factory.mktemp("machines"))
        common.fill(published)
        with common.sessions() as session:
            factories.user(session, email="admin@example.org", role=Role.ADMIN, token=ADMIN_TOKEN)
        yield common
        common.sessions.kw["bind"].dispose()


@pytest.fixture(scope="module")
def machines(common: Common) -> Iterator[list[Machine]]:
    """Two of them."""
    with running(common, "one", "another") as machines:
        yield machines


@pytest.fixture
def ports(machines: list[Machine]) -> list[int]:
    return [machine.port for machine in machines]


@pytest.fixture
def session(common: Common, machines: list[Machine]) -> Iterator[Session]:
    with common.sessions() as session:
        yield session


@pytest.fixture
def admin(ports: list[int]) -> Client:
    """An admin's program, whose requests go to the machines in turns."""
    return Client(ports, ADMIN_TOKEN)


def annotator(session: Session, ports: list[int]) -> Client:
    """The program of a new annotator, likewise."""
    token = f"token of annotator {session.scalar(select(func.count(User.id)))} of the machines"
    factories.user(session, token=token)
    return Client(ports, token)


def click(client: Client, text: str = "You are a stupid idiot") -> int:
    """Draw a screen on one machine and judge it on the other; returns the judgment's id."""
    screen = client.call("POST", "/generations", {"text": text})
    chosen = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": screen["candidates"][0]["id"]}
    return int(client.call("POST", "/judgments", chosen)["id"])


def test_a_session_and_its_forms_hold_wherever_the_next_request_goes(session: Session, ports: list[int]) -> None:
    person = factories.user(session)
    browser = Client(ports)
    signed_in = browser.submit("/sign-in", "/sign-in", {"email": person.email, "password": factories.PASSWORD})
    assert signed_in.status == 302, signed_in.text
    assert [browser.ask("GET", "/annotate").status for _ in ports] == [200, 200]
    browser.submit("/annotate", "/sign-out", {})
    assert [browser.ask("GET", "/annotate").status for _ in ports] == [302, 302]


def test_guesses_at_a_password_are_counted_together(session: Session, ports: list[int]) -> None:
    person = factories.user(session)
    guess = {"email": person.email, "password": "a guess"}
    heard = [Client(order).submit("/sign-in", "/sign-in", guess).status for order in [ports, ports[::-1]] * 6]
    assert Counter(heard) == {403: 10, 429: 2}


def test_a_judgment_of_one_machine_is_seen_and_undone_on_the_other(session: Session, ports: list[int]) -> None:
    person = annotator(session, ports)
    judgment = click(person)
    assert ask(ports[0], "GET", "/healthz").status == 200
    assert person.ask("DELETE", f"/api/v1/judgments/{judgment}").status == 204
    seen = [person.call("GET", "/me") for _ in ports]
    assert seen[0] == seen[1]


def test_a_file_sent_in_pieces_is_one_file_and_its_import_is_taken_back(admin: Client) -> None:
    lines = [json.dumps({"text": f"your plan number {number} is idiotic"}) for number in range(12)]
    body = "\n".join(lines).encode()
    upload = admin.ask("POST", "/api/v1/imports?name=plans.jsonl", body[:PIECE]).json
    for offset in range(PIECE, len(body), PIECE):
        piece = body[offset : offset + PIECE]
        sent = admin.ask("PATCH", f"/api/v1/imports/{upload['id']}?offset={offset}", piece)
        assert sent.status == 200, sent.text
    found = admin.ask("GET", f"/api/v1/imports/{upload['id']}").json
    assert found["bytes"] == len(body)
    plan = json.dumps(found["mapping"]).encode()
    told = admin.ask("POST", f"/api/v1/imports/{upload['id']}", plan, Content_Type="application/json").text
    assert json.loads(told.splitlines()[-1])["done"] is True
    assert admin.ask("DELETE", f"/api/v1/imports/{upload['id']}").status == 204
    (imported, *_) = admin.call("GET", "/imports")["imports"]
    assert [len(queued(admin)) for _ in range(2)] == [12, 12]
    admin.call("POST", f"/imports/{imported['id']}/undo")
    assert [queued(admin) for _ in range(2)] == [[], []]


def queued(admin: Client) -> list[str]:
    return [one["text"] for one in admin.call("GET", "/prompts?state=queue&text=plan")["prompts"]]


def test_no_two_people_are_given_the_same_text(session: Session, ports: list[int]) -> None:
    for number in range(8):
        factories.prompt(session, f"the report number {number} is worthless", queued=True, priority=5)
    people = [annotator(session, [port]) for port in ports]

    def next_texts(person: Client) -> list[str]:
        shown: list[int] = []
        texts = []
        for _ in range(4):
            screen = person.call("POST", "/generations", {"from": "queue", "shown": shown})
            shown.append(screen["id"])
            texts.append(screen["text"])
        return texts

    with ThreadPoolExecutor(2) as pool:
        given = [text for texts in pool.map(next_texts, people) for text in texts]
    assert len(set(given)) == len(given) == 8


def test_the_head_learns_from_clicks_anywhere_and_chooses_everywhere(session: Session, ports: list[int]) -> None:
    person = annotator(session, ports)
    for number in range(4):
        judgment = click(person, f"You are a stupid idiot, number {number}")

    def learned() -> bool:
        session.rollback()
        latest = _latest(session, 1)
        return latest is not None and latest.last_judgment_id >= judgment

    wait_for(learned, what="a head that knows the last click")
    drawn = [person.call("POST", "/generations", {"text": "that is moronic"})["id"] for _ in ports]
    session.rollback()
    heads = {session.get_one(Generation, number).head_id for number in drawn}
    latest = _latest(session, 1)
    assert latest is not None
    assert heads == {latest.id}


def test_counts_and_exports_are_the_same_on_both(session: Session, admin: Client, ports: list[int]) -> None:
    click(annotator(session, ports))
    for path in ("/api/v1/preferences?format=trl", "/api/v1/preferences?format=labelstudio", "/api/v1/judgments"):
        first, second = (admin.ask("GET", path) for _ in ports)
        assert (first.status, first.text) == (second.status, second.text)
    judged = [line for _ in ports for line in admin.ask("GET", "/metrics").text.splitlines() if "_judgments " in line]
    assert len(set(judged)) == len(judged) // 2


def test_what_somebody_changes_holds_on_the_other_machine_at_once(session: Session, ports: list[int]) -> None:
    person = annotator(session, ports)
    for theme in ("dark", "light"):
        person.call("PATCH", "/me", {"settings": {"theme": theme}})
        assert [person.call("GET", "/me")["settings"]["theme"] for _ in ports] == [theme, theme]


def test_events_of_a_run_go_on_at_the_other_machine(session: Session, admin: Client, ports: list[int]) -> None:
    click(annotator(session, ports))
    run_id = admin.call("POST", "/training-runs", {"method": "dpo", "config": {}})["id"]
    assert admin.call("POST", "/training-runs", {"method": "dpo", "config": {}})["id"] == run_id, "one run"
    first = factories.metric(session, run_id, step=1)
    with follow(ports[0], run_id) as heard:
        wait_for(lambda: f"id: {first.id}\n" in "".join(heard), what="the first point")
    second = factories.metric(session, run_id, step=2)
    with follow(ports[1], run_id, after=first.id) as heard:
        wait_for(lambda: f"id: {second.id}\n" in "".join(heard), what="the second point")
        assert f"id: {first.id}\n" not in "".join(heard)
        admin.call("POST", f"/training-runs/{run_id}/cancel")
        wait_for(lambda: "event: end\n" in "".join(heard), what="the end")
    session.rollback()
    assert session.get_one(TrainingRun, run_id).status == "cancelled"


class follow:
    """Reads the events of a run from one machine, in a thread, while the block runs."""

    def __init__(self, port: int, run_id: int, after: int = 0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Last-Event-ID": str(after)}
        self._connection.request("GET", f"/api/v1/training-runs/{run_id}/events", headers=headers)
        self._socket = self._connection.sock
        self._heard: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        try:
            for line in self._connection.getresponse():
                self._heard.append(line.decode())
        except (OSError, ValueError, AttributeError):  # the block has ended
            return

    def __enter__(self) -> list[str]:
        self._thread.start()
        return self._heard

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # the thread, which reads, then ends
        self._thread.join(PATIENCE)
        self._connection.close()


def test_each_message_to_a_webhook_is_sent_once(session: Session, admin: Client) -> None:
    came: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            came.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    with closing(server.socket):
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        webhook = admin.call("POST", "/webhooks", {"url": url, "events": ["run.finished"]})["id"]
        for _ in range(20):
            admin.call("POST", f"/webhooks/{webhook}/test")

        def settled() -> bool:
            session.rollback()
            waiting = select(func.count()).where(WebhookDelivery.status == "waiting")
            return not session.scalar(waiting)

        wait_for(settled, what="every message sent")
        admin.ask("DELETE", f"/api/v1/webhooks/{webhook}")
        server.shutdown()
    assert len(came) == len(set(came)) == 20


def test_both_follow_the_alias_and_a_live_comparison(
    common: Common, session: Session, admin: Client, ports: list[int]
) -> None:
    queue = JobQueue(common.settings["REDIS_URL"])

    def all_serve(version: int, second: int | None) -> bool:
        return {(state.version, state.second) for state in queue.reports().values()} == {(version, second)}

    admin.call("PUT", "/aliases/serving", {"version": 2})
    wait_for(lambda: all_serve(2, None), what="version 2 on both")
    with write_transaction(session):
        live_comparison.begin(session, old=1, new=2, serving=2)
    wait_for(lambda: all_serve(2, 1), what="both versions on both")
    person = annotator(session, ports)
    drawn = [person.call("POST", "/generations", {"text": "you are wrong and stupid"})["id"] for _ in ports]
    session.rollback()
    assert {session.get_one(Generation, number).comparison_id is None for number in drawn} == {False}
    admin.call("PUT", "/aliases/serving", {"version": 1})
    assert [admin.call("GET", "/comparisons")[0]["ended_at"] is None for _ in ports] == [False, False]
    wait_for(lambda: all_serve(1, None), what="version 1 alone on both")


def test_a_machine_with_another_key_is_refused(common: Common, machines: list[Machine]) -> None:
    with Program(WEB, common.environment("stranger", SECRET_KEY="another key than that of the others")) as stranger:
        assert stranger.wait() == 3
        assert stranger.line("This machine has another SECRET_KEY than the web machines that use this database")


def test_behind_nginx_a_machine_may_go(
    common: Common, session: Session, machines: list[Machine], ports: list[int], tmp_path: Path
) -> None:
    person = factories.user(session)
    with nginx(tmp_path, ports) as port:
        browser = Client([port])
        form = {"email": person.email, "password": factories.PASSWORD}
        assert browser.submit("/sign-in", "/sign-in", form).status == 302
        assert {click(annotator(session, [port])) for _ in range(2)}
        machines[1].stop()
        assert [browser.ask("GET", "/annotate").status for _ in range(4)] == [200] * 4
        click(annotator(session, [port]))


def test_no_machine_kept_anything_but_caches_on_its_disk(common: Common, machines: list[Machine]) -> None:
    """The last test: all of the above has happened."""
    left = {path.relative_to(machine.home).parts[0] for machine in machines for path in machine.home.rglob("*")}
    assert left <= {"cache"}
    with common.sessions() as session:
        assert session.scalar(select(func.count(AuditEvent.id))), "but the database did"
