"""Several models on the same held-out rows: what each prefers, what it writes, and how far it is from the first."""

import math
from collections.abc import Mapping, Sequence

from models.settings.command_line import PPOOptions, TrainOptions
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.loading.rendering import prompt_ids, render
from worker.training.methods.reward_functions import RewardModel, rewards_of
from worker.training.methods.sampled import as_texts, log_probs, sample
from worker.training.run.data import TrainingData, fit
from worker.training.run.held_out import Figures, PairScores, mean, objective_figures, score_pairs
from worker.training.shared.progress import Progress

_COLUMNS = {
    "preference_accuracy": "prefers chosen",
    "implicit_reward_accuracy": "implicit reward",
    "perplexity": "perplexity",
    "reward": "mean reward",
    "kl": "KL, nats",
}
_WIDTH = 26


def compare(
    models: Mapping[str, str], data: TrainingData, reward: str, options: TrainOptions, progress: Progress
) -> dict[str, Figures]:
    """The figures of each model, the first of which is the one that the others are compared with.

    `reward` is the folder of a reward model, or empty. One text is sampled for each held-out prompt, from the model
    itself and with the same seed for all; KL is estimated on those, in nats a text.
    """
    sampling = PPOOptions(
        seed=options.seed,
        use_cpu=options.use_cpu,
        max_completion_length=min(getattr(options, "max_completion_length", 128), 128),
        per_device_eval_batch_size=options.per_device_eval_batch_size,
    )
    judge = RewardModel(reward) if reward else None
    found: dict[str, Figures] = {}
    start_pairs: PairScores | None = None
    first = load_model_and_tokenizer(next(iter(models.values())), options)
    fitted = fit(data, first, options, progress)
    for name, source in models.items():
        progress.log(f"Scoring {name}.")
        loaded = first if source == first.source else load_model_and_tokenizer(source, options)
        figures: Figures = {}
        if fitted.pairs:
            scores = score_pairs(loaded, loaded.model, fitted.pairs)
            figures |= objective_figures(fitted.pairs, scores, start_pairs)
            start_pairs = start_pairs or scores
            nll = figures["chosen_nll"]
            figures["perplexity"] = {**nll, **{key: math.exp(nll[key]) for key in ("value", "low", "high")}}
        prompts = [row["prompt"] for row in render(fitted.held_out, loaded)]
        if prompts:
            before = [prompt_ids(loaded, prompt) for prompt in prompts]
            after = sample(loaded, loaded.model, before, sampling)
            if judge is not None:
                figures["reward"] = mean(rewards_of(judge, prompts, as_texts(loaded, after)))
            ours, theirs = (log_probs(loaded, model)(before, after) for model in (loaded.model, first.model))
            figures["kl"] = mean([sum(a) - sum(b) for a, b in zip(ours, theirs, strict=True)])
        found[name] = figures
    return found


def table(figures: Mapping[str, Figures], columns: Sequence[str] = tuple(_COLUMNS)) -> str:
    """The figures of several models as text: a row a model, each figure with its 95 % interval."""
    shown = [name for name in columns if any(name in one for one in figures.values())]
    lines = ["held out".ljust(12) + "".join(_COLUMNS.get(name, name).rjust(_WIDTH) for name in shown)]
    for model, one in figures.items():
        cells = [
            f"{one[name]['value']:.3f} [{one[name]['low']:.3f}, {one[name]['high']:.3f}]" if name in one else "–"
            for name in shown
        ]
        lines.append(model.ljust(12) + "".join(cell.rjust(_WIDTH) for cell in cells))
    return "\n".join(lines)
