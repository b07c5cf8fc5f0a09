"""Which settings let ORPO and KTO learn from few clicks and break nothing else: the experiment behind their defaults.

    python -m benchmarks.experiments.click_methods confirm
        the defaults after 20 and 60 clicks, and DPO's beside them
    python -m benchmarks.experiments.click_methods search --method M
        one or two settings changed at a time, 20 clicks

Clicks are simulated on ParaDetox's dev sentences, which no checkpoint was trained on: the checkpoint shows three
rewrites of a toxic sentence and a "person" clicks one, which makes two pairs. Two tastes are simulated: `human` clicks
the rewrite closest to a human's, letter by letter; `brief` clicks the shortest, which nothing taught the checkpoint.
Each has several sessions (sets) with other sentences, other candidates and another seed. KTO gets the same clicks as
texts: the clicked one is good, the other two are bad. Each JSON line is one run, on one thread:

- `accuracy`, `parent_accuracy`: share of the trained pairs whose chosen text is the more probable, after and before;
- `unseen`, `parent_unseen`: the same for the pairs of sixty clicks of the same person that were not trained on;
- `heldout`, `dev`: relative change of the geometric-mean token probability of the held-out rewrites, and of 200 human
  rewrites of dev sentences that nobody clicked on.

The order of pairs does not say what people will see (docs/experiments/learning.md); DPO's defaults are chosen by win
rates, with `python -m benchmarks.learning --settings`. ParaDetox is read from MELLOW_SHARED_DATA (default
../shared/data).
"""

import argparse
import csv
import hashlib
import json
import math
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product
from pathlib import Path
from typing import Any

import torch

from models.serving.generator import Generator, Sampling
from models.settings.clicks import CLICK_OPTIONS, DPOClickOptions, click_options
from models.texts.heldout import heldout_pairs
from worker.publish.convert import convert_to_ctranslate2
from worker.publish.gate import preference_accuracy
from worker.training.clicks.click_dpo import DPOResult, train_dpo
from worker.training.clicks.click_training import ClickResult, train_on_clicks
from worker.training.run.saving import MODEL
from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.progress import SilentProgress
from worker.training.t5.scoring import mean_token_log_prob

UNSEEN_CLICKS = 60
DEV_PAIRS = 200

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


@dataclass(frozen=True)
class Clicks:
    """One simulated session: the pairs to train on, pairs to generalize to, and human rewrites of other sentences."""

    trained: list[PreferenceExample]
    unseen: list[PreferenceExample]
    dev: list[tuple[str, str]]


def dev_rows(data: Path) -> list[tuple[str, list[str]]]:
    """ParaDetox's dev rows as (toxic sentence, its human rewrites)."""
    with (data / "paradetox.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    texts = [(row["toxic"], [row[f"neutral{n}"] for n in (1, 2, 3) if row[f"neutral{n}"]]) for row in rows]
    return [row for row in texts if int(_sha1(row[0].strip()), 16) % 20 == 0]


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()  # it splits the data and protects nothing


def likeness(text: str, rewrites: list[str]) -> float:
    """How close `text` is to the closest human rewrite, 0 to 1, letter by letter."""
    return max(SequenceMatcher(None, text.lower(), rewrite.lower()).ratio() for rewrite in rewrites)


def brevity(text: str, rewrites: list[str]) -> float:
    """How short `text` is, whatever a human wrote."""
    return -len(text)


TASTES = {"human": likeness, "brief": brevity}


def click(generator: Generator, row: tuple[str, list[str]], taste: str) -> list[PreferenceExample]:
    """The two pairs one click on `row` makes; none when the model has fewer than three different rewrites to show."""
    toxic, rewrites = row
    screen = generator.generate(toxic, Sampling())
    shown = sorted((candidate.text for candidate in screen.candidates), key=lambda text: TASTES[taste](text, rewrites))
    if screen.exhausted:
        return []
    return [PreferenceExample(toxic, shown[-1], other) for other in shown[:-1]]


def session(model_dir: Path, data: Path, taste: str, seed: int, clicks: int) -> Clicks:
    """Simulate `clicks` clicks and what they are judged by; the same `seed` gives the same sentences."""
    rows = dev_rows(data)
    random.Random(seed).shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        convert_to_ctranslate2(model_dir, Path(folder) / "ct2")
        generator = Generator(Path(folder) / "ct2", 1, threads=1, seed=seed + 1)
        made: list[list[PreferenceExample]] = []
        while len(made) < clicks + UNSEEN_CLICKS:
            if pairs := click(generator, rows.pop(), taste):
                made.append(pairs)
    return Clicks(
        trained=[pair for pairs in made[:clicks] for pair in pairs],
        unseen=[pair for pairs in made[clicks:] for pair in pairs],
        dev=[(toxic, rewrites[0]) for toxic, rewrites in rows[:DEV_PAIRS]],
    )


def scores(model_dir: Path, clicks: Clicks) -> dict[str, float]:
    """What the checkpoint in `model_dir` prefers and how probable it finds other people's rewrites."""
    model, tokenizer = load_model(model_dir), load_tokenizer(model_dir)
    return {
        "accuracy": preference_accuracy(model, tokenizer, clicks.trained),
        "unseen": preference_accuracy(model, tokenizer, clicks.unseen),
        "heldout": math.exp(mean_token_log_prob(model, tokenizer, heldout_pairs())),
        "dev": math.exp(mean_token_log_prob(model, tokenizer, clicks.dev)),
    }


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
    result: DPOResult | ClickResult
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        if isinstance(options, DPOClickOptions):
            result = train_dpo(model_dir, clicks.trained, options, run / MODEL, SilentProgress())
        else:
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
            figures = measure_method(method, chosen.model, *sessions[key], {**settings, "seed": seed})
            rounded = {name: round(value, 4) for name, value in figures.items()}
            line = {"method": method, "clicks": clicks, "taste": taste, "set": seed, "settings": settings, **rounded}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
