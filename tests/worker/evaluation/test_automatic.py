"""The evaluation that every training makes: whole, paired with the parent, and no reason to lose a version."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.serving.generator import Sampling
from models.store.manifest import Manifest
from models.store.rewrites import REWRITES_FILE, Rewrites
from models.store.store import CheckpointStore
from worker.evaluation import automatic, report, systems, testset
from worker.evaluation.automatic import EVALUATION_FILE, NO_CLICKS, Clicks, evaluate_staged, prepare
from worker.evaluation.evaluation_errors import ScorerUnavailable
from worker.evaluation.scorers import Scorers
from worker.evaluation.testset import TestSet
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.training_errors import Cancelled

SAMPLING = Sampling()
CLICKS = Clicks([PreferenceExample("you", "stop", "idiot"), PreferenceExample("not", "good", "bad")], beta=0.2)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tests: TestSet, scorers: Scorers) -> None:
    """Three texts and scorers by hand in place of sixty and the embedded ones."""
    monkeypatch.setattr(testset, "heldout", lambda: tests)
    monkeypatch.setattr(automatic, "load_scorers", lambda cache: scorers)


def version(folder: Path, tiny_serving: Path) -> Path:
    """A version's serving folder within a folder of its own."""
    shutil.copytree(tiny_serving, folder / "serving")
    return folder / "serving"


@pytest.fixture
def parent(tiny_serving: Path, tmp_path: Path) -> Path:
    return version(tmp_path / "1", tiny_serving)


@pytest.fixture
def child(tiny_serving: Path, tmp_path: Path) -> Path:
    return version(tmp_path / "2", tiny_serving)


def test_a_version_is_measured_beside_its_parent_and_the_baselines(parent: Path, child: Path, tmp_path: Path) -> None:
    report = evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", CLICKS)

    assert list(report["systems"]) == ["version", "parent", "copy of the text", "profane words deleted"]
    assert report["scorers"]["similarity"] == {"name": "shared words", "version": "1"}
    assert report["systems"]["version"] == report["systems"]["parent"]
    (comparison,) = report["comparisons"]
    assert not any(found["differs"] for found in comparison["figures"].values())
    assert report["clicks"]["pairs"] == 2
    assert report["clicks"]["version"]["reward_margin"]["value"] == 0
    assert json.loads(json.dumps(report)) == report


def test_what_both_wrote_is_kept_for_people_to_read(parent: Path, child: Path, tmp_path: Path, tests: TestSet) -> None:
    evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", CLICKS)

    found = Rewrites.parse((child.parent / REWRITES_FILE).read_bytes(), 2)
    texts = [item.source for item in tests.items]
    best = systems.System(child).write("a", tests, SAMPLING).best
    assert list(found.version.items()) == list(found.parent.items()) == list(zip(texts, best, strict=True))


def test_a_version_without_a_parent_keeps_its_own(child: Path, tmp_path: Path) -> None:
    evaluate_staged(child, None, SAMPLING, tmp_path / "cache", None)

    found = Rewrites.parse((child.parent / REWRITES_FILE).read_bytes(), 2)
    assert (len(found.version), found.parent) == (3, {})


def test_a_parent_that_kept_no_rewrites_is_measured_again(
    parent: Path, child: Path, tmp_path: Path, written: list[str]
) -> None:
    evaluate_staged(parent, None, SAMPLING, tmp_path / "cache", None)
    path = parent.parent / EVALUATION_FILE
    kept = json.loads(path.read_text())
    del kept["measurement"]["rewrites"]  # as an earlier release wrote it
    path.write_text(json.dumps(kept))

    evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", None)

    assert written == ["version", "version", "parent"]
    found = Rewrites.parse((child.parent / REWRITES_FILE).read_bytes(), 2)
    assert len(found.parent) == 3


