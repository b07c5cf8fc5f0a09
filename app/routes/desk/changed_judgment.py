"""The form of My work that changes a judgment, as the JSON body of the new one."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import MultiDict

from app.db import Judgment, Verdict
from app.services.desk import own_judgments

RANKING = "ranking"
"""What the form says for an order of the candidates, which is a choice of its first."""


def body_of_form(form: MultiDict[str, str], judgment: Judgment) -> dict[str, Any]:
    """Return the form as the JSON body of a judgment of the same screen; what it has no fields for stays as it was."""
    said, _, number = form.get("said", "").partition(":")
    body: dict[str, Any] = {"generation_id": judgment.generation_id, "verdict": said, **_beside(form, judgment)}
    if said == Verdict.CHOSEN:
        body["candidate_id"] = _id(number)
    elif said == RANKING:
        body |= _order(form, judgment)
    elif said == Verdict.TIE:
        body["tied"] = [_id(each) for each in form.getlist("tied")]
    elif said == Verdict.EDITED:
        body["edited_text"] = form.get("edited_text", "").replace("\r\n", "\n")  # browsers send line ends as CRLF
    elif said in (Verdict.SKIPPED, own_judgments.FLAGGED):
        flagged = said == own_judgments.FLAGGED
        body |= {"verdict": Verdict.SKIPPED, "flagged": flagged, "reason": form.get("reason", "").strip() or None}
    elif not said:
        body["verdict"] = None
    return body


def _order(form: MultiDict[str, str], judgment: Judgment) -> dict[str, Any]:
    """Return the order of the candidates by the places given; two at one place are refused as no order."""
    places = {candidate.id: _number(form.get(f"place-{candidate.id}")) for candidate in judgment.generation.candidates}
    if len(set(places.values())) < len(places):
        first = min(places, key=lambda number: places[number] or 0)
        return {"verdict": Verdict.CHOSEN, "candidate_id": first, "ranking": [first, first]}
    ranking = sorted(places, key=lambda number: places[number] or 0)
    return {"verdict": Verdict.CHOSEN, "candidate_id": ranking[0], "ranking": ranking}


def _beside(form: MultiDict[str, str], judgment: Judgment) -> dict[str, Any]:
    """Return remarks and comment; those of the judgment where the form did not ask."""
    remarks = []
    for candidate in judgment.generation.candidates:
        known = judgment.remark_on(candidate.id)
        rating = _number(form.get(f"rating-{candidate.id}")) if f"rating-{candidate.id}" in form else known["rating"]
        remarks.append({"candidate_id": candidate.id, "rating": rating, "tags": form.getlist(f"tag-{candidate.id}")})
    comment = form.get("comment", judgment.comment or "").strip()
    return {"remarks": remarks, "comment": comment or None}


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() and len(value) < 12 else None


def _id(value: str) -> int | str:
    return int(value) if value.isdecimal() and len(value) < 12 else value
