"""What stands in the way of a start is one sentence and an exit code, before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.config import ConfigError
from app.launch import LaunchError, preflight
from app.launch.dotenv import read_dotenv
from app.runtime.embedded_queue import EmbeddedQueue
from tests.app.launch.launching import START, Launcher, free_port, write_procfile
from tests.objects.proxy import Fault, Proxy
from tests.objects.server import ObjectServer

pytestmark = pytest.mark.long

PASSWORD = "p4ssw0rd"


def refusal(folder: Path, environ: Mapping[str, str], start: str = START) -> tuple[int, str]:
    """Exit code and sentence of a launcher that must start nothing."""
    with Launcher(write_procfile(folder, release="echo something was started"), environ, start) as launcher:
        code, errors = launcher.finish()
        assert launcher.lines == []
        assert errors.count("\n") == 1
        return code, errors.rstrip("\n")


def test_a_bad_setting_is_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"SAMPLING_TOP_P": "much"}) == (2, "SAMPLING_TOP_P must be a number, not 'much'.")


def test_a_bad_number_of_web_processes_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"WEB_CONCURRENCY": "0"}) == (
        2,
        "WEB_CONCURRENCY must be a whole number of at least 1, not '0'.",
    )


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert refusal(tmp_path, {"PORT": str(port)}) == (
            1,
            f"Port {port} on 127.0.0.1 is taken: stop the program that uses it or choose another with PORT.",
        )


def test_a_port_that_someone_holds_on_every_address_is_taken() -> None:
    with socket.create_server(("", 0)) as server, pytest.raises(LaunchError, match="is taken"):
        preflight.check_port("127.0.0.1", server.getsockname()[1])


def test_the_port_of_a_server_that_has_just_stopped_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            # The server closed first, so its side of the connection now lingers.
            assert client.recv(1) == b""
    preflight.check_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    with pytest.raises(LaunchError, match=f"^HOST {host} "):
        preflight.check_port(host, free_port())


def test_a_queue_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    code, sentence = refusal(tmp_path, {"REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{port}/0"})
    assert code == 1
    assert sentence.startswith(f"The queue at redis://127.0.0.1:{port}/0 does not answer: ")
    assert PASSWORD not in sentence


def test_a_queue_address_that_its_password_splits_is_refused_without_the_password(tmp_path: Path) -> None:
    code, sentence = refusal(tmp_path, {"REDIS_URL": f"redis://:x@{PASSWORD}:{PASSWORD}/0"})
    assert code == 2
    assert sentence == "REDIS_URL cannot be read: escape what is special in its password, as %40 for @."


def test_a_queue_that_answers_is_used_and_no_other_is_started(tmp_path: Path) -> None:
    with EmbeddedQueue(tmp_path / "elsewhere") as queue:
        environ = {"REDIS_URL": queue.url}
        with Launcher(write_procfile(tmp_path, release='echo "queue: $REDIS_URL"'), environ) as launcher:
            assert launcher.wait_for("queue: ").endswith(f"queue: {queue.url}")
            launcher.wait_for("ready")
            assert "valkey-server" not in {process.name() for process in launcher.tree()}


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    code, sentence = refusal(tmp_path, {"DATABASE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/mellow"})
    assert code == 1
    assert sentence.startswith(f"The database at postgresql+psycopg://me:***@127.0.0.1:{port}/mellow does not answer: ")
    assert PASSWORD not in sentence


@pytest.mark.parametrize("url", [f"postgresql+psycopg://me:{PASSWORD}@host:{PASSWORD}/x", "sqlite://"])
def test_a_database_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^DATABASE_URL ") as refused:
        preflight.check_database(url)
    assert PASSWORD not in str(refused.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mellow.db").write_text("Dear diary, " * 1000)
    with pytest.raises(LaunchError, match="does not answer: file is not a database"):
        preflight.check_database(f"sqlite:///{tmp_path}/mellow.db")


@pytest.mark.parametrize(("first_start", "needed"), [(True, 500), (False, 50)])
def test_too_little_disk_is_told_in_megabytes(tmp_path: Path, first_start: bool, needed: int) -> None:
    preflight.check_disk(tmp_path, needed * 1_000_000, first_start)
    with pytest.raises(LaunchError, match=f"has {needed - 1} MB free and Mellow needs {needed} MB"):
        preflight.check_disk(tmp_path, needed * 1_000_000 - 1, first_start)


def test_a_full_disk_ends_the_start(tmp_path: Path) -> None:
    full = "import shutil; shutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**9, 10**9, 0); "
    code, sentence = refusal(tmp_path, {}, full + START)
    assert code == 1
    assert sentence.startswith(f"The disk is too full: {tmp_path}/home has 0 MB free")


def test_a_store_that_does_not_answer_is_named(address: str, reach: Callable[[int], None]) -> None:
    preflight.check_store(address)
    preflight.check_store(address)
    with pytest.raises(LaunchError, match=r"^The store s3://mellow-nowhere does not answer: .*404 Not Found\.$"):
        preflight.check_store("s3://mellow-nowhere")
    reach(free_port())
    with pytest.raises(LaunchError, match=rf"^The store {address} does not answer: HTTP error: .*\.$"):
        preflight.check_store(address)


def test_a_store_that_overwrites_what_it_must_leave_is_refused(
    object_server: ObjectServer, address: str, reach: Callable[[int], None]
) -> None:
    with Proxy(object_server.port, lambda _line: Fault.UNCONDITIONAL) as proxy:
        reach(proxy.port)
        with pytest.raises(LaunchError, match=rf"^The store {address} cannot be used: it overwrites objects"):
            preflight.check_store(address)


def test_a_procfile_without_a_worker_is_refused(tmp_path: Path) -> None:
    procfile = write_procfile(tmp_path)
    procfile.write_text("release: true\nweb: true\n")
    with Launcher(procfile, {}) as launcher:
        assert launcher.finish() == (1, f"{procfile} has no line that begins with worker:.\n")


def test_dotenv_adds_to_the_environment_and_never_overrides_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SAMPLING_TOP_K=7\nMAX_TEXT_LENGTH=8\n")
    release = 'echo "k $SAMPLING_TOP_K length $MAX_TEXT_LENGTH"'
    with Launcher(write_procfile(tmp_path, release=release), {"MAX_TEXT_LENGTH": "9"}) as launcher:
        assert launcher.wait_for("length").endswith("k 7 length 9")


def test_dotenv_keeps_what_is_quoted_and_drops_comments(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\n"
        "\n"
        "HOST = 127.0.0.1 # another\n"
        "export ADMIN_EMAIL=a@example.org\n"
        "ADMIN_PASSWORD='it is #1 \"here\"' # a third\n"
        "SECRET_KEY=a#b$c\\n\n"
        "REDIS_URL=\n"
        "DATABASE_URL=# not given\n"
    )
    assert read_dotenv(tmp_path / ".env") == {
        "HOST": "127.0.0.1",
        "ADMIN_EMAIL": "a@example.org",
        "ADMIN_PASSWORD": 'it is #1 "here"',
        "SECRET_KEY": "a#b$c\\n",
        "REDIS_URL": "",
        "DATABASE_URL": "",
    }


@pytest.mark.parametrize("line", ["PORT 8000", "8000", "MY-NAME=x", "SECRET_KEY='open", "SECRET_KEY='closed' early'"])
def test_a_line_of_dotenv_that_cannot_be_read_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"HOST=127.0.0.1\n{line}\n")
    code, sentence = refusal(tmp_path, {})
    assert code == 2
    assert sentence.startswith(f"{tmp_path}/.env line 2 ")
