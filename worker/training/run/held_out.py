"""Metrics on held-out preference pairs, the same for every method, before training and after it.

log p(y | x)                     of the chosen and of the rejected text, summed over its tokens, in nats
preference accuracy              share of pairs with log p(chosen) / |chosen| > log p(rejected) / |rejected|, so that
                                 length alone does not decide (Hong et al. 2024, section 4.1)
implicit reward                  log p_after(y | x) - log p_before(y | x): DPO's reward over beta (Rafailov et al.
                                 2023, eq. 5); its accuracy is the share of pairs in which the chosen text gained more
chosen NLL                       mean, over pairs, of -log p(chosen) / |chosen|; its exponential is the perplexity
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from worker.measures.intervals import SHARE, estimate
from worker.measures.statistic import mean_of
from worker.training.loading.loading import Loaded
from worker.training.loading.rendering import Row, render, token_ids
from worker.training.t5.scoring import token_log_probs

Array = npt.NDArray[np.float64]
Figures = dict[str, dict[str, float]]
"""Name of a metric → `value`, `low`, `high` (95 % interval over rows) and `texts`, their number."""

BATCH = 8


@dataclass(frozen=True)
class LogProbs:
    """Sums of the token log-probabilities of N texts, in nats, and their lengths in tokens; (N,) each."""

    sums: Array
    lengths: Array

    @property
    def per_token(self) -> Array:
        """Return the mean token log-probability of each text, (N,)."""
        return self.sums / self.lengths

    def at(self, places: Sequence[int]) -> "LogProbs":
        """Select some of the texts."""
        return LogProbs(self.sums[list(places)], self.lengths[list(places)])


def completion_log_probs(loaded: Loaded, model: PreTrainedModel, rows: Sequence[Row], completion: str) -> LogProbs:
    """Return log-probabilities under `model` (loaded like `loaded`) of the column `completion`, given the prompts."""
    pairs = [token_ids(loaded, row["prompt"], row[completion]) for row in render(rows, loaded)]
    order = sorted(range(len(pairs)), key=lambda place: len(pairs[place][0]) + len(pairs[place][1]))
    score = token_log_probs if loaded.architecture == "seq2seq" else continuation_log_probs
    rowwise = score(model, [pairs[place][0] for place in order], [pairs[place][1] for place in order], BATCH)
    sums = np.zeros(len(pairs))
    for place, values in zip(order, rowwise, strict=True):
        sums[place] = np.sum(values)
    return LogProbs(sums, np.array([len(after) for _, after in pairs], dtype=np.float64))


@torch.no_grad()
def continuation_log_probs(
    model: PreTrainedModel, prompts: Sequence[list[int]], completions: Sequence[list[int]], batch_size: int
) -> list[list[float]]:
    """Return log p(token | all earlier tokens) of each completion's tokens under a decoder-only model, in nats.

    Rows are padded on the left, so that all completions end together and only their positions get logits.
    """
    device, training = model.device, model.training
    model.train(False)
    pad = int(model.config.pad_token_id or 0)
    scores: list[list[float]] = []
    for first in range(0, len(prompts), batch_size):
        after = completions[first : first + batch_size]
        rows = [torch.tensor([*a, *b]) for a, b in zip(prompts[first : first + batch_size], after, strict=True)]
        ids = pad_sequence(rows, batch_first=True, padding_value=pad, padding_side="left").to(device)
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True, padding_side="left").to(device)
        width = max(len(ids_after) for ids_after in after)
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
            logits_to_keep=width + 1,
            use_cache=False,
        ).logits[:, :-1]
        log_p = logits.float().log_softmax(-1).gather(-1, ids[:, -width:, None])[..., 0].cpu()
        scores += [row[-len(tokens) :].tolist() for row, tokens in zip(log_p, after, strict=True)]
    model.train(training)
    return scores


@dataclass(frozen=True)
class PairScores:
    """Log-probabilities of the chosen and the rejected texts of the same held-out pairs."""

    chosen: LogProbs
    rejected: LogProbs

    def at(self, places: Sequence[int]) -> "PairScores":
        """Select some of the pairs."""
        return PairScores(self.chosen.at(places), self.rejected.at(places))


def score_pairs(loaded: Loaded, model: PreTrainedModel, rows: Sequence[Row]) -> PairScores:
    """Score preference rows."""
    return PairScores(
        completion_log_probs(loaded, model, rows, "chosen"), completion_log_probs(loaded, model, rows, "rejected")
    )


def pair_figures(scores: PairScores, start: PairScores | None = None) -> Figures:
    """Return the metrics of a model and, with the scores of the starting model, those of the implicit reward."""
    better = scores.chosen.per_token - scores.rejected.per_token
    figures = {
        "preference_accuracy": positive_share(better),
        "chosen_nll": mean(-scores.chosen.per_token),
        "logps/chosen": mean(scores.chosen.sums),
        "logps/rejected": mean(scores.rejected.sums),
    }
    if start is not None:
        gained = (scores.chosen.sums - start.chosen.sums) - (scores.rejected.sums - start.rejected.sums)
        figures["implicit_reward_accuracy"] = positive_share(gained)
        figures["implicit_reward_margin"] = mean(gained)
    return figures


def objective_figures(rows: Sequence[Row], scores: PairScores, start: PairScores | None = None) -> Figures:
    """Return `pair_figures` of all pairs and, if rows have several objectives, of each one, as `objective/metric`."""
    figures = pair_figures(scores, start)
    objectives = sorted({row["objective"] for row in rows if row.get("objective")})
    for objective in objectives if len(objectives) > 1 else ():
        places = [place for place, row in enumerate(rows) if row.get("objective") == objective]
        own = pair_figures(scores.at(places), start.at(places) if start else None)
        figures |= {f"{objective}/{name}": figure for name, figure in own.items()}
    return figures


def mean(values: npt.ArrayLike) -> dict[str, float]:
    """Return the mean with its 95 % interval."""
    return estimate(mean_of(values)).as_dict()


def positive_share(margins: npt.ArrayLike) -> dict[str, float]:
    """Return the share of positive margins, a margin of zero counting one half, with its interval."""
    return estimate(mean_of((np.sign(np.asarray(margins, dtype=np.float64)) + 1) / 2), SHARE).as_dict()
