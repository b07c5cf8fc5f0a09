"""What Mellow promises when a process dies, a queue forgets, and a person presses twice or changes their mind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import psutil
import pytest
from redis import Redis

from app.config import embedded_socket
from tests.processes import ADMIN, Product, alive, wait_for

pytestmark = pytest.mark.timeout(400)

# Long enough to be met in the middle on any machine: every pass takes two steps a click.
ENDLESS = {"method": "dpo", "config": {"num_train_epochs": 1000, "per_device_train_batch_size": 1}}
CLICKS = 4


@pytest.fixture(scope="module")
def running(new_home: Callable[[], Path]) -> Iterator[Product]:
    """The whole product with one web process and something to learn from."""
    with Product(new_home(), WEB_CONCURRENCY="1", **ADMIN) as product:
        for number in range(CLICKS):
            product.api.click(f"You are a stupid idiot, number {number}")
        yield product


@pytest.fixture
def product(running: Product) -> Iterator[Product]:
    """The product without an active run, before and after."""
    yield running
    for run in running.api.ok("GET", "/training-runs"):
        if run["status"] in ("queued", "running"):
            running.api.ok("POST", f"/training-runs/{run['id']}/cancel")
            running.api.wait_for_run(run["id"], "cancelled")


def begin(product: Product) -> int:
    """Ask for an endless run; returns its id."""
    run: dict[str, Any] = product.api.ok("POST", "/training-runs", ENDLESS)
    assert run["status"] == "queued"
    identifier: int = run["id"]
    return identifier


def wait_for_steps(product: Product, run_id: int, attempt: int = 1) -> None:
    """Return once that attempt has made a step."""

    def look() -> bool:
        run = product.api.run(run_id)
        assert run["status"] in ("queued", "running"), run
        return (run["status"], run["attempts"]) == ("running", attempt) and int(run["step"]) > 0

    wait_for(look, what=f"a step of attempt {attempt} at run {run_id}")


def wait_for_attempt(product: Product, run_id: int, attempt: int) -> None:
    """Return once that attempt works at the run, or the run has ended."""

    def look() -> bool:
        run = product.api.run(run_id)
        return run["status"] == "failed" or (run["status"], run["attempts"]) == ("running", attempt)

    wait_for(look, what=f"attempt {attempt} at run {run_id}")


def worker(product: Product) -> psutil.Process:
    """The process that takes jobs from the queue."""
    return next(process for process in product.find("rq.serializers") if process.name() not in ("sh", "bash", "dash"))


def kill_work_horse(product: Product) -> None:
    """kill -9 of the process that the worker has forked for the present job."""
    horses = worker(product).children(recursive=True)
    assert horses
    for horse in horses:
        horse.kill()
    wait_for(lambda: not alive(horses), what="the end of the work-horse")


def test_pressing_retrain_several_times_at_once_starts_one_run(product: Product) -> None:
    before = product.rows("SELECT count(*) FROM training_runs")[0][0]
    barrier = Barrier(4)

    def press(_: int) -> int:
        barrier.wait()
        return begin_or_join(product)

    with ThreadPoolExecutor(4) as pool:
        identifiers = set(pool.map(press, range(4)))
    assert len(identifiers) == 1
    assert product.rows("SELECT count(*) FROM training_runs")[0][0] == before + 1


def begin_or_join(product: Product) -> int:
    identifier: int = product.api.ok("POST", "/training-runs", ENDLESS)["id"]
    return identifier


def test_a_cancelled_training_ends_within_seconds_and_leaves_nothing(product: Product) -> None:
    run_id = begin(product)
    wait_for_steps(product, run_id)
    assert product.api.ok("POST", f"/training-runs/{run_id}/cancel")["cancelling"]
    wait_for(lambda: product.api.run(run_id)["status"] == "cancelled", timeout=15, what="the cancellation")
    store = product.home / "versions"
    wait_for(lambda: not list((store / ".staging").iterdir()), timeout=15, what="an empty staging folder")
    assert sorted(path.name for path in store.iterdir()) == [".staging", "000001"]
    assert product.rows("SELECT number FROM versions") == [(1,)]
    assert product.api.drawn_by() == 1


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_is_tried_again_and_then_fails_with_the_reason(product: Product) -> None:
    run_id = begin(product)
    wait_for_steps(product, run_id)
    # A step is told before what was measured at it.
    wait_for(lambda: product.rows("SELECT 1 FROM run_metrics WHERE run_id = ?", run_id), what="a point")
    ((streamed,),) = product.rows("SELECT max(id) FROM run_metrics WHERE run_id = ?", run_id)
    kill_work_horse(product)
    assert product.api.drawn_by() == 1
    wait_for_steps(product, run_id, attempt=2)
    # A live chart asks for what came after the last id it has seen.
    wait_for(
        lambda: product.rows("SELECT 1 FROM run_metrics WHERE run_id = ? AND id > ?", run_id, streamed),
        what="a point of the second attempt",
    )
    assert not product.rows("SELECT 1 FROM run_metrics WHERE run_id = ? AND id <= ?", run_id, streamed)
    kill_work_horse(product)
    for attempt in (3, 4):  # they are killed before their first step, and so get no further
        wait_for_attempt(product, run_id, attempt)
        if product.api.run(run_id)["status"] != "failed":
            kill_work_horse(product)
    run = product.api.wait_for_run(run_id, "failed")
    assert run["error"].startswith("The worker died 3 times without getting further, at last while it was ")
    assert product.api.drawn_by() == 1
    assert product.rows("SELECT number FROM versions") == [(1,)]


def test_a_queue_that_forgets_everything_loses_no_run(product: Product) -> None:
    taker = worker(product)
    taker.send_signal(signal.SIGSTOP)
    try:
        run_id = begin(product)
        with Redis(unix_socket_path=str(embedded_socket(product.home))) as queue:
            queue.flushall()
        assert product.api.run(run_id)["status"] == "queued"
    finally:
        taker.send_signal(signal.SIGCONT)
    product.api.wait_for_run(run_id, "running")


def test_an_acknowledged_judgment_outlives_its_web_process(product: Product) -> None:
    screen = product.api.ok("POST", "/generations", {"text": "You are a moron"})
    master = next(process for process in product.find("gunicorn") if process.children())
    web = [process for process in product.find("gunicorn") if not process.children()]
    assert web
    judgment = product.api.judge(screen)
    for process in web:
        process.kill()
    assert product.rows("SELECT verdict FROM judgments WHERE id = ?", judgment) == [("chosen",)]
    assert len(product.rows("SELECT 1 FROM preferences WHERE judgment_id = ?", judgment)) == 2
    wait_for(lambda: not alive(web), what="the end of the web process")
    assert product.api.drawn_by() == 1
    assert master.is_running()
