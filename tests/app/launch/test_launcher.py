"""The launcher from its start to the end of its last process."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from app.config import embedded_socket
from app.launch.parts import Part, read_parts
from tests.app.launch.launching import Launcher, still_alive, write_procfile
from tests.processes import wait_for

pytestmark = pytest.mark.long


def test_it_says_once_where_mellow_answers(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path), {}) as launcher:
        assert launcher.wait_for("ready") == f"Mellow is ready: http://127.0.0.1:{launcher.port}"
        launcher.process.terminate()
        launcher.finish()
        assert len([line for line in launcher.lines if "http://" in line]) == 1


def test_below_a_path_it_asks_and_leads_below_that_path(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path), {"SCRIPT_NAME": "/mellow"}) as launcher:
        assert launcher.wait_for("ready") == f"Mellow is ready: http://127.0.0.1:{launcher.port}/mellow"


@pytest.mark.parametrize("path", ["mellow", "/mellow/", "/"])
def test_a_path_that_the_web_cannot_use_is_one_sentence(tmp_path: Path, path: str) -> None:
    with Launcher(write_procfile(tmp_path), {"SCRIPT_NAME": path}) as launcher:
        assert launcher.finish() == (2, f"SCRIPT_NAME must be a path such as /mellow, not {path!r}.\n")


def test_without_an_account_it_leads_to_the_setup_page(tmp_path: Path) -> None:
    procfile = write_procfile(tmp_path, release='echo "one time/only" > "$MELLOW_HOME/setup-token"')
    with Launcher(procfile, {}) as launcher:
        assert launcher.wait_for("ready") == (
            f"Mellow is ready: create the first admin at http://127.0.0.1:{launcher.port}/setup?token=one%20time%2Fonly"
        )


def test_every_line_of_a_program_carries_its_name(tmp_path: Path) -> None:
    procfile = write_procfile(tmp_path, release="echo tables are made", worker="echo listening; exec sleep 600")
    with Launcher(procfile, {}) as launcher:
        assert launcher.wait_for("tables are made").endswith("release | tables are made")
        assert launcher.wait_for("listening").endswith("worker  | listening")


def test_the_programs_see_absolute_places_and_the_commands_of_this_environment(tmp_path: Path) -> None:
    release = 'python -c \'import json, os; json.dump(dict(os.environ), open("environ.json", "w"))\'; exit 1'
    home = os.path.relpath(tmp_path / "home")
    with Launcher(write_procfile(tmp_path, release=release), {"MELLOW_HOME": home}) as launcher:
        launcher.finish()
    seen = json.loads((tmp_path / "environ.json").read_text())
    assert seen["MELLOW_HOME"] == str(tmp_path / "home")
    assert seen["REDIS_URL"] == f"unix://{tmp_path}/home/queue/valkey.sock"
    assert seen["DATABASE_URL"] == f"sqlite:///{tmp_path}/home/mellow.db"
    assert seen["PATH"].startswith(str(Path(sys.executable).parent) + os.pathsep)
    assert seen["HOST"] == "127.0.0.1"
    assert seen["PORT"] == str(launcher.port)
    assert seen["TOKENIZERS_PARALLELISM"] == "false"
    assert seen["PYTHONUNBUFFERED"] == "1"


def to_the_launcher(launcher: Launcher, signum: signal.Signals) -> None:
    launcher.process.send_signal(signum)


def to_its_group(launcher: Launcher, signum: signal.Signals) -> None:
    """As a terminal does when someone presses Ctrl-C."""
    os.killpg(launcher.process.pid, signum)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("send", [to_the_launcher, to_its_group])
def test_a_wanted_stop_ends_every_process(
    tmp_path: Path, send: Callable[[Launcher, signal.Signals], None], signum: signal.Signals
) -> None:
    with Launcher(write_procfile(tmp_path), {}) as launcher:
        launcher.wait_for("ready")
        tree = launcher.tree()
        names = {process.name() for process in tree}
        # launcher, reaper, web and its child; the queue; the worker
        assert len(tree) >= 6
        assert {"valkey-server", "sleep"} <= names
        send(launcher, signum)
        code, errors = launcher.finish()
        assert (code, errors) == (0, "")
        assert launcher.lines[-1] == "Mellow has stopped."
        assert still_alive(tree) == []


def test_a_work_horse_that_heeds_nothing_ends_too(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path, worker="python worker.py"), {}) as launcher:
        launcher.wait_for("work-horse at work")
        launcher.wait_for("ready")
        tree = launcher.tree()
        launcher.process.terminate()
        assert launcher.finish() == (0, "")
        assert still_alive(tree) == []


def test_a_stop_during_the_release_starts_nothing_more(tmp_path: Path) -> None:
    with Launcher(
        write_procfile(tmp_path, release="echo migrating; sleep 600", web="echo web was started"), {}
    ) as launcher:
        launcher.wait_for("migrating")
        tree = launcher.tree()
        launcher.process.terminate()
        assert launcher.finish() == (0, "")
        assert still_alive(tree) == []
        assert "web was started" not in "\n".join(launcher.lines)


def test_when_the_launcher_is_killed_its_programs_end(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path, worker="python worker.py"), {}) as launcher:
        launcher.wait_for("work-horse at work")
        launcher.wait_for("ready")
        tree = launcher.tree()
        launcher.process.kill()
        assert still_alive(tree) == []


def named(launcher: Launcher, name: str) -> psutil.Process:
    return next(process for process in launcher.tree() if process.name() == name)


def test_a_worker_that_is_killed_is_started_again_without_what_it_left(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path, worker="exec python worker.py"), {}) as launcher:
        launcher.wait_for("work-horse at work")
        launcher.wait_for("ready")
        worker = next(process for process in launcher.tree() if "worker.py" in " ".join(process.cmdline()))
        family = [worker, *worker.children(recursive=True)]
        assert len(family) == 2
        worker.kill()
        assert launcher.wait_for("started again") == "worker was ended by SIGKILL. It is started again in 0.5 s."
        launcher.wait_for("work-horse at work", times=2)
        assert still_alive(family) == []
        wait_for(lambda: parts(tmp_path)["worker"] == Part("running", 1, "worker was ended by SIGKILL."))
        assert parts(tmp_path)["web"] == Part()
        launcher.process.terminate()
        assert launcher.finish() == (0, "")
    assert not (tmp_path / "home" / "parts.json").exists()


def test_the_process_of_a_chat_model_is_kept_running_if_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    procfile = write_procfile(tmp_path, chat="exec sleep 601")
    with Launcher(procfile, {"CHAT_MODEL": str(tmp_path / "model")}) as launcher:
        launcher.wait_for("ready")
        next(process for process in launcher.tree() if "601" in process.cmdline()).kill()
        launcher.wait_for("chat was ended by SIGKILL. It is started again in 0.5 s.")
        wait_for(lambda: parts(tmp_path)["chat"] == Part("running", 1, "chat was ended by SIGKILL."))
        assert parts(tmp_path)["web"] == parts(tmp_path)["worker"] == Part()
        tree = launcher.tree()
        launcher.process.terminate()
        assert launcher.finish() == (0, "")
    assert still_alive(tree) == []


def test_without_a_chat_model_its_process_is_not_started(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path, chat="exec sleep 601"), {}) as launcher:
        launcher.wait_for("ready")
        assert "chat" not in parts(tmp_path)


def test_a_home_with_versions_of_a_chat_model_serves_them_without_it(tmp_path: Path) -> None:
    (tmp_path / "home" / "cache" / "chat").mkdir(parents=True)
    with Launcher(write_procfile(tmp_path, chat="exec sleep 601"), {}) as launcher:
        launcher.wait_for("ready")
        assert parts(tmp_path)["chat"] == Part()


def test_a_web_whose_master_is_killed_answers_again(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path, web="exec python web.py"), {}) as launcher:
        launcher.wait_for("ready")
        web = next(process for process in launcher.tree() if "web.py" in " ".join(process.cmdline()))
        family = [web, *web.children(recursive=True)]
        web.kill()
        wait_for(lambda: launcher.status("/readyz") == 200)
        assert still_alive(family) == []
        assert len([line for line in launcher.lines if "ready" in line]) == 1


def test_a_queue_that_is_killed_is_back_at_the_same_place_with_what_it_held(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path), {}) as launcher:
        launcher.wait_for("ready")
        with Redis(unix_socket_path=str(embedded_socket(tmp_path / "home"))) as queue:
            queue.set("kept", "yes")
            queue.execute_command("WAITAOF", 1, 0, 5000)
            named(launcher, "valkey-server").kill()
            launcher.wait_for("the embedded queue was ended by SIGKILL. It is started again in 0.5 s.")
            wait_for(lambda: answers(queue))
            assert queue.get("kept") == b"yes"
        tree = launcher.tree()
        launcher.process.terminate()
        assert launcher.finish() == (0, "")
        assert still_alive(tree) == []


def answers(queue: Redis) -> bool:
    with suppress(RedisError):
        return bool(queue.ping())
    return False


def test_what_ends_five_times_is_given_up_and_the_rest_goes_on(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path, worker="exit 3"), {}) as launcher:
        launcher.wait_for("It is started again in 4 s.")
        wait_for(lambda: parts(tmp_path)["worker"].state == "given up")
        assert parts(tmp_path)["worker"].reason == "worker ended by itself with exit code 3."
        assert launcher.status("/readyz") == 200
        launcher.process.terminate()
        assert launcher.finish() == (
            0,
            "worker ended by itself with exit code 3. That was the 5th time within a minute, so worker is given up;"
            " the rest goes on. Stop Mellow and start it again once that is mended.\n",
        )


def test_a_web_that_never_was_ready_and_is_given_up_ends_everything(tmp_path: Path) -> None:
    with Launcher(write_procfile(tmp_path, "echo going on", "exit 4"), {}) as launcher:
        launcher.wait_for("going on")
        launcher.wait_for("It is started again in 4 s.")
        tree = launcher.tree()
        code, errors = launcher.finish()
        assert code == 1
        assert errors.endswith("Mellow has stopped because web ended by itself with exit code 4.\n")
        assert still_alive(tree) == []


def parts(folder: Path) -> dict[str, Part]:
    return read_parts(folder / "home")


def test_a_release_that_fails_is_told_by_its_last_line(tmp_path: Path) -> None:
    procfile = write_procfile(
        tmp_path, release="echo first; echo the disk is full. >&2; exit 1", web="echo web was started"
    )
    with Launcher(procfile, {}) as launcher:
        assert launcher.finish() == (1, "Mellow cannot start: the disk is full.\n")
        assert "web was started" not in "\n".join(launcher.lines)


def test_a_second_start_on_the_same_home_is_one_sentence(tmp_path: Path) -> None:
    procfile = write_procfile(tmp_path)
    with Launcher(procfile, {}) as first:
        first.wait_for("ready")
        with Launcher(procfile, {}) as second:
            home = tmp_path / "home"
            assert second.finish() == (
                1,
                f"Mellow already runs with MELLOW_HOME {home}: stop it first or choose another MELLOW_HOME.\n",
            )
        assert psutil.pid_exists(first.process.pid)
        assert first.process.poll() is None
