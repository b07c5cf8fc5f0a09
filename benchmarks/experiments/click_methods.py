"""Which settings let ORPO and KTO learn from few clicks and break nothing else: the experiment behind their defaults.

    python -m benchmarks.experiments.click_methods confirm
        the defaults after 20 and 60 clicks, and DPO's beside them
    python -m benchmarks.experiments.click_methods search --method M
        one or two settings changed at a time, 20 clicks

Clicks are simulated, and the figures have the meanings, as dpo_defaults.py says. KTO gets the same clicks as texts: the
clicked one is good, the other two are bad.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks.experiments.dpo_defaults import TASTES, Clicks, measure, scores, session
from models.settings.clicks import CLICK_OPTIONS, DPOClickOptions, click_options
from worker.training.clicks.click_training import train_on_clicks
from worker.training.run.saving import MODEL
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import SilentProgress

SEARCH: Mapping[str, Sequence[Mapping[str, object]]] = {
    "orpo": (
        {},
        {"anchor_weight": 0.0, "learning_rate": 1e-4},
        {"anchor_weight": 0.0},
        {"anchor_weight": 30.0},
        {"beta": 0.5},
        {"beta": 1.0},
        {"num_train_epochs": 20},
    ),
    "kto": (
        {},
        {"anchor_weight": 0.0, "learning_rate": 1e-4},
        {"anchor_weight": 0.0},
        {"anchor_weight": 30.0},
        {"beta": 0.1},
        {"beta": 0.1, "desirable_weight": 2.0},
        {"desirable_weight": 2.0},
        {"num_train_epochs": 20},
    ),
}
"""What is tried with twenty clicks, each laid over the default."""


def rows(method: str, examples: Sequence[PreferenceExample]) -> list[dict[str, Any]]:
    """Clicks as rows of the method's kind; each chosen text is one row of KTO's, however many were rejected."""
    if method != "kto":
        return [{"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in examples]
    texts = {
        (one.prompt, text, good): None for one in examples for text, good in ((one.chosen, True), (one.rejected, False))
    }
    return [{"prompt": prompt, "completion": text, "label": good} for prompt, text, good in texts]


def measure_method(
    method: str, model_dir: Path, clicks: Clicks, parent: Mapping[str, float], settings: Mapping[str, object]
) -> dict[str, float]:
    """Train once and compare with the `parent` scores."""
    options = click_options(method, settings)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        result = train_on_clicks(method, model_dir, rows(method, clicks.trained), options, run, SilentProgress())
        child = scores(run / MODEL, clicks)
    figures = {
        f"{prefix}{name}": side[name]
        for name in ("accuracy", "unseen")
        for prefix, side in (("", child), ("parent_", parent))
    }
    figures |= {name: child[name] / parent[name] - 1 for name in ("heldout", "dev")}
    return figures | {"margin": result.reward_margin or 0.0, "steps": result.steps, "seconds": result.seconds}


def plan(mode: str, method: str) -> Iterator[tuple[str, int, Mapping[str, object]]]:
    """(method, number of clicks, settings) of each run of `mode`."""
    if mode == "search":
        yield from ((method, 20, settings) for settings in SEARCH[method])
    else:
        yield from ((one, clicks, {}) for clicks in (20, 60) for one in CLICK_OPTIONS)


def main() -> None:
    """Print one JSON line for each run and click set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("confirm", "search"))
    parser.add_argument("--method", choices=tuple(SEARCH), default="kto", help="of the search (%(default)s)")
    parser.add_argument("--model", type=Path, default=Path("models/base"), help="parent checkpoint (%(default)s)")
    parser.add_argument("--sets", type=int, default=1, help="sessions a taste (%(default)s)")
    chosen = parser.parse_args()
    data = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data"))
    torch.set_num_threads(1)
    sessions: dict[tuple[str, int, int], tuple[Clicks, dict[str, float]]] = {}
    for method, clicks, settings in plan(chosen.mode, chosen.method):
        for taste, seed in product(TASTES, range(chosen.sets)):
            key = taste, seed, clicks
            if key not in sessions:
                simulated = session(chosen.model, data, *key)
                sessions[key] = simulated, scores(chosen.model, simulated)
            if method == "dpo":
                figures = measure(chosen.model, *sessions[key], DPOClickOptions(seed=seed))
            else:
                figures = measure_method(method, chosen.model, *sessions[key], {**settings, "seed": seed})
            rounded = {name: round(value, 4) for name, value in figures.items()}
            line = {"method": method, "clicks": clicks, "taste": taste, "set": seed, "settings": settings, **rounded}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
