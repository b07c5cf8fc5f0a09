"""On real sentences the yardstick points the right way."""

import os
from pathlib import Path

import pytest

from app.config import EMBEDDED_BASE_MODEL
from worker.evaluation.measure import Measurement, measure
from worker.evaluation.scorers.loading import load_scorers
from worker.evaluation.systems import baselines
from worker.evaluation.testset import read
from worker.measures.intervals import difference

DATA = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data")) / "paradetox.tsv"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DATA.is_file(), reason=f"{DATA} is not there: name the folder of ParaDetox in MELLOW_SHARED_DATA"
    ),
]


@pytest.fixture(scope="module")
def measured(cache: Path) -> dict[str, Measurement]:
    """Copying, deletion and people on 150 dev sources."""
    tests = read(DATA, unseen_by=[Path(EMBEDDED_BASE_MODEL)], max_samples=150)
    return {found.system: found for found in measure(baselines(tests), tests, load_scorers(cache))}


def test_people_write_more_fluently_than_deletion_leaves_a_text(measured: dict[str, Measurement]) -> None:
    people, deletion = (measured[name].statistics["fl"] for name in ("people", "profane words deleted"))

    assert difference(people, deletion).low > 0.02


def test_people_are_the_most_neutral_and_copies_the_least(measured: dict[str, Measurement]) -> None:
    neutral = {name: found.estimates["sta"] for name, found in measured.items()}

    assert neutral["people"].low > neutral["profane words deleted"].low > neutral["copy of the text"].high


def test_a_copy_is_worth_nothing_by_j_although_it_keeps_every_word(measured: dict[str, Measurement]) -> None:
    copy = measured["copy of the text"].estimates

    assert copy["sim"].value == pytest.approx(1, abs=1e-4)
    assert copy["j"].high < measured["people"].estimates["j"].low
