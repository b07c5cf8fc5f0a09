"""A studio moves by the commands of docs/deployment.md, and no click is lost on the way.

First from SQLite to PostgreSQL, then from one machine and a folder of versions to two behind nginx and an object store.
"""

from __future__ import annotations

import re
import shlex
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from app.config import PROJECT_ROOT
from app.db import Judgment
from tests.e2e.machines import Client, Common, nginx, running
from tests.e2e.test_worker_elsewhere import procfile
from tests.objects.server import ObjectServer
from tests.objects.server import environment as reached_at
from tests.processes import ADMIN, ADMIN_EMAIL, ADMIN_PASSWORD, ADMIN_TOKEN, Api, Product, Program, environment

DOCUMENT = PROJECT_ROOT / "docs" / "deployment.md"
ADDRESS = "postgresql://mellow@database-host/mellow"
SHARED_FOLDER = "/mnt/shared/mellow/versions"
PAIRS = "source\ttarget\n" + "".join(f"you are bad {row}\tplease mind {row}\n" for row in range(60))


def command(word: str) -> str:
    """The line of the document that holds that command of flask."""
    found = re.search(rf"^ +((?:\w+=\S+ )?flask --app app {word}\b.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert found is not None, f"{DOCUMENT} does not say how to {word}."
    return found[1]


def judge(api: Api, key: str) -> int:
    """Draw a screen and choose its first card under a key of one's own, as the desk does; returns the judgment."""
    screen = api.ok("POST", "/generations", {"text": "You are a stupid idiot"})
    body = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": screen["candidates"][0]["id"]}
    number: int = api.ok("POST", "/judgments", {**body, "client_key": key})["id"]
    return number


@pytest.mark.slow
def test_clicks_go_on_after_the_move_where_they_were(new_home: Callable[[], Path], postgres_url: str) -> None:
    home, key = new_home(), str(uuid.uuid4())

    def run(word: str) -> str:
        line = command(word).replace(ADDRESS, shlex.quote(postgres_url))
        with Program(line, environment(home)) as program:
            assert program.wait() == 0, program.tail()
            return program.tail()

    with Product(home, WEB_CONCURRENCY="1", **ADMIN) as small:
        small.wait_until_ready()
        screen = small.api.ok("POST", "/generations", {"text": "Your idea is garbage"})
        first = judge(small.api, key)
        exported = small.api.ok("GET", "/preferences?format=argilla")
        run("db upgrade")
        with pytest.raises(AssertionError, match="Mellow is running: stop it first"):
            run("copy-database")
        assert small.interrupt() == 0
    assert "it holds all" in run("copy-database")
    (home / "mellow.db").rename(home / "mellow.db.moved")
    with Product(home, WEB_CONCURRENCY="1", DATABASE_URL=postgres_url, **ADMIN) as medium:
        medium.wait_until_ready()
        assert medium.api.ok("GET", "/preferences?format=argilla") == exported
        again = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": screen["candidates"][1]["id"]}
        late = medium.api.ok("POST", "/judgments", again)["id"]
        newest = judge(medium.api, str(uuid.uuid4()))
        assert first < late < newest, "what a browser had kept is stored, and what is new comes after it"
    assert not (home / "mellow.db").exists()
    with psycopg.connect(postgres_url) as connection:
        kept = connection.execute("SELECT id, client_key FROM judgments ORDER BY id").fetchall()
    assert [number for number, _ in kept] == [first, late, newest]
    assert kept[0][1] == key


def judged(client: Client, screen: Any, card: int = 0) -> int:
    """Choose a card of a screen; returns the judgment."""
    chosen = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": screen["candidates"][card]["id"]}
    return int(client.call("POST", "/judgments", chosen)["id"])


@pytest.mark.slow
def test_two_machines_and_an_object_store_go_on_where_one_machine_and_a_folder_were(
    tmp_path: Path, postgres_url: str, queue_url: str, object_server: ObjectServer
) -> None:
    common = Common(postgres_url, queue_url, tmp_path)
    common.settings.update(ADMIN)

    def run(line: str) -> str:
        with Program(line, common.environment("medium")) as program:
            assert program.wait() == 0, program.tail()
            return program.tail()

    run(procfile("release"))
    with running(common, "medium") as (medium,):
        browser, admin = Client([medium.port]), Client([medium.port], ADMIN_TOKEN)
        form = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        assert browser.submit("/sign-in", "/sign-in", form).status == 302
        first = judged(admin, admin.call("POST", "/generations", {"text": "You are a stupid idiot"}))
        drawn = admin.call("POST", "/generations", {"text": "Your idea is garbage"})
        uploaded = admin.ask("POST", "/api/v1/datasets", PAIRS.encode(), Content_Type="text/tab-separated-values").json
        exported, versions = admin.call("GET", "/preferences?format=argilla"), admin.call("GET", "/versions")
    address = f"s3://{object_server.new_bucket()}/studio"
    common.settings.update(MELLOW_STORE=address, TRUSTED_PROXIES="1", **reached_at(object_server.port))
    said = run(command("copy-versions /mnt").replace(SHARED_FOLDER, shlex.quote(str(common.store.root))))
    assert f"Version 1 is at {address}/versions/000001.json." in said
    assert "1 uploads are there." in said
    shutil.rmtree(common.store.root)
    with (
        running(common, "one", "another") as machines,
        nginx(tmp_path, [machine.port for machine in machines]) as port,
    ):
        for client in (browser, admin):
            client.moved_to([port])
        assert [browser.ask("GET", "/annotate").status for _ in range(4)] == [200] * 4, "still signed in"
        assert admin.call("GET", "/preferences?format=argilla") == exported
        assert admin.call("GET", "/versions") == versions
        late = judged(admin, drawn, 1)
        newest = judged(admin, admin.call("POST", "/generations", {"text": "You are a stupid idiot"}))
        assert first < late < newest, "what a browser had kept is stored, and what is new comes after it"
        asked = {"method": "sft", "config": {"dataset": uploaded["sha256"]}}
        assert admin.call("POST", "/training-runs", asked)["status"] == "queued", "the uploaded pairs are there"
        left = {path.relative_to(machine.home).parts[0] for machine in machines for path in machine.home.rglob("*")}
        assert left <= {"cache"}
    with common.sessions() as session:
        assert list(session.scalars(select(Judgment.id).order_by(Judgment.id))) == [first, late, newest]
    common.sessions.kw["bind"].dispose()
