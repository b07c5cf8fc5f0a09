"""What an operator does from a terminal."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pyotp
import pytest
from click import ClickException
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import FlaskGroup
from redis import Redis
from sqlalchemy.orm import Session

from app import cli, create_app
from app.db import ApiToken, Judgment, Prompt, Role, User
from app.services.desk import judgments
from app.services.people import accounts, api_tokens
from app.services.people.authentication import second_factor
from app.services.system import backups
from models.formats import read_rows
from models.serving.hot_swap import ServingState
from models.store.copying import copy_versions
from models.store.opening import open_store
from models.store.store import CheckpointStore
from tests import factories
from tests.objects.server import ObjectServer
from tests.studio import Person, dispose, new_settings, parts, rows


def run(app: Flask, *arguments: str, said: str = "") -> Result:
    with app.app_context():  # as the program `flask` has it
        return app.test_cli_runner().invoke(args=list(arguments), input=said)


@pytest.mark.long
def test_migrations_are_run_by_prepare_and_by_flask_db(tmp_path: Path, queue_url: str) -> None:
    home = tmp_path / "home"
    settings = new_settings(home, redis_url=queue_url)
    app = create_app(replace(settings, admin_email="ada@example.org", admin_password="a calm password"))
    assert run(app, "prepare").exit_code == 0
    with closing(sqlite3.connect(home / "mellow.db")) as database:
        assert database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        assert database.execute("SELECT email FROM users").fetchall() == [("ada@example.org",)]
    assert run(app, "db", "-x", "anything", "upgrade").exit_code == 0
    assert "No such command 'nonsense'" in run(app, "db", "nonsense").stderr
    dispose(app)


def test_create_user_adds_a_person_who_may_sign_in(app: Flask, session: Session) -> None:
    password = "a calm password"
    result = run(app, "create-user", "Ada@example.org", "--role", "admin", "--name", "Ada", said=f"{password}\n" * 2)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "ada@example.org may sign in as admin.")
    assert password not in result.output
    (user,) = rows(session, User)
    assert (user.email, user.role, user.name) == ("ada@example.org", "admin", "Ada")
    assert accounts.authenticate(session, "ada@example.org", password) is user


def test_someone_created_without_a_role_is_an_annotator(app: Flask, session: Session) -> None:
    run(app, "create-user", "ada@example.org", "--password", "a calm password")
    assert [user.role for user in rows(session, User)] == ["annotator"]


def test_set_password_takes_the_place_of_a_forgotten_one(app: Flask, session: Session) -> None:
    run(app, "create-user", "ada@example.org", "--password", "a calm password")
    again = run(app, "create-user", "Ada@example.org", "--password", "a calm password")
    assert (again.exit_code, again.stderr) == (
        1,
        "Error: There is an account with that email already."
        " To set its password: flask --app app set-password ada@example.org"
        " or, without knowing it, make a reset link on the person's page.\n",
    )
    password = "nine quiet otters"
    result = run(app, "set-password", "Ada@example.org", said=f"{password}\n" * 2)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        0,
        "ada@example.org has a new password and is signed out everywhere.",
    )
    assert password not in result.output
    assert accounts.authenticate(session, "ada@example.org", password) is not None
    unknown = run(app, "set-password", "bob@example.org", "--password", password)
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: There is no account with the email bob@example.org.\n")


def test_remove_second_factor_lets_somebody_in_who_lost_it(app: Flask, session: Session, annotator: Person) -> None:
    second_factor.draw(session, annotator.id, "key")
    secret = second_factor.drawn(session, annotator.id, "key") or ""
    second_factor.enable(session, annotator.id, "key", pyotp.TOTP(secret).now())
    said = run(app, "remove-second-factor", annotator.email.upper())
    assert (said.exit_code, said.stdout) == (
        0,
        f"{annotator.email} signs in without a second factor from now on.\n",
    )
    assert not second_factor.enabled(session, annotator.id)
    again = run(app, "remove-second-factor", annotator.email)
    assert (again.exit_code, again.stderr) == (1, f"Error: {annotator.email} has no second factor.\n")
    unknown = run(app, "remove-second-factor", "bob@example.org")
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: There is no account with the email bob@example.org.\n")


def test_delete_person_deletes_somebody_or_all_but_their_judgments(app: Flask, session: Session) -> None:
    for email, options in (("ada@example.org", ()), ("bob@example.org", ("--keep-judgments",))):
        person = factories.user(session, email=email)
        factories.judgment(session, factories.generation(session, person.id))
        result = run(app, "delete-person", email.title(), *options)
        assert result.exit_code == 0, result.output
        said = f"{email.title()} is deleted. What stays is called {rows(session, User)[-1].name}.\n"
        assert result.stdout == said
    assert [judgment.id for judgment in rows(session, Judgment)] == [2]
    unknown = run(app, "delete-person", "ada@example.org")
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: There is no account ada@example.org.\n")


def test_delete_person_deletes_somebody_whom_an_imported_file_names(app: Flask, session: Session) -> None:
    screen = factories.generation(session, factories.user(session).id)
    factories.judgment(session, screen, imported=True, annotator="Ada")
    result = run(app, "delete-person", "Ada", "--imported")
    assert (result.exit_code, result.stdout) == (0, "Ada is deleted.\n")
    assert rows(session, Judgment) == []


def test_delete_person_spares_the_last_admin(app: Flask, session: Session) -> None:
    factories.user(session, email="ada@example.org", role=Role.ADMIN)
    result = run(app, "delete-person", "ada@example.org")
    assert (result.exit_code, "at least one admin" in result.stderr) == (1, True)


def test_a_refusal_is_one_sentence_and_an_exit_code(app: Flask, session: Session) -> None:
    result = run(app, "create-user", "ada@example.org", "--password", "short")
    assert (result.exit_code, result.stderr) == (1, "Error: The password needs at least 8 characters.\n")
    assert rows(session, User) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prompts.json", '["one", "two", 3]'),
        ("PROMPTS.JSONL", '"one"\n"two"\n3\n'),
        ("prompts.ndjson", '"one"\n"two"\n3\n'),
        ("prompts.csv", 'text\none\n"two"\nthree,3\n'),
        ("prompts.tsv", "text\none\ntwo\nthree\t3\n"),
        ("prompts.csv", 'text,priority\none,\ntwo,\n"three,3\n'),
        ("prompts.txt", f"one\ntwo\n{'x' * 2**20}x\n"),
        ("prompts.jsonl.gz", '"one"\n"two"\n3\n'),
    ],
)
def test_import_prompts_reads_a_file_by_its_ending_and_tells_what_was_not_usable(
    app: Flask, session: Session, tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    result = run(app, "import-prompts", str(path))
    assert (result.exit_code, result.stdout) == (0, "2 queued, 0 known already, 1 not usable.\n")
    assert result.stderr.startswith("  line ")
    assert [(row.text, row.queued, row.source) for row in rows(session, Prompt)] == [
        ("one", True, name),
        ("two", True, name),
    ]


def test_import_prompts_says_how_many_wait_and_how_many_are_checks(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("text,gold\none,\ntwo,right\none,\n", encoding="utf-8")
    result = run(app, "import-prompts", str(path))
    said = "1 queued, 1 as attention checks, 1 known already, 0 not usable.\n"
    assert (result.exit_code, result.stdout) == (0, said)


def test_import_prompts_takes_nothing_from_a_file_that_is_no_text(app: Flask, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "prompts.xlsx"
    path.write_bytes(b"PK\xff\xd8\n")
    result = run(app, "import-prompts", str(path))
    assert (result.exit_code, result.stdout) == (1, "0 queued, 0 known already, 1 not usable.\n")
    sentence = "The row is not UTF-8 text (it holds the byte 0xff): save the file as UTF-8."
    assert result.stderr == f"  line 1: {sentence}\n"
    assert rows(session, Prompt) == []
    path.write_bytes(b"%PDF-1.7 and more")
    sentence = "The file is a PDF document: save its rows as CSV, JSON Lines, XLSX or Parquet."
    assert run(app, "import-prompts", str(path)).stderr == f"Error: {sentence}\n"


def test_import_prompts_does_not_guess_which_column_has_the_texts(app: Flask, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("id,body\n1,hello there\n", encoding="utf-8")
    result = run(app, "import-prompts", str(path))
    said = "Call the column of the texts `text`, or map it on the Data page: the columns are id, body."
    assert (result.exit_code, result.stderr) == (1, f"Error: {said}\n")
    assert rows(session, Prompt) == []


def test_export_writes_what_stands_as_json_lines(app: Flask, session: Session, annotator: Person) -> None:
    prompt = factories.prompt(session, "you are ein Idiot ü")
    stands = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt))
    undone = factories.judgment(session, factories.generation(session, annotator.id))
    judgments.undo(session, annotator.id, undone.id)
    result = run(app, "export", "--format", "seed")
    assert result.exit_code == 0
    said = {"judgment": stands.client_key, "verdict": "chosen"}
    expected = {"toxic": "you are ein Idiot ü", "chosen": "a", "rejected": ["b"], **said}
    assert [json.loads(line) for line in result.stdout.splitlines()] == [expected]
    assert set(json.loads(run(app, "export").stdout)) == {"prompt", "chosen", "rejected", *said}
    assert run(app, "export", "--format", "parquet").exit_code == 2


def test_export_writes_parquet_and_pseudonyms_when_asked(app: Flask, session: Session, annotator: Person) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    written = run(app, "export", "--format", "judgments-parquet", "--pseudonyms").stdout_bytes
    (row,) = pq.read_table(io.BytesIO(written)).to_pylist()
    assert row["person"].startswith("person-")


def test_export_masks_and_leaves_out_when_a_file_for_the_manifest_is_named(
    app: Flask, session: Session, annotator: Person, tmp_path: Path
) -> None:
    prompt = factories.prompt(session, "ask ada@example.org")
    judgment = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt))
    refused = run(app, "export", "--personal", "mask")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Name a file for what is masked and left out: --manifest FILE." in refused.stderr
    for choice, prompts, left in (("mask", ["ask [email]"], []), ("leave-out", [], [judgment.id])):
        place = tmp_path / f"{choice}.json"
        made = run(app, "export", "--personal", choice, "--manifest", str(place))
        assert [json.loads(line)["prompt"] for line in made.stdout.splitlines()] == prompts
        said = json.loads(place.read_text(encoding="utf-8"))
        assert said["sha256"] == hashlib.sha256(made.stdout_bytes).hexdigest()
        assert said["left_out"]["personal"] == left
    assert "File exists" in run(app, "export", "--manifest", str(place)).stderr
    path = tmp_path / "pairs.zip"
    assert run(app, "export-dataset", str(path), "--personal", "mask").exit_code == 0
    assert [row["prompt"] for row in read_rows(path).rows] == ["ask [email]"]


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


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MAX_TEXT_LENGTH", "-1", "MAX_TEXT_LENGTH must be"),
        ("SAMPLING_TEMPERATURE", "hot", "SAMPLING_TEMPERATURE must be"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL"),
        ("REDIS_URL", "foo", "REDIS_URL"),
        ("MELLOW_HOME", "/proc/x", "MELLOW_HOME /proc/x cannot be created"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv("MELLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(name, value)
    group = FlaskGroup(create_app=create_app, add_version_option=False)
    result = CliRunner().invoke(group, ["export"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.output
    assert result.stderr.startswith(f"Error: {sentence}")


def test_an_export_to_a_full_disk_is_one_sentence(
    app: Flask, session: Session, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    with app.app_context(), suppress(OSError), Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", full)
        with pytest.raises(ClickException) as refusal:
            cli.export.callback("trl", False, "keep", "keep", None)  # type: ignore[misc]  # the function of a command
    assert refusal.value.message == "No space left on device."


def test_ensure_admin_makes_the_account_that_the_environment_names(app: Flask, session: Session) -> None:
    named = replace(
        parts(app).settings,
        admin_email="ada@example.org",
        admin_password="a calm password",
        api_token="a token of sixteen or more",
    )
    other = create_app(named)
    try:
        for _ in range(2):
            assert run(other, "ensure-admin").exit_code == 0
    finally:
        dispose(other)
    (user,) = rows(session, User)
    assert (user.email, user.role) == ("ada@example.org", "admin")
    assert Person(app, user.id, user.email, "a token of sixteen or more").call("GET", "/versions").status_code == 200
    assert not named.setup_token_path.exists()


def test_a_start_on_the_queue_of_another_studio_that_runs_is_refused(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = parts(app).queue
    with Redis.from_url(parts(app).settings.redis_url) as redis:
        redis.set("mellow:studio", "another", ex=50)
    monkeypatch.setattr("app.cli.click.echo", lambda _waits, err: queue.claim("another"))
    refused = run(app, "ensure-admin")
    assert refused.exit_code == 1
    assert "Error: Another studio that runs uses this queue: give each its own QUEUE_PREFIX" in refused.stderr


def test_a_token_of_the_environment_that_was_revoked_is_told_of(app: Flask, session: Session) -> None:
    named = replace(
        parts(app).settings,
        admin_email="ada@example.org",
        admin_password="a calm password",
        api_token="a token of sixteen",
    )
    other = create_app(named)
    try:
        assert run(other, "ensure-admin").stderr == ""
        (token,) = rows(session, ApiToken)
        api_tokens.revoke(session, token.user_id, token.user_id, token.id)
        again = run(other, "ensure-admin")
    finally:
        dispose(other)
    told = "MELLOW_API_TOKEN holds a token that was revoked: set another value.\n"
    assert (again.exit_code, again.stderr) == (0, told)


def test_without_such_an_account_ensure_admin_leaves_the_token_of_the_setup_page(app: Flask) -> None:
    path = parts(app).settings.setup_token_path
    assert run(app, "ensure-admin").exit_code == 0
    token = path.read_text()
    assert len(token) == 64
    run(app, "ensure-admin")
    assert path.read_text() == token


def test_import_prompts_keeps_the_other_columns_but_those_left_out(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,language,page\none,de,7\n")
    result = run(app, "import-prompts", str(path), "--leave-out", "page")
    assert result.stdout == "1 queued, 0 known already, 0 not usable.\nKept with them: language.\n"
    assert [row.metadata_ for row in rows(session, Prompt)] == [{"language": "de"}]
    refused = run(app, "import-prompts", str(path), "--leave-out", "pages")
    assert refused.stderr == "Error: There is no column pages beside the texts: there are language, page.\n"


def test_import_prompts_reads_a_folder_in_the_layout_of_the_hub(app: Flask, session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (folder / "data" / "train.jsonl").write_text('{"text": "one"}\n')
    assert run(app, "import-prompts", str(folder)).stdout == "1 queued, 0 known already, 0 not usable.\n"
    (folder / "data" / "test.jsonl").write_text('{"text": "two"}\n')
    sentence = "The folder holds 2 files instead of one: data/test.jsonl, data/train.jsonl."
    assert run(app, "import-prompts", str(folder)).stderr == f"Error: {sentence}\n"


def test_export_dataset_writes_a_new_zip_that_can_be_imported(app: Flask, session: Session, tmp_path: Path) -> None:
    person = factories.user(session)
    factories.judgment(session, factories.generation(session, person.id, ["a", "b"]))
    path = tmp_path / "pairs.zip"
    assert run(app, "export-dataset", str(path)).exit_code == 0
    assert [row["chosen"] for row in read_rows(path).rows] == ["a"]
    again = run(app, "export-dataset", str(path))
    assert (again.exit_code, "File exists" in again.stderr) == (1, True)
