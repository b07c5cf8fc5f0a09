"""The embedded queue: a real server, for its own user alone, that keeps what it was given."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from app.config import embedded_socket
from app.runtime.embedded_queue import EmbeddedQueue, QueueError
from tests.trouble.full_disks import run_on_small_disk, small_disks_are_possible


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[EmbeddedQueue]:
    with EmbeddedQueue(tmp_path) as started:
        yield started


def client(queue: EmbeddedQueue) -> redis.Redis:
    return redis.Redis.from_url(queue.url, decode_responses=True)


def test_it_answers_at_its_url(queue: EmbeddedQueue) -> None:
    with client(queue) as connection:
        assert connection.ping()


def test_it_listens_on_no_port(queue: EmbeddedQueue) -> None:
    assert psutil.Process(queue.process.pid).net_connections("inet") == []


def test_nobody_else_can_reach_its_socket_or_read_its_data(queue: EmbeddedQueue) -> None:
    with client(queue) as connection:
        connection.set("job", "secret")
    folder = queue.socket.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(queue.socket.stat().st_mode) == 0o700
    data = [path for path in folder.rglob("*.aof*") if path.is_file()]
    assert data
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in data} == {0}


def test_a_folder_that_others_may_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue").chmod(0o755)
    with EmbeddedQueue(tmp_path):
        assert stat.S_IMODE((tmp_path / "queue").stat().st_mode) == 0o700


def test_its_data_survive_a_restart(tmp_path: Path) -> None:
    with EmbeddedQueue(tmp_path) as queue, client(queue) as connection:
        connection.rpush("jobs", "1", "2")
    with EmbeddedQueue(tmp_path) as queue, client(queue) as connection:
        assert connection.lrange("jobs", 0, -1) == ["1", "2"]


def test_after_a_stop_neither_process_nor_socket_is_left(tmp_path: Path) -> None:
    with EmbeddedQueue(tmp_path) as queue:
        process = psutil.Process(queue.process.pid)
    assert not process.is_running()
    assert not embedded_socket(tmp_path).exists()


def test_the_socket_of_a_killed_server_is_no_obstacle(tmp_path: Path) -> None:
    with EmbeddedQueue(tmp_path) as queue:
        queue.process.kill()
        queue.process.wait()
        assert queue.socket.exists()
        with EmbeddedQueue(tmp_path) as successor, client(successor) as connection:
            assert connection.ping()


def test_of_parallel_starts_on_one_home_one_wins_and_the_others_say_so(tmp_path: Path) -> None:
    queues = [EmbeddedQueue(tmp_path) for _ in range(4)]
    sentences: list[str] = []

    def start(queue: EmbeddedQueue) -> None:
        try:
            queue.start()
        except QueueError as error:
            sentences.append(str(error))

    threads = [threading.Thread(target=start, args=(queue,)) for queue in queues]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sentence = f"Mellow already runs with MELLOW_HOME {tmp_path}: stop it first or choose another MELLOW_HOME."
        assert sentences == [sentence] * 3
    finally:
        for queue in queues:
            queue.stop()


def test_a_long_home_gets_a_short_private_socket(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    with EmbeddedQueue(home) as queue, client(queue) as connection:
        assert connection.ping()
        assert len(str(queue.socket)) < 100
        assert stat.S_IMODE(queue.socket.parent.stat().st_mode) == 0o700
        assert (home / "queue" / "appendonlydir").is_dir()
    queue.socket.parent.rmdir()


@pytest.mark.parametrize("home", ["a home", "50%25", "what?", "number#1"])
def test_a_home_with_special_characters_is_reached_by_its_url(tmp_path: Path, home: str) -> None:
    with EmbeddedQueue(tmp_path / home) as queue, client(queue) as connection:
        assert connection.ping()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that belongs to someone else")
def test_a_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    os.chown(tmp_path / "queue", 65534, 65534)
    with pytest.raises(QueueError, match="does not belong to this user"):
        EmbeddedQueue(tmp_path).start()


def test_data_that_it_cannot_read_are_told_with_its_last_words(tmp_path: Path) -> None:
    with EmbeddedQueue(tmp_path):
        pass
    (tmp_path / "queue" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(QueueError, match=r"^The embedded queue did not start: .*manifest"):
        EmbeddedQueue(tmp_path).start()


ON_A_SMALL_DISK = """
import sys, time
from pathlib import Path
import redis
from app.runtime.embedded_queue import EmbeddedQueue
folder = Path(sys.argv[1])
ballast = folder / "ballast"
ballast.write_bytes(bytes(500_000))
def answer(call):
    try:
        return str(call())
    except redis.ResponseError as error:
        return str(error)
def until(call, good):
    deadline = time.monotonic() + 30
    while not good(said := answer(call)):
        assert time.monotonic() < deadline, said
        time.sleep(0.02)
    return said
with EmbeddedQueue(folder / "home") as queue, redis.Redis.from_url(queue.url) as connection:
    connection.set("kept", "yes")
    print(until(lambda: connection.set("more", "x" * 50_000), lambda said: said != "True"))
    print(answer(connection.ping))
    ballast.unlink()
    until(connection.ping, lambda said: said == "True")
    print(connection.set("again", "yes"), connection.get("kept"))
"""


@pytest.mark.long
@pytest.mark.skipif(not small_disks_are_possible(), reason="This user may not mount a small file system.")
def test_a_queue_whose_disk_is_full_says_so_and_goes_on_by_itself_once_there_is_room(tmp_path: Path) -> None:
    """What workers wait for (worker/job/studio_worker.py) is the word with which it begins."""
    refused, ping, after = run_on_small_disk(tmp_path, "1m", ON_A_SMALL_DISK).splitlines()
    assert refused.startswith("MISCONF")
    assert ping.startswith("MISCONF")
    assert after == "True b'yes'"
