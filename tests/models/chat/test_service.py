"""The queue of chat models: bounded, batched, with cancelled requests left out, for models that come and leave."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from models.chat.conversation import Message
from models.chat.engine import ChatEngine, Draw
from models.chat.service import Asked, ChatService
from models.chat.source import Named
from models.chat.writing import Answer, AnswerRequest, Event, Written
from models.model_errors import AnswersRefused, LoadError, ModelError, WriterAway, WriterBusy

REQUEST = AnswerRequest((Message("user", "Hello"),), count=1)
PATIENCE = 10.0
SLOW, OTHER, THIRD = Named(Path("/slow")), Named(Path("/other")), Named(Path("/third"))


class SlowEngine:
    """Stands for a model: it writes one answer a draw, once it may, and keeps the sizes of its calls."""

    def __init__(self, name: str = "slow", most_tokens: int = 1000) -> None:
        self.name, self.most_tokens = name, most_tokens
        self.reader = self
        self.calls: list[int] = []
        self.entered = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def tokens(self, messages: Sequence[Message], max_tokens: int) -> list[str]:
        if max_tokens > self.most_tokens:
            raise AnswersRefused("too long")
        return [message.content for message in messages]

    def fits(self, batch: Sequence[Draw], other: Draw) -> bool:
        return True

    def write(self, draws: Sequence[Draw]) -> None:
        self.calls.append(len(draws))
        self.entered.release()
        assert self.may_go_on.acquire(timeout=PATIENCE)
        if draws[0].request.messages[0].content == "break":
            raise RuntimeError("broken")
        for draw in draws:
            if not draw.gone():
                draw.tell(Answer(0, self.name, "stop"))


class Loader:
    """Loads the engines of a test, each once it may, and keeps what it loaded."""

    def __init__(self, *engines: SlowEngine) -> None:
        self._engines = {Named(Path("/", engine.name)): engine for engine in engines}
        self.loaded: list[str] = []
        self.entered = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def load(self, model: Named) -> ChatEngine:
        self.entered.release()
        assert self.may_go_on.acquire(timeout=PATIENCE)
        if model not in self._engines:
            raise LoadError("no such model")
        self.loaded.append(model.folder.name)
        return cast(ChatEngine, cast(Any, self._engines[model]))


class Heard:
    """A request of a test and everything that it was told."""

    def __init__(self, service: ChatService, request: AnswerRequest = REQUEST, model: Named = SLOW) -> None:
        self.told: list[Event] = []
        self.error: queue.SimpleQueue[ModelError | None] = queue.SimpleQueue()
        self.gone = threading.Event()
        self.in_memory = service.ask(Asked(request, model, self.told.append, self.error.put, self.gone.is_set))

    def settled(self) -> ModelError | None:
        return self.error.get(timeout=PATIENCE)


@contextmanager
def serving(loader: Loader, most_models: int = 2) -> Iterator[ChatService]:
    """A service that loads when the loader may."""
    service = ChatService(loader.load, most_models, 2)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield service
    finally:
        service.end()
        loader.may_go_on.release(10)
        for engine in loader._engines.values():
            engine.may_go_on.release(10)
        thread.join(PATIENCE)
    assert not thread.is_alive()


@contextmanager
def running(engine: SlowEngine) -> Iterator[ChatService]:
    """A service with one model that is in memory."""
    loader = Loader(engine)
    loader.may_go_on.release()
    with serving(loader) as service:
        assert service.load(SLOW) == "slow"
        yield service


def in_memory(service: ChatService) -> list[str]:
    """The names of the models in memory, the least used first."""
    return [str(one["name"]) for one in cast("list[dict[str, object]]", service.health()["models"])]


def test_what_waits_is_written_in_one_call() -> None:
    engine = SlowEngine()
    with running(engine) as service:
        heard = [Heard(service)]
        assert engine.entered.acquire(timeout=PATIENCE)
        heard += [Heard(service), Heard(service)]
        engine.may_go_on.release(2)
        assert [one.settled() for one in heard] == [None] * 3
        assert engine.calls == [1, 2]
        assert heard[2].told == [Answer(0, "slow", "stop"), Written("slow")]
        assert (service.health()["written"], service.health()["waiting"]) == (3, 0)


def test_a_full_queue_refuses_and_says_when_to_ask_again() -> None:
    engine = SlowEngine()
    with running(engine) as service:
        Heard(service)
        assert engine.entered.acquire(timeout=PATIENCE)
        waiting = [Heard(service), Heard(service)]
        with pytest.raises(WriterBusy, match="2 requests for answers wait already: ask again in") as refusal:
            Heard(service)
        assert refusal.value.retry_after >= 1
        waiting[0].gone.set()  # whose place is free at once
        Heard(service)


def test_what_nobody_waits_for_is_not_written() -> None:
    engine = SlowEngine()
    with running(engine) as service:
        first = Heard(service)
        assert engine.entered.acquire(timeout=PATIENCE)
        left, stays = Heard(service), Heard(service)
        left.gone.set()
        engine.may_go_on.release(2)
        assert (first.settled(), stays.settled()) == (None, None)
        assert engine.calls == [1, 1]
        assert left.told == []
        assert service.health()["cancelled"] == 1


def test_a_model_that_is_named_is_loaded_once_while_the_one_in_memory_writes() -> None:
    slow, other = SlowEngine(), SlowEngine("other")
    loader = Loader(slow, other)
    slow.may_go_on.release()
    loader.may_go_on.release()
    with serving(loader) as service:
        service.load(SLOW)
        named = [Heard(service, model=OTHER), Heard(service, model=OTHER)]
        assert loader.entered.acquire(timeout=PATIENCE)
        assert service.health()["loading"] == ["/other"]
        meanwhile = Heard(service)
        assert (meanwhile.settled(), meanwhile.told[-1]) == (None, Written("slow"))
        assert [named[0].in_memory, meanwhile.in_memory] == [False, True]
        with pytest.raises(WriterBusy):
            Heard(service, model=THIRD)
        loader.may_go_on.release()
        other.may_go_on.release()
        assert [one.settled() for one in named] == [None] * 2
        assert named[1].told[-1] == Written("other")
        assert (loader.loaded, other.calls, service.health()["loading"]) == (["slow", "other"], [2], [])
        assert service.load(OTHER) == "other"


def test_the_least_used_model_leaves_and_comes_back_when_it_is_asked() -> None:
    engines = [SlowEngine(name) for name in ("slow", "other", "third")]
    loader = Loader(*engines)
    loader.may_go_on.release(4)
    for engine in engines:
        engine.may_go_on.release(9)
    with serving(loader) as service:
        for model in (SLOW, OTHER):
            service.load(model)
        assert Heard(service).settled() is None
        service.load(THIRD)
        assert in_memory(service) == ["slow", "third"]
        assert Heard(service, model=OTHER).settled() is None
        assert in_memory(service) == ["third", "other"]


def test_a_model_that_leaves_finishes_what_it_writes_and_what_waits_for_it_is_written() -> None:
    slow, other = SlowEngine(), SlowEngine("other")
    loader = Loader(slow, other)
    loader.may_go_on.release(3)
    with serving(loader, most_models=1) as service:
        first = Heard(service)
        assert slow.entered.acquire(timeout=PATIENCE)
        waiting, named = Heard(service), Heard(service, model=OTHER)
        service.load(OTHER)  # for which the other one leaves
        other.may_go_on.release()
        slow.may_go_on.release(2)
        assert [one.settled() for one in (first, named, waiting)] == [None] * 3
        assert [one.told[-1] for one in (first, named, waiting)] == [Written("slow"), Written("other"), Written("slow")]
        assert (in_memory(service), loader.loaded) == (["slow"], ["slow", "other", "slow"])


def test_what_was_loaded_for_requests_stays_until_it_has_written_for_them() -> None:
    slow, other = SlowEngine(), SlowEngine("other")
    loader = Loader(slow, other)
    loader.may_go_on.release(3)
    with serving(loader, most_models=1) as service:
        Heard(service)
        assert slow.entered.acquire(timeout=PATIENCE)
        named, last = Heard(service, model=OTHER), Heard(service)
        assert [loader.entered.acquire(timeout=PATIENCE) for _ in range(2)] == [True, True]
        assert not loader.entered.acquire(timeout=0.05)
        slow.may_go_on.release(2)
        other.may_go_on.release()
        assert (named.settled(), last.settled()) == (None, None)


def test_a_model_that_cannot_be_loaded_refuses_its_requests_and_the_others_stay() -> None:
    loader = Loader(SlowEngine())
    with serving(loader) as service:
        loader.may_go_on.release(3)
        service.load(SLOW)
        assert isinstance(Heard(service, model=OTHER).settled(), LoadError)
        with pytest.raises(LoadError, match="no such model"):
            service.load(THIRD)
        assert in_memory(service) == ["slow"]


def test_a_request_that_the_loaded_model_cannot_take_is_refused_and_the_others_are_written() -> None:
    loader = Loader(engine := SlowEngine(most_tokens=50))
    with serving(loader) as service:
        long, short = Heard(service, replace(REQUEST, max_tokens=100)), Heard(service, replace(REQUEST, max_tokens=5))
        loader.may_go_on.release()
        engine.may_go_on.release()
        assert isinstance(long.settled(), AnswersRefused)
        assert short.settled() is None


def test_a_call_that_fails_fails_its_requests_and_the_next_is_written() -> None:
    engine = SlowEngine()
    engine.may_go_on.release(2)
    with running(engine) as service:
        broken = Heard(service, replace(REQUEST, messages=(Message("user", "break"),)))
        assert "RuntimeError: broken" in str(broken.settled())
        assert Heard(service).settled() is None


def test_the_end_settles_what_is_written_and_what_waits() -> None:
    engine = SlowEngine()
    with running(engine) as service:
        first = Heard(service)
        assert engine.entered.acquire(timeout=PATIENCE)
        second = Heard(service)
        third = Heard(service, model=OTHER)
    assert all(isinstance(one.settled(), WriterAway) for one in (first, second, third))
    with pytest.raises(WriterAway, match="being stopped"):
        service.load(SLOW)


@pytest.mark.parametrize("change", [{"count": 9}, {"temperature": 0.0}, {"max_tokens": 0}, {"seed": -1}])
def test_numbers_out_of_bounds_are_refused(change: dict[str, Any]) -> None:
    with running(SlowEngine()) as service, pytest.raises(AnswersRefused, match="must be between"):
        Heard(service, replace(REQUEST, **change))


def test_several_answers_of_the_likeliest_tokens_alone_are_refused() -> None:
    replace(REQUEST, top_k=1, count=1).check()
    with pytest.raises(AnswersRefused, match="With top_k 1 all answers are the same"):
        replace(REQUEST, top_k=1, count=2).check()
