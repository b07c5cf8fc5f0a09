"""A Writer for any server that speaks the OpenAI protocol: chat completions with n, stream and seed.

A server that writes fewer answers than were asked for is asked again, one answer at a time. The key goes into one
header and nowhere else: no sentence and no log quotes it, nor what a server says of it.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from app.runtime.chat.completion_stream import chunks
from models.chat.writing import ROUNDS, Again, Answer, AnswerRequest, Ended, Event, Piece, Written
from models.model_errors import AnswersRefused, WriterAway, WriterBusy

SILENCE_SECONDS = 60.0
WHOLE_SECONDS = 300.0
_RETRY_SECONDS = 10.0
"""What is said where a server that is busy does not say when to ask again."""
_KEPT_CHARACTERS = 200


@dataclass
class _Writing:
    """The answers of a request so far, by their places."""

    texts: dict[int, str] = field(default_factory=dict)
    ended: dict[int, Ended] = field(default_factory=dict)

    def left(self, count: int) -> list[int]:
        """Return the places that have no whole answer yet, or one that is empty or equals an earlier one."""
        seen = {""}
        left = []
        for place in range(count):
            text = self.texts.get(place, "").rstrip()
            if place not in self.ended or text in seen:
                left.append(place)
            seen.add(text)
        return left


class OpenAIWriter:
    """A Writer that asks the server at a base address, such as https://api.example.org/v1, for a model of its."""

    def __init__(
        self, base: str, key: str, model: str, silence: float = SILENCE_SECONDS, whole: float = WHOLE_SECONDS
    ) -> None:
        """Remember whom to ask; `silence` and `whole` limit, in seconds, a pause and a request."""
        self._address, self._key, self._model = urlsplit(base.rstrip("/")), key, model
        self._silence, self._whole = silence, whole

    def write(self, request: AnswerRequest) -> Iterator[Event]:
        """Yield what is written while it is written; closing the iterator closes the connection.

        Raises AnswersRefused, WriterBusy, and WriterAway, also if the server breaks off in the middle.
        """
        request.check()
        if request.top_k:
            raise AnswersRefused("The OpenAI protocol has no top_k: leave it at 0.")
        deadline = time.monotonic() + self._whole
        writing = _Writing()
        yield from self._call(request, list(range(request.count)), 0, writing, deadline)
        for attempt in range(1, request.count * ROUNDS):
            left = writing.left(request.count)
            missing = [place for place in left if place not in writing.ended]
            if not left or (attempt >= ROUNDS and not missing):
                break
            place = (missing or left)[0]
            if place in writing.ended:
                yield Again(place)
            yield from self._call(request, [place], attempt, writing, deadline)
        if any(place not in writing.ended for place in range(request.count)):
            raise WriterAway("The server of the chat model wrote fewer answers than it was asked for.")
        for place in range(request.count):
            yield Answer(place, writing.texts[place].rstrip(), writing.ended[place])
        yield Written(self._model)

    def _call(
        self, request: AnswerRequest, places: list[int], attempt: int, writing: _Writing, deadline: float
    ) -> Iterator[Piece]:
        """Ask once for the answers of these places, and yield their pieces; choices beyond them are left out."""
        for place in places:
            writing.texts[place] = ""
            writing.ended.pop(place, None)
        with self._response(self._body(request, len(places), attempt), deadline) as response:
            for chunk in chunks(response, deadline):
                if not 0 <= chunk.index < len(places):
                    continue
                place = places[chunk.index]
                text = chunk.text if writing.texts[place] else chunk.text.lstrip()
                if text:
                    writing.texts[place] += text
                    yield Piece(place, text)
                if chunk.ended:
                    writing.ended[place] = chunk.ended

    def _body(self, request: AnswerRequest, count: int, attempt: int) -> bytes:
        said: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": one.role, "content": one.content} for one in request.messages],
            "n": count,
            "stream": True,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
        }
        if request.seed is not None:
            said["seed"] = (request.seed + attempt) % 2**31
        return json.dumps(said, ensure_ascii=False).encode()

    @contextmanager
    def _response(self, body: bytes, deadline: float) -> Iterator[http.client.HTTPResponse]:
        """Yield a response that is good; its errors, and those while it is read, become sentences."""
        seconds = max(0.001, min(self._silence, deadline - time.monotonic()))
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._address.hostname or "", self._address.port, timeout=seconds)
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "User-Agent": "Mellow"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            connection.request("POST", f"{self._address.path}/chat/completions", body, headers)
            with connection.getresponse() as response:
                if response.status != HTTPStatus.OK:
                    raise self._refusal(response)
                yield response
        except TimeoutError:
            raise WriterAway("The server of the chat model did not answer in time.") from None
        except ssl.SSLError as error:
            raise WriterAway(f"The connection to the chat model is not safe: {error.reason or 'TLS failed'}.") from None
        except (OSError, http.client.HTTPException) as error:
            raise WriterAway(f"The server of the chat model cannot be reached: {type(error).__name__}.") from None
        finally:
            connection.close()

    def _refusal(self, response: http.client.HTTPResponse) -> AnswersRefused | WriterBusy | WriterAway:
        """Return the error of a response that is none of answers."""
        status = response.status
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return WriterAway(f"The server of the chat model does not accept the key (status {status}).")
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and response.headers["Retry-After"]
        ):
            wait = _seconds(response.headers["Retry-After"])
            return WriterBusy(f"The server of the chat model is busy: ask again in {wait:g} seconds.", wait)
        if 400 <= status < 500:
            return AnswersRefused(f"The server of the chat model refuses (status {status}): {self._said(response)}")
        return WriterAway(f"The server of the chat model failed (status {status}).")

    def _said(self, response: http.client.HTTPResponse) -> str:
        """Return what a server says of an error, briefly, without the key."""
        raw = response.read(_KEPT_CHARACTERS * 20).decode("utf-8", "replace")
        with suppress(ValueError, KeyError, TypeError):
            raw = json.loads(raw)["error"]["message"]
        said = str(raw).replace(self._key, "…") if self._key else str(raw)
        return " ".join(said.split())[:_KEPT_CHARACTERS]


def _seconds(retry_after: str | None) -> float:
    """Return the seconds of a Retry-After header, which may be a number or a date."""
    with suppress(ValueError):
        return max(1.0, float(retry_after or ""))
    try:
        return max(1.0, round(parsedate_to_datetime(retry_after or "").timestamp() - time.time()))
    except ValueError:
        return _RETRY_SECONDS
