"""What a judgment says of its screen: the lists as they are stored, and the preference pairs that it yields."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from app.db import Verdict
from app.domain_errors import Invalid
from app.services.desk.edited_text import reads_like
from app.services.desk.judgment_request import JudgmentRequest, Remark
from app.services.prompts import prompts
from app.words import gettext
from models.formats.annotations import LEAST_RANKED, LONGEST_TAG


@dataclass(frozen=True)
class Screen:
    """A screen as its person saw it: the prompt, and (id, text) of each candidate in the order shown."""

    id: int
    project: int
    gold: bool
    prompt: str
    candidates: tuple[tuple[int, str], ...]


Pair = tuple[str, str, float]
"""The chosen text, the rejected one, and the weight."""


@dataclass(frozen=True)
class Said:
    """What a judgment says: the tied candidates in the order shown, the ranked ones, the best first, remarks, pairs."""

    tied: list[int]
    ranking: list[int]
    remarks: list[dict[str, Any]]
    prompt: str
    pairs: list[Pair]

    @classmethod
    def of(cls, screen: Screen, sent: JudgmentRequest) -> Self:
        """Return what a judgment says of its screen.

        A choice or an edited text yields one pair per rejected candidate. So does a prompt that is fine as it is: it is
        preferred to each candidate that says something else. In a tie of some, each tied text is preferred
        to each of the others, and the pairs of one rejected text have weights that sum to one. A ranking is a choice
        among those that are left, one after the other: each text but the last is preferred to all behind it, and its
        pairs have weights that sum to one. A tie of all, "none is good" and a skip yield no pairs, nor does an
        attention check, which measures the person only. Raises Invalid for a candidate that is not on the screen.
        """
        shown = [number for number, _ in screen.candidates]
        texts = dict(screen.candidates)
        tied, ranking = _tied_in_order(shown, sent), _ranking(shown, sent)
        said = _remarks(sent.remarks or (), shown)
        if sent.candidate_id is not None and sent.candidate_id not in texts:
            raise Invalid(gettext("Candidate %(id)s is not on this screen.", id=sent.candidate_id))
        if sent.edited_text is not None and any(reads_like(sent.edited_text, text) for text in texts.values()):
            raise Invalid(gettext("The edited text is one of the rewrites as it stands: choose that one instead."))
        if screen.gold:
            return cls(tied, ranking, said, screen.prompt, [])
        if ranking:
            return cls(tied, ranking, said, screen.prompt, ranked_pairs([texts[number] for number in ranking]))
        if sent.verdict == Verdict.EDITED and sent.edited_text is not None:
            chosen, rejected = [sent.edited_text], list(texts.values())
        elif sent.verdict == Verdict.FINE:
            chosen, rejected = [screen.prompt], [one for one in texts.values() if not reads_like(screen.prompt, one)]
        else:
            best = {sent.candidate_id} if sent.verdict == Verdict.CHOSEN else set(tied)
            chosen = [text for number, text in texts.items() if number in best]
            rejected = [text for number, text in texts.items() if number not in best] if chosen else []
        pairs = [(good, bad, 1 / len(chosen)) for bad in rejected for good in chosen]
        return cls(tied, ranking, said, screen.prompt, pairs)


def ranked_pairs(texts: list[str]) -> list[Pair]:
    """Return the pairs of a ranking, the best text first; none of two texts that are the same."""
    pairs: list[Pair] = []
    for place, better in enumerate(texts[:-1]):
        behind = [worse for worse in texts[place + 1 :] if worse != better]
        pairs += [(better, worse, 1 / len(behind)) for worse in behind]
    return pairs


def _tied_in_order(shown: list[int], sent: JudgmentRequest) -> list[int]:
    """Return the tied candidates in the order shown; empty in a tie of all, and for every other verdict."""
    tied = sent.tied or ()
    _check_shown(tied, shown)
    return [] if len(tied) == len(shown) else [number for number in shown if number in tied]


def _ranking(shown: list[int], sent: JudgmentRequest) -> list[int]:
    """Return the ranked candidates, the best first; empty for every other judgment, and where there are only two."""
    ranking = list(sent.ranking or ())
    _check_shown(ranking, shown)
    if ranking and len(ranking) < len(shown):
        raise Invalid(gettext("ranking must name all candidates of the screen."))
    return ranking if len(ranking) >= LEAST_RANKED else []


def _check_shown(named: Collection[int], shown: Collection[int]) -> None:
    strange = set(named) - set(shown)
    if strange:
        raise Invalid(gettext("Candidate %(id)s is not on this screen.", id=min(strange)))


def _remarks(remarks: Iterable[Remark], shown: Sequence[int]) -> list[dict[str, Any]]:
    """Return the remarks as they are stored, in the order of the candidates shown, without those that say nothing.

    Raises Invalid for a candidate that is not on the screen or has two remarks, and for a tag that cannot be stored.
    """
    found: dict[int, dict[str, Any]] = {}
    for one in remarks:
        if one.candidate_id not in shown:
            raise Invalid(gettext("Candidate %(id)s is not on this screen.", id=one.candidate_id))
        if one.candidate_id in found:
            raise Invalid(gettext("Candidate %(id)s has two remarks: send one.", id=one.candidate_id))
        tags = list(dict.fromkeys(prompts.check_text(tag, LONGEST_TAG) for tag in one.tags))
        rated = {} if one.rating is None else {"rating": one.rating}
        found[one.candidate_id] = {"candidate_id": one.candidate_id, **rated, **({"tags": tags} if tags else {})}
    return [found[number] for number in shown if len(found.get(number, ())) > 1]
