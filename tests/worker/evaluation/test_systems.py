"""What is measured is what is shown, drawn the same each time; baselines do what they are called."""

from pathlib import Path

import pytest

from models.formats.files.pair_files import PairRow
from models.serving.generator import Generator, Sampling
from worker.evaluation.evaluation_errors import EvaluationError
from worker.evaluation.systems import System, baselines, loaded, without_profanity
from worker.evaluation.testset import TestSet

SAMPLING = Sampling(temperature=2.0)


def test_the_same_version_draws_the_same_candidates_each_time(tiny_serving: Path, tests: TestSet) -> None:
    first, second = (System(tiny_serving).write("a", tests, SAMPLING) for _ in range(2))

    assert first == second
    assert first.shown is not None
    assert len(first.best) == len(first.shown) == 3
    assert all(row and 1 <= len(row) <= 3 for row in first.shown)


def test_candidates_can_be_drawn_of_some_texts_only(tiny_serving: Path, tests: TestSet) -> None:
    found = System(tiny_serving).write("a", tests, SAMPLING, shown_every=2)

    assert found.shown is not None
    assert [row is not None for row in found.shown] == [True, False, True]


def test_a_checkpoint_is_measured_in_its_serving_form(tiny_t5: Path, tiny_serving: Path, tests: TestSet) -> None:
    with loaded(str(tiny_t5)) as system:
        assert system.write("a", tests, SAMPLING) == System(tiny_serving).write("a", tests, SAMPLING)


def test_every_text_is_told_of_and_what_listens_may_stop_it(tiny_serving: Path, tests: TestSet) -> None:
    heard: list[tuple[int, int]] = []

    def stop_at_once(done: int, total: int) -> None:
        raise KeyboardInterrupt

    System(tiny_serving).write("a", tests, SAMPLING, lambda done, total: heard.append((done, total)))
    assert heard[-1] == (3, 3)
    with pytest.raises(KeyboardInterrupt):
        System(tiny_serving).write("a", tests, SAMPLING, stop_at_once)


def test_a_text_that_is_too_long_is_named_by_its_line(tiny_serving: Path) -> None:
    long = TestSet("long.tsv", (PairRow(2, "fine", ()), PairRow(3, "word " * 600, ())))

    with pytest.raises(EvaluationError, match=r"^long\.tsv, line 3: The text has \d+ tokens and the model reads 512"):
        System(tiny_serving).write("a", long, SAMPLING)


def test_deletion_removes_words_and_leaves_no_stars() -> None:
    assert without_profanity()("what the fuck is this shit ?") == "what the is this ?"
    assert without_profanity()("good morning") == "good morning"


def test_people_are_a_baseline_only_where_every_text_has_a_reference(tests: TestSet) -> None:
    assert [system.name for system in baselines(tests)] == ["copy of the text", "profane words deleted"]


def test_people_are_compared_with_the_references_that_are_not_their_own() -> None:
    two = TestSet("two", (PairRow(2, "a", ("b", "c", "d")), PairRow(3, "e", ("f",))))

    people = baselines(two)[-1]

    assert people.name == "people"
    assert people.best == ("b", "f")
    assert people.references == (("c", "d"), ())


def test_an_error_of_one_share_ends_the_writing(
    tiny_serving: Path, tests: TestSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = System(tiny_serving)

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Generator, "best", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        system.write("a", tests, SAMPLING)
