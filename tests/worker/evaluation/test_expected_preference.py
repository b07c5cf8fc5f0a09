"""How often people will prefer a version is estimated from what it and its parent show."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import EMBEDDED_BASE_MODEL
from models.formats.files.pair_files import PairRow
from models.model_errors import ModelError
from models.reward.head import choose_widths, fit
from models.reward.judgments import JudgedScreen
from models.serving.generator import Generator, Sampling
from models.store.store import HEAD_FILE
from worker.evaluation import testset
from worker.evaluation.expected_preference import measured_preference
from worker.evaluation.testset import TestSet
from worker.publish.convert import convert_to_ctranslate2

TEXTS = [
    f"You are a stupid idiot and your {thing} will never work, go home."
    for thing in ("plan", "idea", "car", "house", "boat", "clock", "song", "letter", "garden", "story", "phone", "bike")
]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version") / "serving"
    convert_to_ctranslate2(EMBEDDED_BASE_MODEL, folder)
    return folder


@pytest.fixture(scope="module")
def judged(serving: Path) -> list[JudgedScreen]:
    """Clicks of somebody who likes what is short."""
    generator = Generator(serving, 1, threads=1, seed=1)
    found = []
    for text in TEXTS:
        cards = generator.generate(text, Sampling()).candidates
        shortest = min(range(len(cards)), key=lambda place: len(cards[place].text))
        found.append(JudgedScreen([card.features for card in cards], (shortest,)))
    return found


@pytest.fixture
def rude_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight rude sentences as the held-out ones: what somebody likes shows on sentences that can be shortened."""
    things = ("report", "dog", "sister", "recipe", "poem", "bag", "desk", "team")
    rows = [
        PairRow(
            line, f"You dumb moron, your {thing} is a piece of crap and nobody wants it here.", ("It is not good.",)
        )
        for line, thing in enumerate(things, start=1)
    ]
    monkeypatch.setattr(testset, "heldout", lambda: TestSet("rude", tuple(rows)))


@pytest.mark.usefixtures("rude_texts")
def test_a_head_that_chooses_better_is_a_promise_by_itself(serving: Path, judged: list[JudgedScreen]) -> None:
    head = fit(judged, choose_widths(judged))
    found = measured_preference(serving, serving, head, judged, TEXTS, Sampling())
    assert found["clicks"] == len(TEXTS)
    assert 0.5 < found["value"] <= 1
    assert found["low"] < found["value"] < found["high"]
    assert isinstance(found["shown"], bool)
    (serving.parent / HEAD_FILE).write_bytes(head.to_bytes())
    try:
        level = measured_preference(serving, serving, head, judged, TEXTS, Sampling())
    finally:
        (serving.parent / HEAD_FILE).unlink()
    assert abs(level["value"] - 0.5) < abs(found["value"] - 0.5), "the parent chooses by the same head"


@pytest.mark.usefixtures("few_texts")
def test_who_asks_may_end_it(serving: Path, judged: list[JudgedScreen]) -> None:
    def stop() -> None:
        raise ModelError("enough")

    with pytest.raises(ModelError, match="enough"):
        measured_preference(serving, serving, fit(judged, (0.5, 0.2, 0.1)), judged, TEXTS, Sampling(), check=stop)


@pytest.mark.usefixtures("rude_texts")
def test_a_head_that_cannot_be_read_is_left_aside(serving: Path, judged: list[JudgedScreen]) -> None:
    (serving.parent / HEAD_FILE).write_bytes(b"broken")
    try:
        found = measured_preference(serving, serving, fit(judged, choose_widths(judged)), judged, TEXTS, Sampling())
    finally:
        (serving.parent / HEAD_FILE).unlink()
    assert found["value"] > 0.5
