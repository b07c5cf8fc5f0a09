"""What the web side must never do, whoever changes it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest
from flask import Flask

from app.config import PROJECT_ROOT
from tests.studio import Person, parts

TRAINING_ONLY = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")
MIGRATION_ONLY = ("alembic", "flask_migrate")
SIGN_IN_ONLY = ("authlib", "requests", "cryptography.fernet", "pyotp", "segno")
SELDOM_NEEDED = ("obstore", "psycopg", "rq", "pandas", "pyarrow", "openpyxl", "markdown_it", "nh3", "fontTools")
NOT_LOADED = TRAINING_ONLY + MIGRATION_ONLY + SIGN_IN_ONLY + SELDOM_NEEDED

GENERATE_AND_LOOK = f"""
import sys
from app import create_app
from app.assembly import ensure_serving_started
app = create_app()
ensure_serving_started(app)
headers = {{"Authorization": f"Bearer {{sys.argv[1]}}"}}
answer = app.test_client().post("/api/v1/generations", json={{"text": "you are stupid"}}, headers=headers)
assert answer.status_code == 201, answer.text
assert len(answer.json["candidates"]) == 3, answer.text
print(sorted(name for name in {NOT_LOADED} if name in sys.modules), "ctranslate2" in sys.modules)
"""


@pytest.mark.sqlite
def test_a_web_process_generates_without_ever_loading_what_is_for_training_or_seldom_needed(
    app: Flask, version_1: int, annotator: Person, queue_url: str
) -> None:
    seen = subprocess.run(
        [sys.executable, "-c", GENERATE_AND_LOOK, annotator.token],
        cwd=PROJECT_ROOT,
        env={
            "PATH": os.environ["PATH"],
            "MELLOW_HOME": str(parts(app).settings.home),
            "REDIS_URL": queue_url,
            "OMP_WAIT_POLICY": "PASSIVE",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (seen.returncode, seen.stdout) == (0, "[] True\n"), seen.stderr


LAUNCH_AND_LOOK = """
import sys
import app.launch.launcher
print([name for name in ("flask", "sqlalchemy.orm", "numpy", "app.db", "models.serving") if name in sys.modules])
"""


def test_the_launcher_starts_without_the_application() -> None:
    seen = subprocess.run(
        [sys.executable, "-c", LAUNCH_AND_LOOK], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert seen.stdout == "[]\n"


def reads_the_environment(source: str) -> bool:
    """Whether a module uses os.environ or os.getenv in any spelling; a request brings an environ of its own."""
    names = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in names and not _is_request(node.value):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names}:
            return True
    return False


def _is_request(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id == "request"


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("import os\nos.environ['HOST']", True),
        ("import os as system\nsystem.getenv('HOST')", True),
        ("from os import environ", True),
        ("request.environ['gunicorn.socket']", False),
        ("def check(environ: dict) -> str:\n    return environ['HOST']", False),
    ],
)
def test_the_test_below_can_tell(source: str, reads: bool) -> None:
    assert reads_the_environment(source) is reads


def test_only_the_settings_and_the_launcher_read_the_environment() -> None:
    files = sorted((PROJECT_ROOT / "app").rglob("*.py"))
    assert len(files) > 40
    readers = {str(path.relative_to(PROJECT_ROOT)) for path in files if reads_the_environment(path.read_text())}
    assert readers == {"app/config.py", "app/launch/launcher.py"}


def test_services_know_no_request_and_no_template() -> None:
    for path in (PROJECT_ROOT / "app" / "services").rglob("*.py"):
        imported = {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        }
        assert not {name for name in imported if name.split(".")[0] in ("flask", "werkzeug", "redis", "rq")}, path
