"""Which DPO settings let twenty clicks matter and break nothing else: the experiment behind the default recipe.

    python -m benchmarks.experiments.dpo_defaults confirm
        the defaults after 20, 60 and 200 clicks; the preset `seed` after 20
    python -m benchmarks.experiments.dpo_defaults search
        one or two settings changed at a time, 20 clicks

Clicks are simulated on ParaDetox's dev sentences, which no checkpoint was trained on: the checkpoint shows three
rewrites of a toxic sentence and a "person" clicks one, which makes two pairs. Two tastes are simulated: `human` clicks
the rewrite closest to a human's, letter by letter; `brief` clicks the shortest, which nothing taught the checkpoint.
Each has several sessions (sets) with other sentences, other candidates and another seed. Each JSON line is one run,
on one thread:

- `accuracy`, `parent_accuracy`: share of the trained pairs whose chosen text is the more probable, after and before;
- `unseen`, `parent_unseen`: the same for the pairs of sixty clicks of the same person that were not trained on;
- `heldout`, `dev`: relative change of the geometric-mean token probability of the held-out rewrites, and of 200 human
  rewrites of dev sentences that nobody clicked on.

ParaDetox is read from MELLOW_SHARED_DATA (default ../shared/data).
"""

import argparse
import csv
import hashlib
import json
import math
import os
import random
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product
from pathlib import Path

import torch

from models.serving.generator import Generator, Sampling
from models.settings.clicks import DPOClickOptions
from worker.publish.convert import convert_to_ctranslate2
from worker.publish.gate import preference_accuracy
from worker.training.clicks.dpo import train_dpo
from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.pairs import heldout_pairs
from worker.training.shared.progress import SilentProgress
from worker.training.t5.scoring import mean_token_log_prob

UNSEEN_CLICKS = 60
DEV_PAIRS = 200

SEARCH: tuple[Mapping[str, object], ...] = (
    {},
    {"anchor_weight": 0.0},
    {"anchor_weight": 0.0, "beta": 0.1, "learning_rate": 1e-4},
    {"anchor_weight": 0.0, "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 1.0]},
    {"anchor_weight": 5.0},
    {"anchor_weight": 20.0},
    {"beta": 0.1},
    {"beta": 0.3},
    {"learning_rate": 3e-4},
    {"learning_rate": 2e-3},
    {"num_train_epochs": 3},
    {"num_train_epochs": 20},
    {"lora_r": 4, "lora_alpha": 8},
    {"loss_type": "ipo", "beta": 0.5},
)
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


def measure(model_dir: Path, clicks: Clicks, parent: Mapping[str, float], recipe: DPOClickOptions) -> dict[str, float]:
    """Train once and compare with the `parent` scores."""
    with tempfile.TemporaryDirectory() as folder:
        result = train_dpo(model_dir, clicks.trained, recipe, Path(folder) / "child", SilentProgress())
        child = scores(Path(folder) / "child", clicks)
    return {
        "accuracy": child["accuracy"],
        "parent_accuracy": parent["accuracy"],
        "unseen": child["unseen"],
        "parent_unseen": parent["unseen"],
        "heldout": child["heldout"] / parent["heldout"] - 1,
        "dev": child["dev"] / parent["dev"] - 1,
        "margin": result.reward_margin,
        "steps": result.steps,
        "seconds": result.seconds,
    }


def runs(mode: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """(number of clicks, settings) of each run of `mode`."""
    if mode == "search":
        yield from ((20, settings) for settings in SEARCH)
    else:
        yield 20, {"preset": "seed"}
        yield from ((clicks, {}) for clicks in (20, 60, 200))


def main() -> None:
    """Print one JSON line for each run and click set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("confirm", "search"))
    parser.add_argument("--model", type=Path, default=Path("models/base"), help="parent checkpoint (%(default)s)")
    parser.add_argument("--sets", type=int, default=3, help="sessions a taste (%(default)s)")
    options = parser.parse_args()
    data = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data"))
    torch.set_num_threads(1)
    sessions: dict[tuple[str, int, int], tuple[Clicks, dict[str, float]]] = {}
    for clicks, settings in runs(options.mode):
        for taste, seed in product(TASTES, range(options.sets)):
            key = taste, seed, clicks
            if key not in sessions:
                simulated = session(options.model, data, *key)
                sessions[key] = simulated, scores(options.model, simulated)
            recipe = DPOClickOptions.from_mapping({**settings, "seed": seed})
            figures = measure(options.model, *sessions[key], recipe)
            rounded = {name: round(value, 4) for name, value in figures.items()}
            line = {"clicks": clicks, "taste": taste, "set": seed, "settings": settings, **rounded}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
