"""Refusals: problem documents (RFC 9457)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Problem(Struct):
    """Why something was refused."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Meta(description="One sentence for the person who asked.")]


PROBLEMS = {
    400: "The body cannot be read.",
    401: "No token, or one that is not known, was revoked or has expired.",
    403: "This person may not do that, or the token lacks the scope.",
    404: "There is no such thing, or it is not this person's.",
    408: "Whoever asked had gone before there was an answer.",
    409: "It does not fit the present state.",
    413: "More than is accepted at once.",
    422: "What was sent cannot be used.",
    429: "This person asks for too much at once: Retry-After says when to ask again.",
    503: "It cannot be done at present; the detail says why, and Retry-After when to ask again if it passes by itself.",
    507: "The disk is full: nothing was stored, and the same can be sent again once there is room.",
}
"""Meaning of each status, for every operation."""
