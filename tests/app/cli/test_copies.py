"""Backups and versions, copied and brought back from a terminal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session

from app import create_app
from app.services.people import accounts
from app.services.system import backups
from models.serving.hot_swap import ServingState
from models.store.copying import copy_versions
from models.store.opening import open_store
from models.store.store import CheckpointStore
from tests.app.cli.running import run
from tests.objects.server import ObjectServer
from tests.studio import dispose, parts


@pytest.mark.sqlite
def test_a_backup_can_be_made_and_brought_back(
    app: Flask, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.add_user(session, None, "ada@example.org", "a calm password", "admin")
    made = run(app, "backup")
    assert made.exit_code == 0, made.output
    path = Path(made.stdout.strip())
    assert path.parent == parts(app).settings.home / "backups"
    accounts.add_user(session, None, "grace@example.org", "a calm password", "admin")
    session.close()
    parts(app).sessions.kw["bind"].dispose()  # as if Mellow had been stopped
    dispose(app)
    parts(app).queue.report("web:1", ServingState(1, 1, None))
    refused = run(app, "restore", str(path))
    assert (refused.exit_code, refused.stderr) == (1, "Error: Mellow is running: stop it first.\n")
    with Redis.from_url(parts(app).settings.redis_url) as redis:
        redis.flushall()
    restored = run(app, "restore", str(path))
    assert restored.exit_code == 0, restored.output
    assert "The database is as it was at " in restored.stdout
    with closing(sqlite3.connect(parts(app).settings.home / "mellow.db")) as database:
        assert database.execute("SELECT email FROM users").fetchall() == [("ada@example.org",)]
    monkeypatch.setattr(backups, "MUCH_BYTES", 1)
    asked = run(app, "restore", str(path), said="n\n")
    assert asked.exit_code == 1
    assert f"{path} unpacks to 0.0 GB. Go on? [y/N]: n" in asked.output
    assert run(app, "restore", "--yes", str(path)).exit_code == 0
    wrong = tmp_path / "wrong.zip"
    wrong.write_text("x")
    assert run(app, "restore", str(wrong)).stderr == f"Error: {wrong} is not a backup of Mellow, or it is damaged.\n"


def test_versions_are_copied_from_another_store(app: Flask, published: CheckpointStore) -> None:
    copied = run(app, "copy-versions", str(published.root))
    assert copied.exit_code == 0, copied.output
    assert copied.stdout.splitlines() == [
        *(f"Version {number} is at {parts(app).store.place(number)}." for number in (1, 2)),
        "0 uploads are there.",
    ]
    assert parts(app).store.verify(2) == published.manifest(2)
    wrong = run(app, "copy-versions", "http://key@host/bucket")
    assert wrong.stderr.startswith("Error: SOURCE must be a folder, s3://bucket/prefix")
    assert run(app, "copy-versions", "/nowhere/at/all").exit_code == 1


def test_versions_are_copied_from_one_bucket_into_another(
    app: Flask, published: CheckpointStore, object_server: ObjectServer, address: str
) -> None:
    home = parts(app).settings.home
    elsewhere = open_store(replace(parts(app).settings, store=home / "elsewhere", store_address=address))
    list(copy_versions(published, elsewhere))
    target = f"s3://{object_server.new_bucket()}/studio"
    other = create_app(replace(parts(app).settings, store=home / "cache" / "versions", store_address=target))
    try:
        copied = run(other, "copy-versions", address)
        assert copied.exit_code == 0, copied.output
        assert parts(other).store.verify(2).sha256 == published.manifest(2).sha256
    finally:
        dispose(other)
    assert not list((home / "cache" / "copied").glob("0*"))
