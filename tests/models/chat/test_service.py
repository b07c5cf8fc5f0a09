"""The queue of a chat model: bounded, batched, with cancelled requests left out and a model that can be swapped."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from models.chat.conversation import Message
from models.chat.engine import ChatEngine, Draw
from models.chat.service import Asked, ChatService
from models.chat.writing import Answer, AnswerRequest, Event, Written
from models.model_errors import AnswersRefused, ModelError, WriterAway, WriterBusy

REQUEST = AnswerRequest((Message("user", "Hello"),), count=1)
PATIENCE = 10.0


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


class Heard:
    """A request of a test and everything that it was told."""

    def __init__(self, service: ChatService, request: AnswerRequest = REQUEST) -> None:
        self.told: list[Event] = []
        self.error: queue.SimpleQueue[ModelError | None] = queue.SimpleQueue()
        self.gone = threading.Event()
        service.ask(Asked(request, self.told.append, self.error.put, self.gone.is_set))

    def settled(self) -> ModelError | None:
        return self.error.get(timeout=PATIENCE)


@contextmanager
def running(engine: SlowEngine | None = None, most_waiting: int = 2) -> Iterator[ChatService]:
    service = ChatService(most_waiting)
    if engine is not None:
        service.swap(lambda: cast(ChatEngine, cast(Any, engine)))
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield service
    finally:
        service.end()
        if engine is not None:
            engine.may_go_on.release(10)
        thread.join(PATIENCE)
    assert not thread.is_alive()


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


def test_a_swap_lets_the_old_model_finish_and_drops_no_request() -> None:
    old, new = SlowEngine("old"), SlowEngine("new")
    with running(old) as service:
        first = Heard(service)
        assert old.entered.acquire(timeout=PATIENCE)
        second = Heard(service)
        assert service.swap(lambda: cast(ChatEngine, cast(Any, new))) == "new"
        old.may_go_on.release()
        new.may_go_on.release()
        assert (first.settled(), second.settled()) == (None, None)
        assert (first.told[-1], second.told[-1]) == (Written("old"), Written("new"))


def test_a_swap_that_fails_leaves_the_model_that_is_there() -> None:
    def refuse() -> ChatEngine:
        raise WriterAway("no such model")

    with running(SlowEngine()) as service:
        with pytest.raises(WriterAway):
            service.swap(refuse)
        assert service.health()["model"] == "slow"


def test_a_request_that_the_swapped_model_cannot_take_is_refused_and_the_others_are_written() -> None:
    old, new = SlowEngine("old"), SlowEngine("new", most_tokens=50)
    with running(old) as service:
        Heard(service)
        assert old.entered.acquire(timeout=PATIENCE)
        long, short = Heard(service, replace(REQUEST, max_tokens=100)), Heard(service, replace(REQUEST, max_tokens=5))
        service.swap(lambda: cast(ChatEngine, cast(Any, new)))
        old.may_go_on.release()
        new.may_go_on.release()
        assert isinstance(long.settled(), AnswersRefused)
        assert short.settled() is None


def test_a_call_that_fails_fails_its_requests_and_the_next_is_written() -> None:
    engine = SlowEngine()
    engine.may_go_on.release(2)
    with running(engine) as service:
        broken = Heard(service, replace(REQUEST, messages=(Message("user", "break"),)))
        assert "RuntimeError: broken" in str(broken.settled())
        assert Heard(service).settled() is None


def test_while_no_model_is_loaded_a_request_is_told_to_come_again() -> None:
    with running() as service, pytest.raises(WriterAway, match="is being loaded"):
        Heard(service)


def test_the_end_settles_what_is_written_and_what_waits() -> None:
    engine = SlowEngine()
    with running(engine) as service:
        first = Heard(service)
        assert engine.entered.acquire(timeout=PATIENCE)
        second = Heard(service)
    assert isinstance(first.settled(), WriterAway)
    assert isinstance(second.settled(), WriterAway)


@pytest.mark.parametrize("change", [{"count": 9}, {"temperature": 0.0}, {"max_tokens": 0}, {"seed": -1}])
def test_numbers_out_of_bounds_are_refused(change: dict[str, Any]) -> None:
    with running(SlowEngine()) as service, pytest.raises(AnswersRefused, match="must be between"):
        Heard(service, replace(REQUEST, **change))


def test_several_answers_of_the_likeliest_tokens_alone_are_refused() -> None:
    replace(REQUEST, top_k=1, count=1).check()
    with pytest.raises(AnswersRefused, match="With top_k 1 all answers are the same"):
        replace(REQUEST, top_k=1, count=2).check()
