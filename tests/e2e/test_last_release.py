"""The last release goes on serving while its database is migrated to the present schema: expand first, contract later.

A release is put into service machine by machine, after its migrations. Until the last machine has it, the code before
reads and writes the new tables, beside the new code.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import func, select

from app.config import PROJECT_ROOT
from app.db import Judgment, Preference, Role, SignInSession
from app.runtime.embedded_queue import EmbeddedQueue
from models.store.store import CheckpointStore
from tests import factories
from tests.e2e.machines import Client, Common, Machine
from tests.postgres import new_database

LAST_RELEASE = "75611fb70aabdfa593d8d89475bdbec0ac6bf981"
"""The commit of the last release; before the first one, that of a Mellow whose schema was changed since."""
ITS_SCHEMA = "f5c2b81d9e36"
"""The last of its migrations."""
SERVED = ("app", "models", "templates", "static", "docs", "README.md", "gunicorn.conf.py")
CONTRACTING = {"drop_column", "drop_table", "rename_table"}
"""What the code of the release before might miss."""


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def old_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the last release that serve the web."""
    try:
        archive = git("archive", LAST_RELEASE, *SERVED)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("The code of the last release is in the history of git alone, which is not here, or is shallow.")
    folder = tmp_path_factory.mktemp("last-release")
    subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
    return folder


@pytest.fixture
def common(
    tmp_path: Path,
    postgres_server: str,
    migrated_postgres: str,
    queue_server: EmbeddedQueue,
    published: CheckpointStore,
) -> Iterator[Common]:
    """A database with the present schema, and what else the machines share."""
    with new_database(postgres_server, "two_releases", migrated_postgres) as url:
        common = Common(url, queue_server.url, tmp_path)
        common.fill(published)
        yield common
        common.sessions.kw["bind"].dispose()


@pytest.mark.long
def test_the_last_release_serves_on_the_new_schema_beside_the_new_one(common: Common, old_tree: Path) -> None:
    with common.sessions() as session:
        email = factories.user(session, role=Role.ADMIN).email
    with ExitStack() as stack:
        machines = [Machine(common, "old", old_tree), Machine(common, "new")]
        for machine in machines:
            stack.push(machine)
        for machine in machines:
            machine.wait_until_ready()
        for order in (machines, machines[::-1]):
            go_through(Client([machine.port for machine in order]), email)
    with common.sessions() as session:
        assert session.scalar(select(func.count(Judgment.id)).where(Judgment.undone_at.is_(None))) == 2
        assert session.scalar(select(func.count(Preference.id))) == 8
        assert session.scalar(select(func.count(SignInSession.id)).where(SignInSession.ended_at.is_(None))) == 0


def go_through(browser: Client, email: str) -> None:
    """Sign in, draw, judge, undo, judge, look, export, sign out: each request to the other release than the last."""
    signed_in = browser.submit("/sign-in", "/sign-in", {"email": email, "password": factories.PASSWORD})
    assert signed_in.status == 302, signed_in.text
    for undone in (True, False):
        token = browser.csrf_token("/annotate")
        screen = browser.call("POST", "/generations", {"text": "You are a stupid idiot"}, X_CSRFToken=token)
        chosen = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": screen["candidates"][0]["id"]}
        judgment = browser.call("POST", "/judgments", chosen, X_CSRFToken=token)["id"]
        if undone:
            assert browser.call("DELETE", f"/judgments/{judgment}", X_CSRFToken=token) is None
    pages = ("/work", "/admin", "/admin/runs", "/admin/data", "/admin/people", "/admin/versions", "/admin/system")
    assert {page: browser.ask("GET", page).status for page in pages for _ in range(2)} == dict.fromkeys(pages, 200)
    first, second = (browser.ask("GET", "/api/v1/preferences?format=trl") for _ in range(2))
    assert (first.status, first.text) == (second.status, second.text)
    assert first.text.count("\n") >= 2
    assert browser.submit("/annotate", "/sign-out", {}).status == 302


def newer_migrations() -> list[Path]:
    """The migrations since the last release."""
    script = ScriptDirectory(str(PROJECT_ROOT / "migrations"))
    return [Path(one.path) for one in script.iterate_revisions("head", ITS_SCHEMA)]


@pytest.mark.parametrize("path", newer_migrations(), ids=lambda path: path.stem)
def test_migrations_since_the_last_release_take_nothing_from_its_code(path: Path) -> None:
    (upgrade,) = (
        one
        for one in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(one, ast.FunctionDef) and one.name == "upgrade"
    )
    called = [one for one in ast.walk(upgrade) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    assert not [one.func.attr for one in called if isinstance(one.func, ast.Attribute) and one.func.attr in CONTRACTING]
    for call in called:
        assert "new_column_name" not in {keyword.arg for keyword in call.keywords}, "a renamed column is two releases"
        if isinstance(call.func, ast.Attribute) and call.func.attr == "Column":
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            new_table = path.read_text(encoding="utf-8").count("create_table")
            assert new_table or given.get("nullable") == "True" or "server_default" in given, ast.unparse(call)
