"""The System page, its backups, and the audit log."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import zipfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask
from redis import Redis
from rq import Worker
from rq.serializers import JSONSerializer
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import create_app
from app.db import AuditEvent, write_transaction
from app.launch.parts import Part, write_parts
from app.runtime.chat.process_writer import ProcessWriter
from app.runtime.queue import report_worker
from app.services.system import audit_copies, backups, system
from app.version import VERSION
from models.chat.server import ChatServer
from models.chat.service import ChatService
from models.chat.source import Named
from models.serving.hot_swap import ServingState
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, close, parts, rows


def test_the_page_shows_processes_workers_and_their_gpus(
    app: Flask, session: Session, admin: Person, queue_url: str
) -> None:
    parts(app).queue.report("web:1", ServingState(1, 2, "Version 2 is damaged."))
    parts(app).queue.report("web:2", ServingState(1, 2, None))
    parts(app).queue.enqueue_training(7, 1, needs_gpu=False)
    with Redis.from_url(queue_url) as redis:
        for name in ("told", "silent"):
            worker = Worker(["default"], connection=redis, name=name, serializer=JSONSerializer)
            worker.register_birth()  # type: ignore[no-untyped-call]
            worker.set_state("idle")
        gpu = {"name": "NVIDIA H100", "memory_bytes": 80e9, "memory_used_bytes": 12e9, "busy_percent": 97}
        machine = {"cores": 16, "memory_bytes": 128e9, "memory_used_bytes": 8e9, "gpus": [gpu]}
        report_worker(redis, "told", machine)
    page = admin.browser().get("/admin/system").text
    for said in (
        "Version 2 is damaged.",
        "is loading version 2",
        "NVIDIA H100",
        "12.0 GB of 80.0 GB used, 97 % busy",
        "16 cores",
        "unknown",
        "<strong>1</strong><span>job waits in the queue</span>",
    ):
        assert said in page
    assert len(re.findall("data-process", page)) == 2


def test_a_worker_that_is_gone_leaves_the_list_at_once_and_one_that_says_nothing_within_a_minute(
    app: Flask, queue_url: str
) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    with Redis.from_url(queue_url) as redis:
        for name, changed in {
            "killed": {"pid": ended.stdout.strip()},
            "silent-elsewhere": {"hostname": "another", "pid": "1"},
            "plain-elsewhere": {"hostname": "another", "pid": ended.stdout.strip()},
            "told-elsewhere": {"hostname": "another", "pid": ended.stdout.strip()},
        }.items():
            worker = Worker(["default"], connection=redis, name=name, serializer=JSONSerializer)
            worker.register_birth()  # type: ignore[no-untyped-call]
            redis.hset(worker.key, mapping=changed)
        for name in ("told-elsewhere", "silent-elsewhere"):
            report_worker(redis, name, {"cores": 1, "memory_bytes": 1, "memory_used_bytes": 1, "gpus": []})
        redis.delete("mellow:worker:silent-elsewhere")  # as a minute does
    assert [worker["name"] for worker in parts(app).queue.workers()] == ["plain-elsewhere", "told-elsewhere"]


def test_parts_that_ended_are_told_on_system_and_training(app: Flask, admin: Person) -> None:
    home = parts(app).settings.home
    browser = admin.browser()
    write_parts(home, {"web": Part(), "worker": Part("given up", 4, "worker was ended by SIGKILL.")})
    for address in ("/admin/system", "/admin", "/admin/queue"):
        page = " ".join(re.sub(r"<[^>]+>", " ", browser.get(address).text).split())
        assert "Worker was ended by SIGKILL. It ended five times within a minute and is not started again" in page
    assert "<td>4 times</td>" in browser.get("/admin/system").text
    write_parts(home, {"web": Part(), "worker": Part("restarting", 0, "worker was ended by SIGKILL.")})
    assert "It is being started again." in browser.get("/admin").text
    write_parts(home, {"web": Part(), "worker": Part("running", 1, "worker was ended by SIGKILL.")})
    assert "SIGKILL" not in browser.get("/admin").text
    assert "<td>once</td>" in browser.get("/admin/system").text


def test_the_chat_models_that_the_generation_process_holds_are_listed(app: Flask, admin: Person) -> None:
    settings, browser = parts(app).settings, admin.browser()
    assert "Chat models in memory" not in browser.get("/admin/system").text
    service = ChatService(lambda _: cast(Any, SimpleNamespace(name="tiny")), most_models=2)
    with ChatServer(settings.chat_socket, service, lambda named: cast(Named, named)).listening():
        assert "None: a model is loaded when it is first asked for." in browser.get("/admin/system").text
        threading.Thread(target=service.run, daemon=True).start()
        ProcessWriter(settings.chat_socket, Path("/store/000007")).load()
        assert '<code translate="no">/store/000007</code>' in browser.get("/admin/system").text
        service.end()
    assert "Chat models in memory" not in browser.get("/admin/system").text


def test_parts_of_another_machine_are_told_with_its_name(app: Flask, admin: Person) -> None:
    parts(app).queue.report_parts("box2", {"worker": asdict(Part("given up", 4, "worker was ended by SIGKILL."))})
    write_parts(parts(app).settings.home, {"web": Part()})
    page = admin.browser().get("/admin/system").text
    assert 'data-part="worker (box2)"' in page
    assert "Worker was ended by SIGKILL." in page
    assert list(parts(app).parts()) == ["web", "worker (box2)"]


def test_the_page_says_which_mellow_this_is(admin: Person) -> None:
    assert f"Mellow {VERSION}<" in admin.browser().get("/admin/system").text


def test_without_a_worker_the_page_says_what_that_means(admin: Person) -> None:
    assert "No worker is connected: runs wait until one is." in admin.browser().get("/admin/system").text


def test_the_page_says_first_whether_all_runs(app: Flask, admin: Person, queue_url: str, version_1: int) -> None:
    browser = admin.browser()
    page = browser.get("/admin/system").text
    assert "Something needs a look" in page
    assert "<title>System needs a look · Mellow</title>" in page
    parts(app).queue.report("web:1", ServingState(1, 1, None))
    with Redis.from_url(queue_url) as redis:
        worker = Worker(["default"], connection=redis, name="one", serializer=JSONSerializer)
        worker.register_birth()  # type: ignore[no-untyped-call]
    page = browser.get("/admin/system").text
    assert "Everything runs" in page
    assert "Version 1 is live." in page
    assert "<title>System · Mellow</title>" in page
    parts(app).queue.report("web:1", ServingState(1, 2, "Version 2 is damaged."))
    assert "1 web process does not serve the live version." in browser.get("/admin/system").text


def test_a_live_comparison_shows_the_second_version_in_each_process(
    app: Flask, session: Session, admin: Person, published: CheckpointStore, version_1: int
) -> None:
    add_version(app, session, published, 2)
    factories.serving(session, 2)
    browser = admin.browser()
    assert "live comparison" not in browser.get("/admin/system").text
    factories.comparison(session)
    parts(app).queue.report("web:1", ServingState(2, 2, None, second=1))
    parts(app).queue.report("web:2", ServingState(2, 2, None))
    page = browser.get("/admin/system").text
    assert "and version 1, in a live comparison" in page
    assert "version 1 of the live comparison is not loaded" in page


def test_while_the_queue_is_away_the_page_is_there(app: Flask, admin: Person) -> None:
    cut_off = create_app(replace(parts(app).settings, redis_url="unix:///nowhere/valkey.sock"))
    try:
        page = Person(cut_off, admin.id, admin.email, admin.token).browser().get("/admin/system")
        assert page.status_code == 200
        assert "The queue does not answer" in page.text
        assert "Database" in page.text
    finally:
        close(cut_off)


@pytest.mark.sqlite
def test_a_backup_is_made_downloaded_and_removed(app: Flask, session: Session, admin: Person) -> None:
    browser = admin.browser()
    made = browser.submit("/admin/system/backups", {}, follow_redirects=True)
    (backup,) = backups.kept(parts(app).settings)
    assert f"The backup {backup.name} is kept in" in made.text
    answer = browser.get(f"/admin/system/backups/{backup.name}", buffered=True)
    assert answer.headers["Content-Disposition"] == f"attachment; filename={backup.name}"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
    rest = browser.get(f"/admin/system/backups/{backup.name}", headers={"Range": "bytes=100-"}, buffered=True)
    assert (rest.status_code, rest.data) == (206, answer.data[100:])
    assert rest.headers["ETag"] == answer.headers["ETag"]
    gone = browser.submit(f"/admin/system/backups/{backup.name}/remove", {}, follow_redirects=True)
    assert f"The backup {backup.name} was deleted." in gone.text
    assert browser.get(f"/admin/system/backups/{backup.name}").status_code == 404
    assert [event.action for event in rows(session, AuditEvent)] == [
        "user.signed_in",
        "backup.made",
        "backup.downloaded",
        "backup.downloaded",
        "backup.removed",
    ]


@pytest.mark.parametrize("name", ["mellow.db", "..%2Fmellow.db", "secret-key", "mellow-20260101-000000-ffff.zip"])
def test_nothing_but_backups_can_be_downloaded(admin: Person, name: str) -> None:
    assert admin.browser().get(f"/admin/system/backups/{name}").status_code == 404


def test_the_audit_log_can_be_filtered(session: Session, admin: Person, annotator: Person) -> None:
    day = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    factories.audit_event(session, action="alias.moved", subject="serving", details={"version": 3}, created_at=day)
    factories.audit_event(session, user_id=annotator.id, action="token.issued", subject=f"user {annotator.id}")
    factories.audit_event(session, action="user.created", subject="100%_sure", details={"email": "<b>x</b>"})
    browser = admin.browser()

    def shown(**wanted: str) -> int:
        return len(re.findall("data-event", browser.get("/admin/system/audit", query_string=wanted).text))

    assert shown(action="user.signed_in") == 1
    assert shown() == 4
    assert shown(action="alias.moved") == 1
    assert shown(person=str(annotator.id)) == 1
    assert shown(subject="SERV") == shown(subject="%_") == 1
    assert shown(since="2026-03-01", until="2026-03-01") == 1
    assert shown(since="2026-03-02") == 3
    assert shown(until="2026-02-28") == 0
    page = browser.get("/admin/system/audit").text
    assert "version: 3" in page
    assert "Mellow itself" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"since": "yesterday"}, "since must be a day such as 2026-01-31."),
        ({"subject": "a\x00"}, "No entry holds characters that cannot be stored."),
    ],
)
def test_a_filter_that_cannot_be_says_why(admin: Person, wanted: dict[str, str], sentence: str) -> None:
    page = admin.browser().get("/admin/system/audit", query_string=wanted)
    assert page.status_code == 200
    assert sentence in page.text


def test_the_audit_log_goes_on_page_by_page_and_keeps_the_filter(
    session: Session, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "MOST", 2)
    for number in range(5):
        factories.audit_event(session, action="odd" if number % 2 else "even", subject=str(number))
    browser = admin.browser()
    path, pages = "/admin/system/audit?action=even", []
    while path:
        page = browser.get(path).text
        pages.append(len(re.findall("data-event", page)))
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert pages == [2, 1]


def test_the_audit_log_says_whether_its_chain_holds_and_can_be_downloaded(session: Session, admin: Person) -> None:
    browser = admin.browser()
    (entry,) = rows(session, AuditEvent)
    page = browser.get("/admin/system/audit").text
    assert "The newest entries (1) are as they were written" in page
    assert entry.hash in page
    answer = browser.get("/admin/system/audit/copy")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="mellow-audit-')
    assert audit_copies.verify_copy(answer.data.splitlines()).count == 2
    assert rows(session, AuditEvent)[-1].action == "audit.downloaded"
    with write_transaction(session):
        session.execute(text("UPDATE audit_events SET subject = 'user 0' WHERE id = 1"))
    page = " ".join(browser.get("/admin/system/audit").text.split())
    assert "The newest entries were changed: their chain of hashes breaks at entry 1. Entry 1 was changed." in page


def test_nobody_but_an_admin_downloads_the_audit_log(annotator: Person) -> None:
    assert annotator.browser().get("/admin/system/audit/copy").status_code == 403
