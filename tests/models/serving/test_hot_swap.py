"""Hot swap: the alias moves, another version answers, and no request notices."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Iterator

import pytest

from models.model_errors import LoadError
from models.serving import hot_swap as module
from models.serving.generator import Generator, Sampling
from models.serving.hot_swap import Companion, Serving, ServingState, Shared
from models.serving.mixed import mixed
from models.store.store import SERVING_FOLDER, CheckpointStore


class Studio:
    """An alias to move, real versions to load, and a list of what was reported."""

    def __init__(self, published: CheckpointStore) -> None:
        self._published = published
        self.wanted: int | None = 1
        self.loads: list[int] = []
        self.failure: Exception | None = None
        self.alias_failure: Exception | None = None
        self.reports: list[ServingState] = []
        self.changed = threading.Condition()
        self.serving = Serving(self._wanted_version, self._load, self._report)

    def _wanted_version(self) -> int | None:
        if self.alias_failure:
            raise self.alias_failure
        return self.wanted

    def _load(self, number: int) -> Generator:
        self.loads.append(number)
        if self.failure:
            raise self.failure
        return Generator(self._published.folder(number) / SERVING_FOLDER, number, threads=1)

    def _report(self, state: ServingState) -> None:
        with self.changed:
            self.reports.append(state)
            self.changed.notify_all()

    def wait_for(self, state: ServingState) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: state in self.reports, timeout=20), self.reports


@pytest.fixture
def studio(published: CheckpointStore) -> Iterator[Studio]:
    studio = Studio(published)
    yield studio
    studio.serving.stop()


def current(studio: Studio) -> Generator:
    generator = studio.serving.current()
    assert generator is not None
    return generator


def test_before_it_is_started_nothing_is_loaded(studio: Studio) -> None:
    assert studio.serving.current() is None
    assert studio.serving.state == ServingState(None, None, None)
    assert studio.loads == []


def test_while_nothing_is_published_nothing_serves_and_nothing_is_wrong(studio: Studio) -> None:
    studio.wanted = None
    studio.serving.refresh()
    assert studio.serving.state == ServingState(None, None, None)
    assert studio.loads == []


def test_the_version_that_the_alias_names_is_loaded_once(studio: Studio) -> None:
    for _ in range(3):
        studio.serving.refresh()
    assert current(studio).version == 1
    assert studio.loads == [1]
    assert studio.reports == [ServingState(1, 1, None)] * 3


def test_a_move_of_the_alias_swaps_the_generator_without_waiting_for_a_poll(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 600.0)
    studio.serving.ensure_started()
    assert current(studio).version == 1
    studio.wanted = 2
    studio.serving.wake()
    studio.wait_for(ServingState(2, 2, None))
    assert current(studio).version == 2


def test_without_news_of_the_move_the_next_poll_sees_it(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    studio.serving.ensure_started()
    studio.wanted = 2
    studio.wait_for(ServingState(2, 2, None))


def test_whoever_had_the_old_version_finishes_with_it_and_then_it_is_gone(studio: Studio) -> None:
    studio.serving.refresh()
    old = current(studio)
    gone = weakref.ref(old), weakref.ref(old._engine)
    studio.wanted = 2
    studio.serving.refresh()
    assert current(studio).version == 2
    assert len(old.generate("you are stupid", Sampling()).candidates) == 3
    gc.disable()
    try:
        del old
        assert [one() for one in gone] == [None, None], "at once, not when the garbage collector looks next"
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "failure",
    [LoadError("Version 2 cannot be loaded: no weights."), OSError(5, "Input/output error")],
    ids=["damaged", "unreadable"],
)
def test_a_version_that_does_not_load_leaves_the_old_one_serving_and_the_reason(
    studio: Studio, failure: Exception
) -> None:
    studio.serving.refresh()
    studio.wanted, studio.failure = 2, failure
    studio.serving.refresh()
    assert current(studio).version == 1
    assert studio.serving.state == ServingState(1, 2, str(failure))


def test_the_log_says_what_was_loaded_and_what_serves_instead(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=module.log.name)
    studio.serving.refresh()
    studio.wanted, studio.failure = 2, LoadError("Version 2 cannot be loaded.")
    studio.serving.refresh()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "Version 1 is loaded."),
        ("ERROR", "Version 2 cannot be loaded. Version 1 serves instead of version 2."),
    ]


def test_a_failed_load_is_tried_again_only_after_a_while(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.failure = LoadError("Version 1 cannot be loaded.")
    for _ in range(3):
        studio.serving.refresh()
    assert studio.loads == [1]
    assert studio.reports == [ServingState(None, 1, "Version 1 cannot be loaded.")] * 3
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    studio.failure = None
    studio.serving.refresh()
    assert studio.loads == [1, 1]
    assert studio.serving.state == ServingState(1, 1, None)


def test_a_move_away_from_a_version_that_does_not_load_is_followed_at_once(studio: Studio) -> None:
    studio.failure = LoadError("Version 1 cannot be loaded.")
    studio.serving.refresh()
    studio.wanted, studio.failure = 2, None
    studio.serving.refresh()
    assert studio.serving.state == ServingState(2, 2, None)


def test_moving_back_from_a_version_that_does_not_load_forgets_the_error(studio: Studio) -> None:
    studio.serving.refresh()
    studio.wanted, studio.failure = 2, LoadError("Version 2 cannot be loaded.")
    studio.serving.refresh()
    studio.wanted = 1
    studio.serving.refresh()
    assert studio.serving.state == ServingState(1, 1, None)
    assert studio.loads == [1, 2]


def test_while_the_alias_cannot_be_read_the_version_in_memory_serves_on(studio: Studio) -> None:
    studio.serving.refresh()
    studio.alias_failure = RuntimeError("the database is away")
    studio.serving.refresh()
    assert current(studio).version == 1
    assert studio.serving.state == ServingState(1, 1, None)


def test_the_thread_outlives_every_failure(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    studio.serving.ensure_started()
    studio.wanted, studio.failure = 2, OSError(5, "Input/output error")
    studio.wait_for(ServingState(1, 2, "[Errno 5] Input/output error"))
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    studio.failure = None
    studio.wait_for(ServingState(2, 2, None))


def test_after_a_stop_the_thread_is_gone_and_the_version_still_answers(studio: Studio) -> None:
    studio.serving.ensure_started()
    studio.serving.ensure_started()
    assert [thread.name for thread in threading.enumerate()].count("hot-swap") == 1
    studio.serving.stop()
    assert "hot-swap" not in {thread.name for thread in threading.enumerate()}
    assert current(studio).version == 1
    studio.serving.ensure_started()
    assert "hot-swap" not in {thread.name for thread in threading.enumerate()}


def test_requests_go_on_without_a_failure_while_versions_are_swapped(studio: Studio) -> None:
    studio.serving.refresh()
    failures: list[BaseException] = []
    answered: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                generator = current(studio)
                generator.generate("you", Sampling(), wanted=1)
                answered.append(generator.version)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for wanted in (2, 1, 2):
        studio.wanted = wanted
        studio.serving.refresh()
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {1, 2} >= set(answered) != set()


def test_a_new_process_serves_the_last_version_that_loads_and_says_which_it_should(published: CheckpointStore) -> None:
    tried: list[int] = []

    def load(number: int) -> Generator:
        tried.append(number)
        if number != 1:
            raise LoadError(f"Version {number} is damaged.")
        return Generator(published.folder(1) / SERVING_FOLDER, 1, threads=1)

    serving = Serving(lambda: 3, load, fallbacks=lambda: [3, 2, 1])
    serving.refresh()
    assert tried == [3, 2, 1]
    assert serving.state == ServingState(1, 3, "Version 3 is damaged.")
    found = serving.current()
    assert found is not None
    assert found.version == 1
    serving.refresh()
    assert tried == [3, 2, 1]  # not before some time has passed


def test_a_process_that_serves_goes_on_with_what_it_has(studio: Studio) -> None:
    studio.serving = Serving(studio._wanted_version, studio._load, studio._report, lambda: [2])
    studio.serving.refresh()
    studio.wanted, studio.failure = 2, LoadError("Version 2 is damaged.")
    studio.serving.refresh()
    assert studio.serving.state == ServingState(1, 2, "Version 2 is damaged.")
    assert studio.loads == [1, 2]


@pytest.mark.parametrize("failure", [TypeError("no dict"), MemoryError(), RecursionError()])
def test_whatever_a_damaged_version_raises_is_told_and_the_thread_goes_on(studio: Studio, failure: Exception) -> None:
    studio.serving.ensure_started()
    studio.failure, studio.wanted = failure, 2
    studio.serving.wake()
    studio.wait_for(ServingState(1, 2, f"{type(failure).__name__}: {failure}"))
    studio.failure, studio.wanted = None, 1
    studio.serving.wake()
    studio.wait_for(ServingState(1, 1, None))


def test_the_thread_outlives_a_report_that_fails(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.serving.ensure_started()
    failed = threading.Event()

    def fail(state: ServingState) -> None:
        failed.set()
        raise RuntimeError("The queue has changed its mind.")

    monkeypatch.setattr(studio.serving, "_tell", fail)
    studio.serving.wake()
    assert failed.wait(20)
    monkeypatch.setattr(studio.serving, "_tell", studio._report)
    studio.wanted = 2
    studio.serving.wake()
    studio.wait_for(ServingState(2, 2, None))


@pytest.fixture
def second(published: CheckpointStore) -> Iterator[Studio]:
    """A studio whose alias is what a comparison wants; at first none runs."""
    studio = Studio(published)
    studio.wanted = None
    studio.serving = Companion(studio._wanted_version, studio._load, studio._report)
    yield studio
    studio.serving.stop()


def test_a_second_version_is_held_while_one_is_wanted_and_freed_then(second: Studio) -> None:
    second.serving.refresh()
    assert second.serving.current() is None
    second.wanted = 2
    second.serving.refresh()
    held = current(second)
    assert held.version == 2
    gone = weakref.ref(held)
    second.wanted = None
    second.serving.refresh()
    assert second.serving.current() is None
    assert second.reports == [ServingState(None, None, None), ServingState(2, 2, None), ServingState(None, None, None)]
    assert len(held.generate("you are stupid", Sampling()).candidates) == 3, "whoever has it finishes with it"
    del held
    gc.collect()
    assert gone() is None


def test_one_second_version_is_freed_before_the_next_is_loaded(second: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    second.wanted = 1
    second.serving.refresh()
    load = second._load

    def only_then(number: int) -> Generator:
        assert second.serving.current() is None
        return load(number)

    monkeypatch.setattr(second.serving, "_load", only_then)
    second.wanted = 2
    second.serving.refresh()
    assert current(second).version == 2


def test_a_second_version_that_does_not_load_is_told_and_tried_again_after_a_while(
    second: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    second.wanted = 1
    second.serving.refresh()
    second.wanted, second.failure = 2, LoadError("Version 2 cannot be loaded: no weights.")
    for _ in range(3):
        second.serving.refresh()
    assert second.serving.current() is None, "the one before takes part no longer"
    assert second.serving.state == ServingState(None, 2, "Version 2 cannot be loaded: no weights.")
    assert second.loads == [1, 2]
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    second.failure = None
    second.serving.refresh()
    assert current(second).version == 2


def test_nobody_waits_for_a_second_version(second: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 600.0)
    door, load = threading.Event(), second._load

    def behind_the_door(number: int) -> Generator:
        assert door.wait(20)
        return load(number)

    monkeypatch.setattr(second.serving, "_load", behind_the_door)
    second.wanted = 2
    second.serving.ensure_started()
    assert second.serving.current() is None
    door.set()
    second.wait_for(ServingState(2, 2, None))
    second.wanted = None
    second.serving.wake()
    second.wait_for(ServingState(None, None, None))
    assert second.serving.current() is None


def test_while_it_cannot_be_told_whether_one_is_wanted_the_second_version_stays(second: Studio) -> None:
    second.wanted = 2
    second.serving.refresh()
    second.alias_failure = RuntimeError("the database is away")
    second.serving.refresh()
    assert current(second).version == 2


def test_requests_go_on_without_a_failure_while_a_second_version_comes_and_goes(studio: Studio, second: Studio) -> None:
    studio.serving.refresh()
    failures: list[BaseException] = []
    answered = threading.Semaphore(0)
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                other = second.serving.current()
                if other is None or mixed("good morning to you", current(studio), other, Sampling()) is None:
                    current(studio).generate("you", Sampling(), wanted=1)
            except BaseException as error:
                failures.append(error)
            answered.release()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for wanted in (2, None, 2):
        second.wanted = wanted
        second.serving.refresh()
        assert answered.acquire(timeout=20)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_what_somebody_holds_is_not_loaded_again(published: CheckpointStore) -> None:
    studio = Studio(published)
    shared = Shared(studio._load)
    one = shared(1)
    assert shared(1) is one
    assert (shared(2).version, studio.loads) == (2, [1, 2])
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None, "it is not what keeps it in memory"
    assert shared(1).version == 1
    assert studio.loads == [1, 2, 1]


def test_what_could_not_be_loaded_is_tried_again(published: CheckpointStore) -> None:
    studio = Studio(published)
    shared = Shared(studio._load)
    studio.failure = LoadError("Version 1 cannot be loaded.")
    with pytest.raises(LoadError):
        shared(1)
    studio.failure = None
    assert shared(1).version == 1