def test_the_parent_is_not_measured_again(
    parent: Path, child: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate_staged(parent, None, SAMPLING, tmp_path / "cache", Clicks())
    monkeypatch.setattr(systems, "baselines", lambda tests: pytest.fail("measured again"))
    written: list[str] = []
    write = systems.System.write

    def listen(self: Any, name: str, *rest: Any, **options: Any) -> Any:
        written.append(name)
        return write(self, name, *rest, **options)

    monkeypatch.setattr(systems.System, "write", listen)
    second = evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", Clicks())

    assert written == ["version"]
    assert second["systems"]["parent"] == first["systems"]["version"]
    assert second["clicks"] == {"note": NO_CLICKS}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the systems that were made to write."""
    found: list[str] = []
    write = systems.System.write

    def listen(self: Any, name: str, *rest: Any, **options: Any) -> Any:
        found.append(name)
        return write(self, name, *rest, **options)

    monkeypatch.setattr(systems.System, "write", listen)
    return found


def publish(folder: Path) -> None:
    """Seal a version's folder, so that its files have hashes."""
    CheckpointStore(folder.parent).seal(folder, Manifest(1, None, None, "base", {}, "", {}, "2026-11-22"))


def test_what_was_prepared_is_what_would_have_been_measured(
    parent: Path, child: Path, tmp_path: Path, written: list[str]
) -> None:
    publish(parent.parent)
    prepare(parent, SAMPLING, tmp_path / "cache")
    assert written == ["parent"]
    prepare(parent, SAMPLING, tmp_path / "cache")
    assert written == ["parent"], "once is enough"

    prepared = evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", CLICKS)
    kept = (child.parent / EVALUATION_FILE).read_text()
    assert written == ["parent", "version"]
    assert prepared == evaluate_staged(child, parent, SAMPLING, tmp_path / "other cache", CLICKS)
    assert kept == (child.parent / EVALUATION_FILE).read_text()
    assert written == ["parent", "version", "version", "parent"]


@pytest.mark.parametrize("change", ["damage", "other weights", "other sampling"])
def test_what_was_prepared_counts_for_nothing_else(
    parent: Path, child: Path, tmp_path: Path, written: list[str], change: str
) -> None:
    publish(parent.parent)
    evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", Clicks())
    evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", Clicks())
    assert written == ["version", "parent", "version"], "an evaluation keeps what it measured of its parent"
    sampling = SAMPLING
    if change == "damage":
        (path,) = (tmp_path / "cache" / "evaluation").glob("version-*.json")
        path.write_text("{")
    elif change == "other weights":
        (parent / "vocabulary.txt").write_text("other")
        publish(parent.parent)
    else:
        sampling = Sampling(temperature=1.1)

    report = evaluate_staged(child, parent, sampling, tmp_path / "cache", Clicks())

    assert written[3:] == ["version", "parent"]
    assert report["systems"]["parent"] == report["systems"]["version"]


@pytest.mark.parametrize("change", ["scorers", "damage"])
def test_a_parent_of_other_scorers_is_measured_anew(parent: Path, child: Path, tmp_path: Path, change: str) -> None:
    evaluate_staged(parent, None, SAMPLING, tmp_path / "cache", Clicks())
    path = parent.parent / EVALUATION_FILE
    kept = json.loads(path.read_text())
    kept["scorers"]["fluency"]["version"] = "2"
    kept["measurement"]["statistics"]["j"]["rows"] = [[99, 1]] * 3
    path.write_text(json.dumps(kept) if change == "scorers" else "{")

    report = evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", Clicks())

    assert report["systems"]["parent"] == report["systems"]["version"]


def test_damaged_baselines_are_measured_anew(parent: Path, child: Path, tmp_path: Path) -> None:
    first = evaluate_staged(parent, None, SAMPLING, tmp_path / "cache", Clicks())
    (path,) = (tmp_path / "cache" / "evaluation").iterdir()
    path.write_text("{")

    assert evaluate_staged(child, None, SAMPLING, tmp_path / "cache", Clicks())["systems"] == first["systems"]
    assert json.loads(path.read_text())


def test_baselines_and_parents_that_another_release_measured_are_measured_anew(
    parent: Path, child: Path, tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(parent.parent)
    prepare(parent, SAMPLING, tmp_path / "cache")
    evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", None)
    assert written == ["parent", "version"]
    before = {path.name for path in (tmp_path / "cache" / "evaluation").iterdir()}

    for module in (automatic, report):  # as a new release of sacrebleu, or of our own code, has it
        monkeypatch.setattr(module, "measuring_identity", lambda: "another")
    evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", None)

    assert written == ["parent", "version", "version", "parent"]
    after = {path.name for path in (tmp_path / "cache" / "evaluation").iterdir()}
    assert sorted(name.partition("-")[0] for name in after - before) == ["baselines", "version"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ScorerUnavailable("no such package."), "no such package."),
        (MemoryError("bad_alloc"), "MemoryError: bad_alloc"),
        (AttributeError("tree_"), "AttributeError: tree_"),
    ],
)
def test_a_scorer_that_fails_costs_the_evaluation_and_not_the_version(
    child: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(cache: Path) -> Scorers:
        raise error

    monkeypatch.setattr(automatic, "load_scorers", fail)

    assert evaluate_staged(child, None, SAMPLING, tmp_path / "cache", Clicks()) == {
        "problem": f"The version could not be evaluated: {said}"
    }
    assert not (child.parent / EVALUATION_FILE).exists()


def test_of_a_version_that_no_clicks_made_nothing_is_said_of_clicks(parent: Path, child: Path, tmp_path: Path) -> None:
    assert "clicks" not in evaluate_staged(child, parent, SAMPLING, tmp_path / "cache", None)


def test_it_can_be_stopped_half_way(child: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        evaluate_staged(child, None, SAMPLING, tmp_path / "cache", Clicks(), stop)
