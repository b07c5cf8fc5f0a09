"""The texts that this studio's versions are tested on: those that come with Mellow, and prompts that are held out."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt
from models.formats.splitting import held_out_keys
from models.texts.heldout import HELD_OUT_ONE_IN, heldout_pairs
from models.texts.near_duplicates import TestedTexts

_AT_ONCE = 1_000


def evaluation_texts(session: Session) -> TestedTexts:
    """Return them; the prompts are those that somebody has judged and training holds out, attention checks apart."""
    of_it = Generation.prompt_id == Prompt.id, Generation.gold.is_(False), Judgment.undone_at.is_(None)
    judged = exists(select(Judgment.id).join(Generation, Generation.id == Judgment.generation_id).where(*of_it))
    prompts = session.scalars(select(Prompt.text).where(judged), execution_options={"yield_per": _AT_ONCE})
    held_out = (text for text in prompts if held_out_keys([text], HELD_OUT_ONE_IN))
    return TestedTexts([*(text for pair in heldout_pairs() for text in pair), *held_out])
