"""Screens of answers as they are drawn and stored; the writer tells what a test says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from app.db import ANSWERING, Generation, Project, Prompt, Reservation, User, enter
from app.domain_errors import Invalid
from app.services.desk import judgments, screens
from app.services.desk.answering import Begun, conversation
from app.services.desk.judgment_request import JudgmentRequest
from app.services.prompts import prompts, studio_settings
from models.chat.answers import ChatGenerator
from models.chat.conversation import Message
from models.chat.writing import Again, Answer, AnswerRequest, Piece, Written
from models.model_errors import (
    AnswersRefused,
    ConversationRefused,
    LoadError,
    ModelError,
    NoLongerWanted,
    WriterAway,
    WriterBusy,
)
from models.serving.generator import Sampling
from tests import factories
from tests.studio import rows

SAMPLING = Sampling()
TURNS = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]


class Writer:
    """Writes three answers, or raises what a test says."""

    def __init__(self) -> None:
        self.asked: list[AnswerRequest] = []
        self.error: ModelError | None = None

    def write(self, request: AnswerRequest) -> object:
        self.asked.append(request)
        if self.error:
            raise self.error
        for place in range(request.count):
            yield Piece(place, f"answer {place}")
        for place in range(request.count):
            yield Answer(place, f"answer {place}", "stop", 2, -1.0)
        yield Written("m")


@pytest.fixture
def project(session: Session) -> Project:
    """A project that answers, which the session is of."""
    found = factories.project(session, "help", task=ANSWERING)
    enter(session, found.id)
    factories.version(session, 5, parent_number=None)
    return found


@pytest.fixture
def person(session: Session, project: Project) -> User:
    found = factories.user(session)
    studio_settings.change(session, found.id, {"system_message": "Be brief.", "answer_tokens": 99})
    return found


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def generator(writer: Writer) -> ChatGenerator:
    return ChatGenerator(5, 5, writer)  # type: ignore[arg-type]


@pytest.fixture
def queued(session: Session, project: Project) -> Callable[[str], Prompt]:
    def add(text: str) -> Prompt:
        return factories.prompt(
            session, text, queued=True, turns=TURNS, sha256=prompts.key_of(session, text, TURNS), overlap=2
        )

    return add


def test_a_conversation_begins_with_the_system_message_if_there_is_one() -> None:
    user = Message("user", "Why?")
    assert conversation("Why?", (), " ") == (user,)
    assert conversation("Why?", TURNS, "Be brief.") == (
        Message("system", "Be brief."),
        Message("user", "Hello"),
        Message("assistant", "Hello!"),
        user,
    )
    with pytest.raises(AnswersRefused, match="is expected"):
        conversation("Why?", TURNS[:1], "")


def test_what_is_typed_is_answered_as_the_settings_say_and_told_meanwhile(
    session: Session, person: User, writer: Writer, generator: ChatGenerator
) -> None:
    told: list[Begun | Piece | Again] = []
    screen, exhausted = screens.generate(session, generator, person.id, "Why?", SAMPLING, turns=TURNS, tell=told.append)
    assert told[0] == Begun("Why?", TURNS, "Be brief.")
    assert [event.text for event in told[1:] if isinstance(event, Piece)] == [one.text for one in screen.candidates]
    [request] = writer.asked
    assert (request.max_tokens, request.messages[0]) == (99, Message("system", "Be brief."))
    assert (exhausted, screen.prompt.turns, screen.sampling["system"]) == (False, TURNS, "Be brief.")
    assert [one.text for one in screen.candidates] == ["answer 0", "answer 1", "answer 2"], "nothing is shuffled"


def test_the_same_text_after_other_turns_is_another_prompt(
    session: Session, person: User, generator: ChatGenerator
) -> None:
    for turns in (TURNS, TURNS, ()):
        screens.generate(session, generator, person.id, "Why?", SAMPLING, turns=turns)
    assert [one.turns for one in rows(session, Prompt)] == [TURNS, None]


def test_the_second_of_two_people_sees_what_the_first_one_saw(
    session: Session, person: User, writer: Writer, generator: ChatGenerator, queued: Callable[[str], Prompt]
) -> None:
    queued("Why?")
    for judge in (person, factories.user(session)):
        assert screens.next_screen(session, generator, judge.id, SAMPLING, []) is not None
    first, second = rows(session, Generation)
    assert len(writer.asked) == 1
    assert {one.text for one in first.candidates} == {one.text for one in second.candidates}
    assert (second.sampling["copy_of"], second.sampling["system"]) == (first.id, "Be brief.")
    assert "ended" not in second.sampling, "its cards have another order"


@pytest.mark.parametrize(
    "error",
    [
        WriterAway("Away."),
        WriterBusy("Busy.", 3),
        NoLongerWanted("Gone."),
        LoadError("Damaged."),
        AnswersRefused("There is no such model."),
    ],
)
def test_what_could_not_be_written_waits_in_the_queue_for_anybody(
    session: Session,
    person: User,
    writer: Writer,
    generator: ChatGenerator,
    queued: Callable[[str], Prompt],
    error: ModelError,
) -> None:
    queued("Why?")
    writer.error = error
    with pytest.raises(type(error)):
        screens.next_screen(session, generator, person.id, SAMPLING, [])
    assert (rows(session, Reservation), rows(session, Generation)) == ([], [])
    assert [one.queued for one in rows(session, Prompt)] == [True]


def test_a_prompt_that_the_model_does_not_take_leaves_the_queue_and_no_other_one_does(
    session: Session, person: User, writer: Writer, generator: ChatGenerator, queued: Callable[[str], Prompt]
) -> None:
    queued("Why? " * 50)
    queued("Why?")
    writer.error = ConversationRefused("It is too long.")
    with pytest.raises(ConversationRefused, match="too long"):
        screens.next_screen(session, generator, person.id, SAMPLING, [])
    assert [one.queued for one in rows(session, Prompt)] == [False, True]


def test_an_attention_check_looks_like_any_other_screen(
    session: Session, person: User, generator: ChatGenerator
) -> None:
    factories.prompt(session, "Why?", gold_answer="Because.", gold_wrong=["No.", "Yes."], queued=True)
    studio_settings.change(session, person.id, {"gold_every": 1})
    screens.generate(session, generator, person.id, "How?", SAMPLING)
    found = screens.next_screen(session, generator, person.id, SAMPLING, [])
    assert found is not None
    assert (found[0].gold, found[0].sampling) == (True, {"version": 5, "system": "Be brief."})


def test_no_text_is_fine_as_it_is(session: Session, person: User, generator: ChatGenerator) -> None:
    screen, _ = screens.generate(session, generator, person.id, "Why?", SAMPLING)
    with pytest.raises(Invalid, match="fine as it is"):
        judgments.judge(session, person.id, JudgmentRequest.parse({"generation_id": screen.id, "verdict": "fine"}, 99))
    none = JudgmentRequest.parse({"generation_id": screen.id, "verdict": "none"}, 99)
    assert judgments.judge(session, person.id, none) > 0
