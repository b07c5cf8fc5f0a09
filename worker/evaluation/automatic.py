"""The evaluation that every training makes of its version before it is published.

On the 60 held-out sentences, by the embedded scorers, beside its parent and the baselines. What the manifest keeps is
the report. `evaluation.json` in the version's folder keeps what each text scored, so that the next version is compared
with this one text by text without measuring it again.
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

from models.errors import ModelError
from models.figures import PARENT, VERSION
from models.generator import Sampling
from worker.evaluation import report, systems, testset
from worker.evaluation.comparison import check_comparable
from worker.evaluation.errors import EvaluationError, NotComparable
from worker.evaluation.measure import Measurement, measure
from worker.evaluation.preferences import click_figures, odds
from worker.evaluation.scorers import Scorers
from worker.evaluation.scorers.loading import load_scorers
from worker.evaluation.writing import write_aside
from worker.training.errors import Cancelled
from worker.training.examples import PreferenceExample

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


def _evaluate(
    serving: Path,
    parent_serving: Path | None,
    sampling: Sampling,
    cache: Path,
    clicks: Clicks | None,
    check: Callable[[], None],
) -> dict[str, Any]:
    tests, scorers = testset.heldout(), load_scorers(cache)
    examples = clicks.examples if clicks else ()
    origin = report.origin(tests, scorers, sampling)
    known = _parents_own(parent_serving, origin)
    ours = systems.System(serving)
    parent = systems.System(parent_serving) if parent_serving and (examples or not known) else None
    outputs = []
    for name, system in ((VERSION, ours), (PARENT, None if known else parent)):
        if system is not None:
            outputs.append(system.write(name, tests, sampling, lambda *_: check(), shown_every=SHOWN_EVERY))
    measured = {measurement.system: measurement for measurement in measure(outputs, tests, scorers)}
    check()
    if known is not None:
        measured[PARENT] = known
    found = report.build([*measured.values()], tests, scorers, sampling)
    found["systems"] |= _baselines(tests, scorers, cache / "evaluation")
    if PARENT in measured:
        found["comparisons"] = [report.compared(measured[VERSION], measured[PARENT])]
    if clicks and parent is not None and examples:
        found["clicks"] = click_figures(examples, odds(ours, examples), odds(parent, examples), clicks.beta)
    elif clicks and parent_serving is not None:
        found["clicks"] = {"note": NO_CLICKS}
    _keep(serving.parent / EVALUATION_FILE, origin, measured[VERSION])
    return found


def _baselines(tests: testset.TestSet, scorers: Scorers, cache: Path) -> dict[str, Any]:
    """The figures of the baselines, which are the same for every version: measured once, then kept in `cache`."""
    key = json.dumps([report.FORMAT, tests.identity, scorers.identity], sort_keys=True)
    path = cache / f"baselines-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if path.is_file():
        with suppress(ValueError):  # a damaged one is measured anew
            return dict(json.loads(path.read_text(encoding="utf-8")))
    measured = measure(systems.baselines(tests), tests, scorers)
    found = {measurement.system: report.figures(measurement) for measurement in measured}
    cache.mkdir(parents=True, exist_ok=True)
    write_aside(path, json.dumps(found))
    return found


def _keep(path: Path, origin: Mapping[str, Any], ours: Measurement) -> None:
    """Into a staged folder, which is published whole or not at all."""
    kept = {**origin, "measurement": ours.as_dict()}
    path.write_text(json.dumps(kept, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")


def _parents_own(parent_serving: Path | None, origin: Mapping[str, Any]) -> Measurement | None:
    """The measurement that the parent's own evaluation left, if this one may be compared with it."""
    path = parent_serving.parent / EVALUATION_FILE if parent_serving else None
    if path is None or not path.is_file():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        check_comparable(origin, kept)
        return Measurement(PARENT, Measurement.from_dict(kept["measurement"]).statistics)
    except (NotComparable, ValueError, KeyError, TypeError, AttributeError):
        return None  # made by other scorers or another release: it is measured anew
