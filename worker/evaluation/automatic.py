"""The automatic evaluation of a new version before it is published.

The embedded scorers measure it on the 60 held-out sentences, with its parent and the baselines. The manifest keeps the
report. `evaluation.json` in the version's folder keeps the scores of each text, so that the next version can be
compared with this one text by text; `rewrites.json` keeps what it and its parent wrote, for people to read. A parent
without that, such as version 1, is measured once and cached, as the baselines are: in advance by `prepare`, or else by
the first evaluation.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.model_errors import ModelError, VersionDamaged
from models.serving.generator import Sampling
from models.store.evaluation_figures import PARENT, VERSION
from models.store.manifest import Manifest
from models.store.rewrites import Rewrites
from worker.evaluation import report, systems, testset
from worker.evaluation.comparison import check_comparable
from worker.evaluation.evaluation_errors import EvaluationError, NotComparable
from worker.evaluation.measure import Measurement, measure
from worker.evaluation.measuring_code import measuring_identity
from worker.evaluation.preferences import click_figures, pair_log_probs
from worker.evaluation.scorers import Scorers
from worker.evaluation.scorers.loading import load_scorers
from worker.evaluation.testset import TestSet
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.training_errors import Cancelled
from worker.training.shared.writing import write_aside

log = logging.getLogger(__name__)

EVALUATION_FILE = "evaluation.json"
SHOWN_EVERY = 3
"""Candidates are sampled for every third text only, because sampling takes most of the time."""

NO_CLICKS = (
    "No click tests it yet: a tenth of the texts is held out, and only those that no earlier version learned count."
)


@dataclass(frozen=True)
class Clicks:
    """Held-out preference pairs, and the β that scales their reported margins."""

    examples: Sequence[PreferenceExample] = field(default=())
    beta: float = 1.0


def evaluate_staged(
    serving: Path,
    parent_serving: Path | None,
    sampling: Sampling,
    cache: Path,
    clicks: Clicks | None,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Evaluate a staged version, keep scores and rewrites beside its serving folder, and return the report.

    `serving` and `parent_serving` are serving folders within their versions' folders. `clicks` is None for a version
    that was not trained on clicks. `check` is called after every text and may raise Cancelled. No failure here may cost
    a trained version: on an error the report has the single key `problem`, with one sentence.
    """
    try:
        return _evaluate(serving, parent_serving, sampling, cache, clicks, check)
    except Cancelled:  # raised by `check`
        raise
    except (EvaluationError, ModelError) as error:
        return {"problem": f"The version could not be evaluated: {error}"}
    except Exception as error:
        log.exception("The evaluation failed.")
        return {"problem": f"The version could not be evaluated: {type(error).__name__}: {error}"}


def prepare(parent_serving: Path, sampling: Sampling, cache: Path) -> None:
    """Measure and cache what evaluations of versions trained from `parent_serving` need: baselines and parent.

    Raises EvaluationError, ModelError or OSError.
    """
    evaluator = _Evaluator(testset.heldout(), load_scorers(cache), sampling, cache)
    _baselines(evaluator.tests, evaluator.scorers, cache / "evaluation")
    if evaluator.known(parent_serving) is None:
        evaluator.measure_parent(systems.System(parent_serving), parent_serving)


def _evaluate(
    serving: Path,
    parent_serving: Path | None,
    sampling: Sampling,
    cache: Path,
    clicks: Clicks | None,
    check: Callable[[], None],
) -> dict[str, Any]:
    tests, scorers = testset.heldout(), load_scorers(cache)
    evaluator = _Evaluator(tests, scorers, sampling, cache, check)
    examples = clicks.examples if clicks else ()
    known = evaluator.known(parent_serving) if parent_serving else None
    ours = systems.System(serving)
    parent = systems.System(parent_serving) if parent_serving and (examples or not known) else None
    measured = {VERSION: evaluator.measure(VERSION, ours)}
    if known is not None:
        measured[PARENT] = known
    elif parent is not None and parent_serving is not None:
        measured[PARENT] = evaluator.measure_parent(parent, parent_serving)
    found = report.build([*measured.values()], tests, scorers, sampling)
    found["systems"] |= _baselines(tests, scorers, cache / "evaluation")
    if PARENT in measured:
        found["comparisons"] = [report.compared(measured[VERSION], measured[PARENT])]
    if clicks and parent is not None and examples:
        found["clicks"] = click_figures(
            examples, pair_log_probs(ours, examples), pair_log_probs(parent, examples), clicks.beta
        )
    elif clicks and parent_serving is not None:
        found["clicks"] = {"note": NO_CLICKS}
    # Written directly: a staged folder is published whole or not at all.
    (serving.parent / EVALUATION_FILE).write_text(_to_json(evaluator.origin, measured[VERSION]), encoding="utf-8")
    Rewrites(*(_by_text(tests, measured.get(name)) for name in (VERSION, PARENT))).write(serving.parent)
    return found


