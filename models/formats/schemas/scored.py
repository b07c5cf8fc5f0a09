"""Answers with scores: UltraFeedback (Cui et al. 2024, arXiv:2310.01377) and SHP (Ethayarajh et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from models.formats.rows import BadRow, Fields, Row, required, text
from models.formats.schemas.conversation import preference
from models.formats.schemas.trl import number, ranked


def read_ultrafeedback(fields: Fields) -> list[Row]:
    """`{"instruction" or "prompt", "completions": [{"response", "overall_score"}, …]}`, ranked by that score.

    Where there is no overall score, by the fine-grained score, or the mean of the ratings.
    """
    return _ultrafeedback(fields, ("overall_score", "fine-grained_score"))


def read_fine_grained(fields: Fields) -> list[Row]:
    """The same, ranked by the fine-grained score, or the mean of the ratings."""
    return _ultrafeedback(fields, ("fine-grained_score",))


def read_shp(fields: Fields) -> list[Row]:
    """`{"history", "human_ref_A", "human_ref_B", "labels"}`: labels is 1 if A is preferred, 0 if B is."""
    first, second = (required(fields, f"human_ref_{name}") for name in "ab")
    label = number(required(fields, "labels"), "labels")
    if label not in (0, 1):
        raise BadRow("labels is neither 0 nor 1")
    better, worse = (first, second) if label == 1 else (second, first)
    prompt = text(required(fields, "history"), "history")
    return [preference(prompt, text(better, "the preferred answer"), text(worse, "the other answer"))]


def _ultrafeedback(fields: Fields, names: tuple[str, ...]) -> list[Row]:
    prompt = text(required(fields, "prompt" if "prompt" in fields else "instruction"), "the instruction")
    completions = required(fields, "completions")
    if not isinstance(completions, list) or not all(isinstance(one, Mapping) for one in completions):
        raise BadRow("completions is not a list of objects")
    responses = [text(one.get("response"), f"response {place}") for place, one in enumerate(completions, start=1)]
    return [ranked(prompt, responses, [_score(one, names) for one in completions])]


def _score(completion: Mapping[str, object], names: tuple[str, ...]) -> float:
    for name in names:
        if completion.get(name) is not None:
            return number(completion[name], name)
    ratings = completion.get("annotations")
    found = []
    for aspect in ratings.values() if isinstance(ratings, Mapping) else ():
        rating = aspect.get("Rating") if isinstance(aspect, Mapping) else None
        if rating is not None and rating != "N/A":
            found.append(number(rating, "a rating"))
    if not found:
        raise BadRow("a completion has no score")
    return fmean(found)
