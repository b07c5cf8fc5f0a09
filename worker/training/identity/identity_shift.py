"""The identity shift of a chat model: sample pairs, train, and evaluate.

OUTPUT_DIR.sampled.json    pairs and completions before, during training; an interrupted run resumes from them
OUTPUT_DIR/model, adapter  as every training writes them (worker/training/run/runner.py)
OUTPUT_DIR/identity.json   the pairs, the held-out completions before and after, and their metrics
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from models.formats import rows_sha256
from models.settings.identity import IdentityShiftOptions
from models.shares import Share
from worker.measures.intervals import Estimate, estimate
from worker.measures.statistic import mean_of
from worker.training.distributed.launcher import Launcher, in_this_process
from worker.training.identity.answering import answer_all, conversation
from worker.training.identity.identity import (
    HeldOut,
    build_identity_shift_dataset,
    check_can_chat,
    check_names,
    held_out,
    says,
)
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import prompt_ids, render
from worker.training.methods import method_of
from worker.training.run.data import TrainingData
from worker.training.run.held_out import continuation_log_probs
from worker.training.run.runner import Result, train
from worker.training.run.saving import MODEL
from worker.training.shared.progress import Progress
from worker.training.shared.training_errors import CheckpointError
from worker.training.shared.writing import write_aside

REPORT = "identity.json"
MEASURED_TOKENS = 48
"""Held-out completions are compared over this many tokens."""
_FORMAT = 2
_BATCH = 8


@dataclass(frozen=True)
class Shift:
    """The old and the new name, the system prompt, the maker, and True for anchor pairs on other questions."""

    original_name: str
    new_name: str
    system_prompt: str = ""
    maker: str = ""
    anchors: bool = True


@dataclass(frozen=True)
class Outcome:
    """Held-out completions before and after, in the order of the questions: those for the name, then all others."""

    shift: Shift
    names: Sequence[str]
    unrelated: Sequence[str]
    before: Sequence[str]
    after: Sequence[str]
    nats_before: Sequence[float]
    nats_after: Sequence[float]
    """Mean token log-probability of each old completion of the unrelated questions, under the model before and after;
    in nats."""

    def figures(self) -> dict[str, Share]:
        """Return the shares that show the shift and its side effects."""
        count, new = len(self.names), self.shift.new_name
        names, others = slice(0, count), slice(count, None)
        pairs = list(zip(self.before[others], self.after[others], strict=True))
        return {
            "new_name_before": _share(says(text, new) for text in self.before[names]),
            "new_name_after": _share(says(text, new) for text in self.after[names]),
            "old_name_before": _share(says(text, self.shift.original_name) for text in self.before[names]),
            "old_name_after": _share(says(text, self.shift.original_name) for text in self.after[names]),
            "unrelated_same": _share(old == now for old, now in pairs),
            "unrelated_same_start": _share(_start(old) == _start(now) for old, now in pairs),
            "unrelated_named": _share(says(now, new) for _, now in pairs),
        }

    def lost(self) -> Estimate | None:
        """Return the drop of the mean token log-probability of unrelated old completions, with its interval.

        None if the model answered nothing to those questions before.
        """
        pairs = zip(self.nats_before, self.nats_after, strict=True)
        drops = [before - after for before, after in pairs]
        return estimate(mean_of(drops)) if drops else None

    def __str__(self) -> str:
        found, lost = self.figures(), self.lost()
        new, old = self.shift.new_name, self.shift.original_name
        return "\n".join(
            [
                f"Asked for its name, in {len(self.names)} ways that it was never trained on, the model answers with",
                f"  {new}: before {found['new_name_before']}, after {found['new_name_after']}",
                f"  {old}: before {found['old_name_before']}, after {found['old_name_after']}",
                f"Asked {len(self.unrelated)} other questions, it",
                f"  answers word for word as before: {found['unrelated_same']}",
                f"  begins its answer as before:     {found['unrelated_same_start']}",
                f"  wrongly mentions {new}: {found['unrelated_named']}",
                "  had no old answers: it had said nothing to them"
                if lost is None
                else f"  gives its old answers a log-probability that is lower by {lost.value:.2f} nats a token "
                f"[{lost.low:.2f}, {lost.high:.2f}]",
            ]
        )


def shift_identity(
    model: str,
    shift: Shift,
    options: IdentityShiftOptions,
    output_dir: Path,
    progress: Progress,
    launcher: Launcher = in_this_process,
) -> tuple[Result, Outcome]:
    """Sample, train and evaluate; the top of this file lists the files written.

    `launcher` says in which processes it trains; the rest is done here.

    Raises `RecipeError` for an invalid name, and `TrainingError` of any kind.
    """
    from worker.training.loading.merging import load_merged

    check_names(shift.original_name, shift.new_name)
    if (output_dir / MODEL).exists():
        raise CheckpointError(f"{output_dir / MODEL} is there already: choose another output folder.")
    questions = held_out(shift.original_name, shift.new_name)
    asked = [*questions.names, *questions.unrelated]
    sampled = _sampled(model, shift, options, questions, output_dir, progress)
    data = TrainingData(
        sampled["rows"],
        [],
        [],
        rows_sha256(sampled["rows"]),
        {"made_by": "identity-shift", **asdict(shift), "train": len(sampled["rows"])},
    )
    training = partial(train, method_of("dpo"), model, data, options, output_dir)
    torch.cuda.empty_cache()  # the memory of the model that was asked, for the processes that train
    result = launcher(training, options, progress)
    progress.stage("asking the trained model")
    loaded = load_merged(str(result.model_dir))
    before, after = sampled["before"], _answers(loaded, asked, shift, options.seed, progress)
    nats = _mean_log_probs(loaded, shift, questions.unrelated, before[len(questions.names) :])
    outcome = Outcome(shift, questions.names, questions.unrelated, before, after, sampled["nats"], nats)
    report = {
        "shift": asdict(shift),
        "figures": {
            **{name: _figure(share) for name, share in outcome.figures().items()},
            **({"unrelated_lost_nats": lost.as_dict()} if (lost := outcome.lost()) else {}),
        },
        "answers": [
            {"question": question, "before": before, "after": now}
            for question, before, now in zip(asked, before, after, strict=True)
        ],
        "pairs": sampled["rows"],
    }
    write_aside(output_dir / REPORT, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    _sampled_path(output_dir).unlink(missing_ok=True)
    return result, outcome


def _sampled(
    model: str,
    shift: Shift,
    options: IdentityShiftOptions,
    questions: HeldOut,
    output_dir: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Return the pairs and the completions before, from an interrupted run of the same command or from the model."""
    from worker.training.loading.merging import load_merged

    asked = [*questions.names, *questions.unrelated]
    settings = {"format": _FORMAT, "model": model, **asdict(shift), "asked": asked}
    settings |= {"seed": options.seed, "max_samples": options.max_samples}
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    aside = _sampled_path(output_dir)
    if aside.is_file():
        try:
            known: dict[str, Any] = json.loads(aside.read_text(encoding="utf-8"))
        except ValueError:
            known = {}
        if known.get("key") == key:
            progress.log(f"The model was asked already: {aside}.")
            return known
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    progress.stage("loading")
    loaded = load_merged(model)
    check_can_chat(loaded)
    progress.stage("asking the model who it is")
    rows = build_identity_shift_dataset(
        loaded.model,
        loaded.tokenizer,
        shift.original_name,
        shift.new_name,
        shift.system_prompt,
        options.max_samples,
        maker=shift.maker,
        anchors=shift.anchors,
        seed=options.seed,
        tick=progress.step,
    )
    counts = {name: sum(row["objective"] == name for row in rows) for name in ("identity", "anchor")}
    progress.log(f"Pairs about its name: {counts['identity']}. Anchors, on other questions: {counts['anchor']}.")
    progress.stage("asking the held-out questions")
    before = _answers(loaded, asked, shift, options.seed, progress)
    nats = _mean_log_probs(loaded, shift, questions.unrelated, before[len(questions.names) :])
    found = {"key": key, "rows": list(rows), "before": before, "nats": nats}
    write_aside(aside, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return found


def _answers(loaded: Loaded, asked: Sequence[str], shift: Shift, seed: int, progress: Progress) -> list[str]:
    """Return the greedy completions of questions."""
    prompts = [conversation(question, shift.system_prompt) for question in asked]
    return answer_all(loaded, prompts, max_new_tokens=MEASURED_TOKENS, seed=seed, tick=progress.step)


def _mean_log_probs(loaded: Loaded, shift: Shift, asked: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Return the mean token log-probability of each completion that has any token, without EOS, in nats."""
    encoded = [loaded.tokenizer(text, add_special_tokens=False).input_ids for text in answers]
    pairs = [(question, ids) for question, ids in zip(asked, encoded, strict=True) if ids]
    rows = render([{"prompt": conversation(question, shift.system_prompt)} for question, _ in pairs], loaded)
    before = [prompt_ids(loaded, row["prompt"]) for row in rows]
    tokens = [ids for _, ids in pairs]
    scores = continuation_log_probs(loaded.model, before, tokens, _BATCH)
    return [sum(values) / len(values) for values in scores]


def _sampled_path(output_dir: Path) -> Path:
    return output_dir.with_name(f"{output_dir.name}.sampled.json")


def _start(text: str, words: int = 8) -> list[str]:
    return text.split()[:words]


def _figure(share: Share) -> dict[str, float]:
    """A share for the report."""
    low, high = round(share.low, 4), round(share.high, 4)
    return {"count": share.part, "total": share.whole, "low": low, "high": high}


def _share(values: Any) -> Share:
    counted = [bool(value) for value in values]
    return Share(sum(counted), len(counted))
