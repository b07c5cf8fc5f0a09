"""The figures, worked out by hand."""

import json

import pytest

from models.store.evaluation_figures import FIGURES
from worker.evaluation.measure import Measurement, measure
from worker.evaluation.scorers import Scorers
from worker.evaluation.systems import Outputs
from worker.evaluation.testset import TestSet
from worker.measures.sari import sari

BEST = ("you person", "what an idiot", "brokn idea")
SHOWN = (
    ("you person", "you dumb person", "you silly person"),
    ("what an idiot", "what an idiot"),
    ("good idea", "idea", "good"),
)


def figures(outputs: Outputs, tests: TestSet, scorers: Scorers) -> dict[str, float]:
    (found,) = measure([outputs], tests, scorers)
    return {name: estimate.value for name, estimate in found.estimates.items()}


@pytest.fixture
def found(tests: TestSet, scorers: Scorers) -> dict[str, float]:
    return figures(Outputs("a", BEST, SHOWN, tests.references), tests, scorers)


def test_j_multiplies_text_by_text(found: dict[str, float]) -> None:
    # Neutral 1, 0, 1; similar 2/3, 1, 1/2; fluent 1, 1, 1/2.
    assert found["sta"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["sim"] == pytest.approx((2 / 3 + 1 + 1 / 2) / 3, abs=1e-6)
    assert found["fl"] == pytest.approx(2.5 / 3, abs=1e-6)
    assert found["j"] == pytest.approx((2 / 3 + 0 + 1 / 2) / 3, abs=1e-6)
    assert found["j_fl"] == pytest.approx((2 / 3 + 0 + 1 / 4) / 3, abs=1e-6)


def test_a_rewrite_in_the_words_of_the_text_is_a_copy(found: dict[str, float]) -> None:
    assert found["copies"] == pytest.approx(1 / 3, abs=1e-6)


def test_no_interval_leaves_what_its_figure_can_be(tests: TestSet, scorers: Scorers) -> None:
    copies = Outputs("copies", tuple(item.source for item in tests.items), SHOWN, tests.references)
    (found,) = measure([copies], tests, scorers)

    assert found.estimates["sim"].high == 1
    for name, estimate in found.estimates.items():
        least, greatest = FIGURES[name].limits or (0, 0)
        assert least <= estimate.low <= estimate.value <= estimate.high <= greatest, name


def test_sari_is_the_mean_over_texts_that_have_references(tests: TestSet, found: dict[str, float]) -> None:
    rows = [(tests.items[row].source, BEST[row], tests.references[row]) for row in (0, 1)]

    assert found["sari"] == pytest.approx(sum(sari(*row) for row in rows) / 2, abs=1e-6)


def test_the_three_shown_have_a_best_a_mean_and_a_worst(found: dict[str, float]) -> None:
    # J of the three: 2/3, 0, 2/3; then 0, 0 and nobody there; then 1, 1/2, 1/2.
    assert found["j_oracle"] == pytest.approx((2 / 3 + 0 + 1) / 3, abs=1e-6)
    assert found["j_single"] == pytest.approx((4 / 9 + 0 + 2 / 3) / 3, abs=1e-6)
    assert found["j_worst"] == pytest.approx((0 + 0 + 1 / 2) / 3, abs=1e-6)


def test_a_place_that_stays_empty_counts_as_the_worst(tests: TestSet, scorers: Scorers) -> None:
    two = (("good idea",) * 2,) * 3

    assert figures(Outputs("a", BEST, two, tests.references), tests, scorers)["j_worst"] == 0


def test_three_are_different_if_their_words_are(tests: TestSet, scorers: Scorers) -> None:
    alike = (("You, person!", "you person", "you there"), ("a", "b", "c"), ("a", "a b", "b"))

    found = figures(Outputs("a", BEST, alike, tests.references), tests, scorers)

    assert found["distinct"] == pytest.approx(2 / 3, abs=1e-6)


def test_candidates_that_were_not_drawn_do_not_count(tests: TestSet, scorers: Scorers) -> None:
    found = figures(Outputs("a", BEST, (None, None, SHOWN[2]), tests.references), tests, scorers)

    assert found["j_oracle"] == 1
    assert found["distinct"] == 1


def test_equal_candidates_have_no_diversity(tests: TestSet, scorers: Scorers) -> None:
    same = (("good idea",) * 3,) * 3

    assert figures(Outputs("a", BEST, same, tests.references), tests, scorers)["diversity"] == 0


def test_what_shows_nothing_has_no_figures_of_shown_texts(tests: TestSet, scorers: Scorers) -> None:
    found = figures(Outputs("a", BEST, None, ((), (), ())), tests, scorers)

    assert set(found) == {"j", "j_fl", "sta", "sim", "fl", "copies"}


def test_a_measurement_survives_being_kept_as_json(tests: TestSet, scorers: Scorers) -> None:
    (found,) = measure([Outputs("a", BEST, SHOWN, tests.references)], tests, scorers)

    again = Measurement.from_dict(json.loads(json.dumps(found.as_dict())))

    assert again.estimates == found.estimates


def test_a_text_is_scored_once_whoever_wrote_it(tests: TestSet, scorers: Scorers) -> None:
    seen: list[str] = []

    class Counting:
        name, version = "counting", "1"

        def __call__(self, texts: list[str]) -> list[float]:
            seen.extend(texts)
            return [0.0] * len(texts)

    counting = Scorers(Counting(), scorers.similarity, scorers.fluency)  # type: ignore[arg-type]  # a list will do
    measure([Outputs(name, BEST, SHOWN, tests.references) for name in "ab"], tests, counting)

    assert len(seen) == len(set(seen))
