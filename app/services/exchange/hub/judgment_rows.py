"""The data set of judgments: what was shown in which order, what was said of it, by whom and when."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from app.services.exchange import judged_screens, judgment_table
from app.services.exchange.hub.card import MESSAGES, MOMENT, Column
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.judgment_table import Row
from app.services.exchange.outgoing.redaction import Redactor

COLUMNS = {
    "judgment": Column("string", "the identity of the judgment"),
    "prompt": Column("string", "the text to rewrite"),
    "candidates": Column("list<string>", "the rewrites that were shown, in that order"),
    "verdict": Column("string", "`chosen`, `edited`, `fine`, `tie`, `none` or `skipped`"),
    "position": Column("int64", "which rewrite was chosen, counted from 1"),
    "tied": Column("list<int64>", "which rewrites are equally good"),
    "chosen": Column("string", "the text that was chosen, or written instead"),
    "person": Column("string", "who judged, under a number that means nothing elsewhere"),
    "created_at": Column(MOMENT, "when"),
    "seconds": Column("float64", "how long it took"),
    "version": Column("int64", "the version of the model that wrote the chosen rewrite"),
    "versions": Column("list<int64>", "the versions of the model that wrote the rewrites"),
    "source": Column("string", "where the prompt comes from"),
    "reason": Column("string", "why it was skipped or flagged"),
    "flagged": Column("bool", "whether an admin should look at it"),
    "ranking": Column("list<int64>", "the places of the rewrites, that of the best first, where they were ranked"),
    "ratings": Column("list<int64>", "a rating of each rewrite from 1 to 5, where any was given"),
    "tags": Column("list<string>", "the tags of each rewrite, with commas between them, where there are any"),
    "kind": Column("string", "`opinion`, or `decision` where a reviewer decided what others disagreed on"),
    "decided_by": Column("string", "the identity of the decision that counts instead"),
}
"""The columns of the table of judgments but for those of attention checks, of which there are none in it, and comments.

These are for colleagues, not for everybody who reads a published data set.
"""

OF_ANSWERING = {
    "prompt": Column("string", "what is asked"),
    "candidates": Column("list<string>", "the answers that were shown, in that order"),
    "turns": Column(MESSAGES, "what was said before"),
    "system": Column("string", "the system message that the answers were given under"),
}
"""The columns that are other ones in an answering project."""


def rows(session: Session, wanted: JudgmentFilter, told: bool, redactor: Redactor) -> Iterator[Row]:
    """Yield a row for each judgment, without attention checks, which tell of the person; `told` adds metadata."""
    people = judged_screens.People(session, pseudonyms=True)
    screens = (screen for screen in judged_screens.read(session, wanted) if not screen.gold)
    for row in judgment_table.rows(redactor.screens(screens, whole=True), people, told):
        del row["gold"], row["comment"]
        row["tags"] = [", ".join(tags) for tags in row["tags"]]
        yield row
