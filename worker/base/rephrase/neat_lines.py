"""Lines of the corpora that are mostly correct and polite."""

import random
from pathlib import Path

from worker.base.rephrase.overlap import without_overlap
from worker.base.texts.corpus import read_lines
from worker.base.texts.lexicon import Lexicon

_LINES_OF_EACH = 40_000
_FEWEST_WORDS, _MOST_WORDS = 4, 40
_NEAT = (
    "common_voice_cc0", "ewt_web", "goemotions", "onestop_english", "sgd_dialogue", "synthetic_persona_chat",
    "taskmaster", "taskmaster34", "tatoeba_en", "topical_chat", "wiki_talk",
)  # fmt: skip


def neat_lines(data: Path, lexicon: Lexicon, held_out: set[str]) -> list[str]:
    """Return lines of the corpora that are mostly correct and polite, some of each, the same ones each time."""
    found: list[str] = []
    for name in _NEAT:
        path = data / "corpus" / f"{name}.txt.gz"
        lines = read_lines(path) if path.exists() else []
        drawn = random.Random(name).sample(lines, min(_LINES_OF_EACH, len(lines)))
        fitting = [line for line in drawn if _FEWEST_WORDS <= len(line.split()) <= _MOST_WORDS]
        alone = without_overlap([(line, "") for line in fitting], held_out)
        found += [line for line, _ in alone if not lexicon.is_toxic(line)]
    return found