def _by_text(tests: TestSet, measurement: Measurement | None) -> dict[str, str]:
    """Return the rewrite of each text; empty without a measurement."""
    if measurement is None:
        return {}
    return dict(zip((item.source for item in tests.items), measurement.rewrites, strict=True))


class _Evaluator:
    """Measures versions with one test set, scorers and sampling.

    `check` is called after every text and may raise Cancelled.
    """

    def __init__(
        self,
        tests: TestSet,
        scorers: Scorers,
        sampling: Sampling,
        cache: Path,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.tests, self.scorers = tests, scorers
        self.origin = report.origin(tests, scorers, sampling)
        self._sampling, self._cache, self._check = sampling, cache, check

    def measure(self, name: str, system: systems.System) -> Measurement:
        """Measure one system by itself, so that its scores do not depend on other systems."""
        written = system.write(name, self.tests, self._sampling, lambda *_: self._check(), shown_every=SHOWN_EVERY)
        (measurement,) = measure([written], self.tests, self.scorers)
        self._check()
        return measurement

    def measure_parent(self, system: systems.System, serving: Path) -> Measurement:
        """Measure a version without a kept evaluation; cache the result if the version is published."""
        measurement = self.measure(PARENT, system)
        path = self._cache_path(serving)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_aside(path, _to_json(self.origin, measurement))
        return measurement

    def known(self, parent_serving: Path) -> Measurement | None:
        """Return the kept measurement of a parent if it is comparable with new ones, or None."""
        for path in (parent_serving.parent / EVALUATION_FILE, self._cache_path(parent_serving)):
            if path is not None and path.is_file():
                try:
                    kept = json.loads(path.read_text(encoding="utf-8"))
                    check_comparable(self.origin, kept)
                    return replace(Measurement.from_dict(kept["measurement"]), system=PARENT)
                except (NotComparable, ValueError, KeyError, TypeError, AttributeError):
                    pass  # made with other scorers or by another release: measure again
        return None

    def _cache_path(self, serving: Path) -> Path | None:
        """Return the cache path of a version's measurement, by its serving files' hashes; None without a manifest."""
        try:
            files = Manifest.read(serving.parent).files
        except VersionDamaged:
            return None
        served = {name: digest for name, digest in files.items() if name.startswith(f"{serving.name}/")}
        key = json.dumps([self.origin, served], sort_keys=True)
        return self._cache / "evaluation" / f"version-{_digest(key)}.json"


def _baselines(tests: TestSet, scorers: Scorers, cache: Path) -> dict[str, Any]:
    """Return the figures of the baselines, measured once for all versions and kept in `cache`."""
    key = json.dumps([report.FORMAT, tests.identity, scorers.identity, measuring_identity()], sort_keys=True)
    path = cache / f"baselines-{_digest(key)}.json"
    if path.is_file():
        with suppress(ValueError):  # damaged: measure again
            return dict(json.loads(path.read_text(encoding="utf-8")))
    measured = measure(systems.baselines(tests), tests, scorers)
    found = {measurement.system: report.figures(measurement) for measurement in measured}
    cache.mkdir(parents=True, exist_ok=True)
    write_aside(path, json.dumps(found))
    return found


def _to_json(origin: Mapping[str, Any], measurement: Measurement) -> str:
    kept = {**origin, "measurement": measurement.as_dict()}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False) + "\n"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
