"""The evaluation that every training makes of its version before it is published.

On the 60 held-out sentences, by the embedded scorers, beside its parent and the baselines. What the manifest keeps is
the report. `evaluation.json` in the version's folder keeps what each text scored, so that the next version is compared
with this one text by text without measuring it again. A parent that has none, such as version 1, is measured once and
kept in the cache, as the baselines are: by `prepare`, before anybody waits for it, or else by the first evaluation.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import ModelError, VersionDamaged
from models.serving.generator import Sampling
from models.store.figures import PARENT, VERSION
from models.store.manifest import Manifest
from worker.evaluation import report, systems, testset
from worker.evaluation.comparison import check_comparable
from worker.evaluation.errors import EvaluationError, NotComparable
from worker.evaluation.measure import Measurement, measure
from worker.evaluation.preferences import click_figures, odds
from worker.evaluation.scorers import Scorers
from worker.evaluation.scorers.loading import load_scorers
from worker.evaluation.testset import TestSet
from worker.training.shared.errors import Cancelled
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.writing import write_aside

log = logging.getLogger(__name__)

EVALUATION_FILE = "evaluation.json"
SHOWN_EVERY = 3
"""Candidates are drawn for every third text: drawing takes most of the time."""

NO_CLICKS = "No clicks are held out yet: that begins at 50 prompts."


@dataclass(frozen=True)
class Clicks:
    """Held-out pairs, and the β their margins are reported with."""

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
    """Measure a version before it is sealed, write `evaluation.json` beside its serving folder, return the report.

    `serving` and `parent_serving` are serving folders within their versions' folders. `clicks` is None where a version
    was not trained on clicks. `check` is called after every text and may raise Cancelled. Nothing here is worth losing
    a trained version for: what cannot be measured is returned as a report whose only key, `problem`, is one sentence.
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
    """Measure what the evaluation of a version that is trained from `parent_serving` will find in the cache.

    Raises EvaluationError, ModelError or OSError.
    """
    yardstick = _Yardstick(testset.heldout(), load_scorers(cache), sampling, cache)
    _baselines(yardstick.tests, yardstick.scorers, cache / "evaluation")
    if yardstick.known(parent_serving) is None:
        yardstick.measure_parent(systems.System(parent_serving), parent_serving)


def _evaluate(
    serving: Path,
    parent_serving: Path | None,
    sampling: Sampling,
    cache: Path,
    clicks: Clicks | None,
    check: Callable[[], None],
) -> dict[str, Any]:
    tests, scorers = testset.heldout(), load_scorers(cache)
    yardstick = _Yardstick(tests, scorers, sampling, cache, check)
    examples = clicks.examples if clicks else ()
    known = yardstick.known(parent_serving) if parent_serving else None
    ours = systems.System(serving)
    parent = systems.System(parent_serving) if parent_serving and (examples or not known) else None
    measured = {VERSION: yardstick.measure(VERSION, ours)}
    if known is not None:
        measured[PARENT] = known
    elif parent is not None and parent_serving is not None:
        measured[PARENT] = yardstick.measure_parent(parent, parent_serving)
    found = report.build([*measured.values()], tests, scorers, sampling)
    found["systems"] |= _baselines(tests, scorers, cache / "evaluation")
    if PARENT in measured:
        found["comparisons"] = [report.compared(measured[VERSION], measured[PARENT])]
    if clicks and parent is not None and examples:
        found["clicks"] = click_figures(examples, odds(ours, examples), odds(parent, examples), clicks.beta)
    elif clicks and parent_serving is not None:
        found["clicks"] = {"note": NO_CLICKS}
    # Into a staged folder, which is published whole or not at all.
    (serving.parent / EVALUATION_FILE).write_text(_as_kept(yardstick.origin, measured[VERSION]), encoding="utf-8")
    return found


class _Yardstick:
    """What versions are measured on and by. `check` is called after every text and may raise Cancelled."""

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
        """One system by itself: what its texts score must not depend on what else is scored with them."""
        written = system.write(name, self.tests, self._sampling, lambda *_: self._check(), shown_every=SHOWN_EVERY)
        (measurement,) = measure([written], self.tests, self.scorers)
        self._check()
        return measurement

    def measure_parent(self, system: systems.System, serving: Path) -> Measurement:
        """A version that left no evaluation; what is found is kept for the next one, if the version is published."""
        measurement = self.measure(PARENT, system)
        path = self._kept_in(serving)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_aside(path, _as_kept(self.origin, measurement))
        return measurement

    def known(self, parent_serving: Path) -> Measurement | None:
        """What was measured of a parent when it was published, or later, if it may be compared with what is now."""
        for path in (parent_serving.parent / EVALUATION_FILE, self._kept_in(parent_serving)):
            if path is not None and path.is_file():
                try:
                    kept = json.loads(path.read_text(encoding="utf-8"))
                    check_comparable(self.origin, kept)
                    return Measurement(PARENT, Measurement.from_dict(kept["measurement"]).statistics)
                except (NotComparable, ValueError, KeyError, TypeError, AttributeError):
                    pass  # made by other scorers or another release: it is measured anew
        return None

    def _kept_in(self, serving: Path) -> Path | None:
        """Where what was measured of a version is kept, by the hashes of what serves it; None if it has no manifest."""
        try:
            files = Manifest.read(serving.parent).files
        except VersionDamaged:
            return None
        served = {name: digest for name, digest in files.items() if name.startswith(f"{serving.name}/")}
        key = json.dumps([self.origin, served], sort_keys=True)
        return self._cache / "evaluation" / f"version-{_digest(key)}.json"


def _baselines(tests: TestSet, scorers: Scorers, cache: Path) -> dict[str, Any]:
    """The figures of the baselines, which are the same for every version: measured once, then kept in `cache`."""
    key = json.dumps([report.FORMAT, tests.identity, scorers.identity], sort_keys=True)
    path = cache / f"baselines-{_digest(key)}.json"
    if path.is_file():
        with suppress(ValueError):  # a damaged one is measured anew
            return dict(json.loads(path.read_text(encoding="utf-8")))
    measured = measure(systems.baselines(tests), tests, scorers)
    found = {measurement.system: report.figures(measurement) for measurement in measured}
    cache.mkdir(parents=True, exist_ok=True)
    write_aside(path, json.dumps(found))
    return found


def _as_kept(origin: Mapping[str, Any], measurement: Measurement) -> str:
    kept = {**origin, "measurement": measurement.as_dict()}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False) + "\n"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
