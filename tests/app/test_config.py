"""Settings: read once, each documented, and a bad one told in a sentence that names it."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from app.config import (
    PROJECT_ROOT,
    SETTING_NAMES,
    ConfigError,
    Settings,
    embedded_socket,
    machine_environ,
    studios_home,
)

ADMIN = {"ADMIN_EMAIL": "a@example.org", "ADMIN_PASSWORD": "a long password"}
OIDC = {
    "OIDC_ISSUER": "https://id.example.org/",
    "OIDC_CLIENT_ID": "mellow",
    "OIDC_CLIENT_SECRET": "secret",
    "OIDC_DOMAINS": "Example.org, @example.com",
}
STORE = (
    "MELLOW_STORE must be a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix; "
    "credentials belong into the variables of the cloud's own tools."
)


def settings(home: Path, **environ: str) -> Settings:
    return Settings.from_env({"MELLOW_HOME": str(home), **environ})


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PORT": "eighty"}, "PORT must be a whole number, not 'eighty'."),
        ({"PORT": "0"}, "PORT must be between 1 and 65535, not 0."),
        ({"PORT": "65536"}, "PORT must be between 1 and 65535, not 65536."),
        ({"DATABASE_URL": "mysql://host/db"}, "DATABASE_URL must begin with sqlite:// or postgresql://, not 'mysql'."),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must begin with redis://, rediss:// or unix://."),
        (
            {"QUEUE_PREFIX": "Two words"},
            "QUEUE_PREFIX must be at most 30 small letters, digits and hyphens, such as research.",
        ),
        (
            {"CHAT_SERVER": "https://key@example.org", "CHAT_SERVER_MODEL": "m"},
            "CHAT_SERVER must be a base address such as https://api.example.org/v1, without credentials.",
        ),
        (
            {"CHAT_SERVER": "http://example.org/v1", "CHAT_SERVER_MODEL": "m", "CHAT_SERVER_KEY": "secret"},
            "CHAT_SERVER must begin with https://, or CHAT_SERVER_KEY could be read on its way.",
        ),
        (
            {"CHAT_SERVER": "http://localhost:1/v1"},
            "CHAT_SERVER needs CHAT_SERVER_MODEL, the name of the model to ask for.",
        ),
        (
            {"CHAT_MODEL": "/nowhere"},
            "CHAT_MODEL names /nowhere, which is no folder of a model: it has no config.json.",
        ),
        ({"WORKER_SHARE": "0"}, "WORKER_SHARE must be between 1 and 100, not 0."),
        (
            {"ADMIN_EMAIL": "a@example.org"},
            "ADMIN_EMAIL and ADMIN_PASSWORD belong together: set both or neither.",
        ),
        ({"ADMIN_PASSWORD": "secret"}, "ADMIN_EMAIL and ADMIN_PASSWORD belong together: set both or neither."),
        (
            {"MELLOW_API_TOKEN": "0123456789abcdef"},
            "MELLOW_API_TOKEN names no one: set ADMIN_EMAIL and ADMIN_PASSWORD with it.",
        ),
        ({**ADMIN, "MELLOW_API_TOKEN": "short"}, "MELLOW_API_TOKEN is too short: use at least 16 characters."),
        ({"SAMPLING_TEMPERATURE": "warm"}, "SAMPLING_TEMPERATURE must be a number, not 'warm'."),
        ({"SAMPLING_TEMPERATURE": "0"}, "SAMPLING_TEMPERATURE must be between 0.01 and 5.0, not 0.0."),
        ({"SAMPLING_TEMPERATURE": "nan"}, "SAMPLING_TEMPERATURE must be between 0.01 and 5.0, not nan."),
        ({"SAMPLING_TOP_P": "1.5"}, "SAMPLING_TOP_P must be between 0.01 and 1.0, not 1.5."),
        ({"SAMPLING_TOP_K": "-1"}, "SAMPLING_TOP_K must be between 0 and 1000000, not -1."),
        ({"MAX_TEXT_LENGTH": "1.5"}, "MAX_TEXT_LENGTH must be a whole number, not '1.5'."),
        ({"MAX_TEXT_LENGTH": "20001"}, "MAX_TEXT_LENGTH must be between 1 and 20000, not 20001."),
        (
            {"SERVING_COMPUTE_TYPE": "int4"},
            "SERVING_COMPUTE_TYPE must be one of float32, int8, int8_float32, bfloat16, float16, auto, not 'int4'.",
        ),
        ({"SERVING_THREADS": "many"}, "SERVING_THREADS must be a whole number, not 'many'."),
        (
            {"OIDC_ISSUER": "https://id.example.org", "OIDC_CLIENT_ID": "mellow", "OIDC_CLIENT_SECRET": "s"},
            "OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_DOMAINS belong together: set all or none.",
        ),
        (
            {**OIDC, "OIDC_ISSUER": "http://id.example.org"},
            "OIDC_ISSUER must be an address of at most 255 characters that begins with https:// "
            "(http:// is for this machine alone).",
        ),
        ({"MELLOW_STORE": "http://key:secret@host/bucket"}, STORE),
        ({"MELLOW_STORE": "s3://"}, STORE),
        ({"MELLOW_STORE": "s3://key:secret@bucket/prefix"}, STORE),
        ({"MELLOW_STORE_CACHE_GB": "0"}, "MELLOW_STORE_CACHE_GB must be between 1 and 100000, not 0."),
        ({"TRUSTED_PROXIES": "11"}, "TRUSTED_PROXIES must be between 0 and 10, not 11."),
        ({"SESSION_IDLE_HOURS": "0"}, "SESSION_IDLE_HOURS must be between 1 and 8760, not 0."),
        ({"SESSION_MAX_DAYS": "366"}, "SESSION_MAX_DAYS must be between 1 and 365, not 366."),
        (
            {"ALLOWED_HOSTS": "example.org, https://example.org"},
            "ALLOWED_HOSTS must be names or addresses without scheme and port, not 'https://example.org'.",
        ),
        (
            {"ALLOWED_HOSTS": "example.org:8000"},
            "ALLOWED_HOSTS must be names or addresses without scheme and port, not 'example.org:8000'.",
        ),
        ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN is too short: use at least 16 characters."),
        (
            {"WEBHOOK_NETWORKS": "10.0.0.0/8,10.0.0.1/8"},
            "WEBHOOK_NETWORKS must be networks such as 10.0.0.0/8, not '10.0.0.1/8'.",
        ),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_its_variable(
    tmp_path: Path, environ: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, **environ)
    assert str(refused.value) == sentence


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^MELLOW_HOME .*/file/home cannot be created: Not a directory\.$"):
        settings(tmp_path / "file" / "home")


def test_a_bad_redis_url_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, REDIS_URL="http://:hidden@host")
    assert "hidden" not in str(refused.value)


def test_without_variables_everything_lies_under_home(tmp_path: Path) -> None:
    made = settings(tmp_path / "home")
    assert made.database_url == f"sqlite:///{tmp_path}/home/mellow.db"
    assert made.redis_url == f"unix://{embedded_socket(tmp_path / 'home')}"
    assert (made.embedded_queue, made.own_queue) == (True, True)
    assert made.store == tmp_path / "home" / "versions"
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


@pytest.mark.parametrize("address", ["s3://bucket", "gs://bucket/some/prefix", "az://container/prefix/"])
def test_an_object_store_has_an_address_and_a_cache_under_home(tmp_path: Path, address: str) -> None:
    made = settings(tmp_path, MELLOW_STORE=address, MELLOW_STORE_CACHE_GB="3")
    assert made.store_address == address.rstrip("/")
    assert made.store == tmp_path / "cache" / "versions"
    assert made.store_cache_bytes == 3 * 1024**3
    assert settings(tmp_path, MELLOW_STORE=str(tmp_path / "versions")).store_address == ""


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_through_psycopg(tmp_path: Path, scheme: str) -> None:
    assert settings(tmp_path, DATABASE_URL=f"{scheme}://me@host/db").database_url == "postgresql+psycopg://me@host/db"


def test_a_given_queue_is_used_instead_of_the_embedded_one(tmp_path: Path) -> None:
    made = settings(tmp_path, REDIS_URL="redis://host:6379/0")
    assert (made.redis_url, made.embedded_queue, made.own_queue) == ("redis://host:6379/0", False, False)


def test_a_program_that_the_launcher_starts_knows_the_embedded_queue(tmp_path: Path) -> None:
    assert settings(tmp_path, REDIS_URL=settings(tmp_path).redis_url).own_queue
    assert not settings(tmp_path, REDIS_URL=settings(tmp_path / "another").redis_url).own_queue


@pytest.mark.parametrize("name", ["a home", "50%25", "what?", "number#1"])
def test_the_url_of_the_embedded_queue_leads_to_its_socket(tmp_path: Path, name: str) -> None:
    with redis.Redis.from_url(settings(tmp_path / name).redis_url) as client:
        assert client.connection_pool.connection_kwargs["path"] == str(embedded_socket(tmp_path / name))


def test_lists_are_separated_by_commas(tmp_path: Path) -> None:
    made = settings(tmp_path, ALLOWED_HOSTS="Example.org, [::1],", WEBHOOK_NETWORKS="10.0.0.0/8, fd00::/8, 192.0.2.1")
    assert made.allowed_hosts == ("example.org", "::1")
    assert list(map(str, made.webhook_networks)) == ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]
    assert (settings(tmp_path).allowed_hosts, settings(tmp_path).webhook_networks) == ((), ())


def test_an_organisation_is_known_by_its_issuer_and_domains(tmp_path: Path) -> None:
    assert settings(tmp_path).organisation is None
    made = settings(tmp_path, **OIDC, OIDC_ADMIN_GROUPS="mellow admins,staff").organisation
    assert made is not None
    assert (made.issuer, made.domains) == ("https://id.example.org", ("example.org", "example.com"))
    assert (made.name, made.groups_claim, made.admin_groups) == (
        "your organisation",
        "groups",
        ("mellow admins", "staff"),
    )
    assert settings(tmp_path, **OIDC | {"OIDC_ISSUER": "http://localhost:9400"}).organisation is not None


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings(tmp_path).port = 1  # type: ignore[misc]


def test_the_secret_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    first = settings(tmp_path).secret_key
    assert settings(tmp_path).secret_key == first
    assert len(first) == 64
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
    assert settings(tmp_path, SECRET_KEY="mine" * 8).secret_key == "mine" * 8


def test_parallel_starts_agree_on_one_secret_key(tmp_path: Path) -> None:
    # config.py is loaded by itself, so that the processes meet at the key and not while they import the application.
    program = (
        "import runpy, sys; config = runpy.run_path(sys.argv[1]); "
        "print('imported', flush=True); sys.stdin.readline(); "
        "print(config['Settings'].from_env({'MELLOW_HOME': sys.argv[2]}).secret_key)"
    )
    config = PROJECT_ROOT / "app" / "config.py"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", program, config, tmp_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for start in starts:
        assert start.stdout is not None
        assert start.stdout.readline() == "imported\n"
    for start in starts:
        assert start.stdin is not None
        start.stdin.write("\n")
        start.stdin.flush()
    keys = {start.communicate()[0].strip() for start in starts}
    assert keys == {(tmp_path / "secret-key").read_text()}
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]


def test_a_damaged_secret_key_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("short")
    with pytest.raises(ConfigError, match=r"secret-key is damaged: delete it"):
        settings(tmp_path)


def test_the_embedded_socket_always_fits_into_a_socket_address(tmp_path: Path) -> None:
    long = embedded_socket(tmp_path / ("x" * 200))
    assert len(os.fsencode(long)) <= 100
    assert long != embedded_socket(tmp_path / ("y" * 200))
    assert embedded_socket(Path("/srv/mellow")) == Path("/srv/mellow/queue/valkey.sock")


def test_every_setting_is_read_and_no_other(tmp_path: Path) -> None:
    asked: list[str] = []

    class Recorder(dict[str, str]):
        def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
            asked.append(name)
            return super().get(name, default)

    Settings.from_env(Recorder(MELLOW_HOME=str(tmp_path)))
    assert set(asked) == set(SETTING_NAMES)


@pytest.mark.parametrize("name", [*SETTING_NAMES, "WEB_CONCURRENCY"])
def test_every_setting_is_documented(name: str) -> None:
    assert f"\n#{name}=" in (PROJECT_ROOT / ".env.example").read_text()
    assert f"`{name}`" in (PROJECT_ROOT / "README.md").read_text()
    assert f"`{name}`" in (PROJECT_ROOT / "docs" / "settings.md").read_text()


def test_the_defaults_in_env_example_are_the_defaults(tmp_path: Path) -> None:
    lines = (PROJECT_ROOT / ".env.example").read_text().splitlines()
    shown = dict(line.removeprefix("#").split("=", 1) for line in lines if "=" in line and not line.startswith("# "))
    assert set(shown) == {*SETTING_NAMES, "WEB_CONCURRENCY"}
    shown["MELLOW_HOME"] = str(tmp_path)
    assert Settings.from_env(shown) == settings(tmp_path)


def test_a_short_secret_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^SECRET_KEY must have at least 32 characters\.$"):
        settings(tmp_path, SECRET_KEY="k" * 31)


def test_what_is_of_the_machine_holds_no_setting_and_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SETTING_NAMES, "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "PGPASSWORD", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "1")
    kept = machine_environ()
    assert not {*SETTING_NAMES, "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "PGPASSWORD"} & set(kept)
    assert kept["PATH"] == os.environ["PATH"]
    assert kept["CUDA_VISIBLE_DEVICES"] == "1"


@pytest.mark.parametrize(("home", "folder"), [("/srv/mellow", "/srv/mellow/studios"), ("", "instance/studios")])
def test_a_shared_worker_keeps_its_studios_in_its_own_home(
    monkeypatch: pytest.MonkeyPatch, home: str, folder: str
) -> None:
    monkeypatch.setenv("MELLOW_HOME", home)
    assert studios_home() == Path(folder)
