"""No builder, anchor or text that comes with the recipes is one that versions are tested on."""

import random
from itertools import cycle
from pathlib import Path

import pytest

from app.services.prompts import samples
from models.formats.splitting import split_key
from models.store.trained_on import TrainedOn
from models.texts.heldout import heldout_pairs, is_measured, read_pairs
from tests.pictures import screenshots
from worker.base.texts.held_out import Pair, unmeasured
from worker.base.texts.phrases import short_insult
from worker.base.texts.rudeness import outburst, remark, rude_words
from worker.training.clicks.anchors import ANCHORS_FILE
from worker.training.clicks.shipped_texts import COMMENTS_FILE, SENTENCES_FILE, shipped_texts

SENTENCES = SENTENCES_FILE.read_text(encoding="utf-8").splitlines()
BASE = Path("models/base")


def lines(number: int) -> list[str]:
    """So many lines of all generators of rude and polite texts, by turns."""
    rng = random.Random(7)
    made: list[str] = []
    for sentence in cycle(SENTENCES):
        made += [*short_insult(rng), *remark(rng), rude_words(sentence, rng), outburst(sentence, rng)]
        if len(made) >= number:
            return made
    raise AssertionError("there are no sentences")


def measured(texts: list[str]) -> list[str]:
    return [text for text in texts if is_measured(text)]


def test_generators_make_no_text_that_versions_are_tested_on() -> None:
    assert measured(lines(20_000)) == []


@pytest.mark.slow
def test_a_million_lines_hold_no_text_that_versions_are_tested_on() -> None:
    assert measured(lines(1_000_000)) == []


def test_a_pair_that_versions_are_tested_on_is_drawn_again() -> None:
    source, rewrite = heldout_pairs()[0]
    draws: list[Pair] = [(source.upper(), "other"), ("other", f"{rewrite}!"), ("you there", "you")]
    assert unmeasured(lambda rng: draws.pop(0), random.Random(1)) == ("you there", "you")


def test_anchors_and_shipped_texts_are_none_that_versions_are_tested_on() -> None:
    anchors = [text for pair in read_pairs(ANCHORS_FILE) for text in pair]
    comments = COMMENTS_FILE.read_text(encoding="utf-8").splitlines()
    assert measured([*anchors, *SENTENCES, *comments, *shipped_texts(), *samples.texts()]) == []


def test_the_base_was_trained_on_no_text_that_it_is_tested_on_or_shown_with() -> None:
    record = TrainedOn.read(BASE)
    assert record is not None
    shown = [*screenshots.TEXTS, *screenshots.QUEUED]
    assert not any(record.knows([*(source for source, _ in heldout_pairs()), *shown]))
    assert not {split_key(text) for text in shown} & {split_key(line) for line in lines(20_000)}
