"""The metrics that were recorded while runs trained, and the charts that show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import RunMetric
from app.words import N_

MOST_POINTS = 1_000
"""The most points of a curve: more would not be seen in a chart, and would make the page slow."""


FEW_POINTS = 300
"""The most points of a curve where all metrics of a run are loaded at once."""


class Chart(NamedTuple):
    """One chart of a run's page: its heading, its lines as (metric, name of the line), and an explanation.

    `fitted` lets the axis fit the values instead of beginning at zero.
    """

    label: str
    lines: tuple[tuple[str, str], ...]
    meaning: str
    fitted: bool = False


_LOSS = Chart(N_("Loss"), (("loss", N_("loss")),), N_("How far the model is from what the clicks say. It should fall."))
_MARGIN = Chart(
    N_("Reward margin"),
    (("rewards/margins", N_("margin")),),
    N_("How far the chosen text is ahead of the rejected one. It should rise."),
)
_ACCURACY = Chart(
    N_("Reward accuracy"),
    (("rewards/accuracies", N_("accuracy")),),
    N_("The share of pairs whose chosen text is ahead. 1 is all of them."),
)
_REWARDS = Chart(
    N_("Rewards"),
    (("rewards/chosen", N_("good texts")), ("rewards/rejected", N_("bad texts"))),
    N_("How much likelier the texts became than they were, times beta. Good ones should rise above bad ones."),
)
_LOGPS = Chart(
    N_("Log-probabilities"),
    (("logps/chosen", N_("chosen")), ("logps/rejected", N_("rejected"))),
    N_("How likely the model finds the texts, in nats. If both fall far, it forgets."),
    fitted=True,
)
_ANCHOR_KL = Chart(
    N_("KL divergence on other texts"),
    (("anchor_kl", N_("KL")),),
    N_("How far the model moved on everyday sentences that nobody clicked, in nats a token. Small is good."),
)
_KL = Chart(N_("KL on the clicks"), (("kl", N_("KL")),), N_("How far the model moved on the clicked prompts, in nats."))
_RATE = Chart(N_("Learning rate"), (("learning_rate", N_("learning rate")),), N_("How large the steps were."))

CHARTS: Mapping[str, tuple[Chart, ...]] = MappingProxyType(
    {
        "dpo": (_LOSS, _ACCURACY, _MARGIN, _LOGPS, _ANCHOR_KL, _RATE),
        "orpo": (
            _LOSS,
            _ACCURACY,
            _MARGIN,
            Chart(
                N_("Log-odds of the chosen"),
                (("log_odds_chosen", N_("log-odds")),),
                N_("How much likelier the chosen text is than the rejected one, as odds. It should rise."),
            ),
            _LOGPS,
            _ANCHOR_KL,
            _RATE,
        ),
        "kto": (_LOSS, _REWARDS, _MARGIN, _LOGPS, _KL, _ANCHOR_KL, _RATE),
        "sft": (
            Chart(
                N_("Training loss"),
                (("loss", N_("loss")),),
                N_("How unlikely the model finds the targets. It should fall."),
            ),
            Chart(
                N_("Loss on held-out pairs"),
                (("dev_loss", N_("loss")),),
                N_("It rises again if there are too many epochs."),
                True,
            ),
            Chart(
                N_("chrF on held-out sources"),
                (("dev_chrf", N_("chrF")),),
                N_("How near its texts are to the targets."),
                True,
            ),
            _RATE,
        ),
    }
)
"""The charts of a run's page, by its method."""

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "loss": N_("Loss"),
        "rewards/accuracies": N_("Reward accuracy"),
        "rewards/margins": N_("Reward margin"),
        "rewards/chosen": N_("Reward of chosen texts"),
        "rewards/rejected": N_("Reward of rejected texts"),
        "logps/chosen": N_("Log-probability of chosen texts"),
        "logps/rejected": N_("Log-probability of rejected texts"),
        "log_odds_chosen": N_("Log-odds of the chosen"),
        "anchor_kl": N_("KL divergence on other texts"),
        "kl": N_("KL on the clicks"),
        "learning_rate": N_("Learning rate"),
        "grad_norm": N_("Length of the gradient"),
        "dev_loss": N_("Loss on held-out pairs"),
        "dev_chrf": N_("chrF on held-out sources"),
    }
)
"""The names of metrics where runs are compared; others are shown by their own names."""


def points(session: Session, run_id: int, name: str) -> list[tuple[int, float]]:
    """Return (step, value) of one metric of a run in order, thinned evenly to `MOST_POINTS`, the last one included."""
    measured = select(RunMetric.step, RunMetric.value).where(RunMetric.run_id == run_id, RunMetric.name == name)
    return _thinned([(step, value) for step, value in session.execute(measured.order_by(RunMetric.id))], MOST_POINTS)


class Curves(NamedTuple):
    """All curves of a run, by metric, and the id of the latest value, 0 if there is none."""

    last: int
    points: Mapping[str, list[tuple[int, float]]]


def of_run(session: Session, run_id: int) -> Curves:
    """Return all curves of a run, each thinned evenly to `FEW_POINTS`, the last one included."""
    measured = select(RunMetric.id, RunMetric.name, RunMetric.step, RunMetric.value).where(RunMetric.run_id == run_id)
    rows = session.execute(measured.order_by(RunMetric.id)).all()
    found = defaultdict[str, list[tuple[int, float]]](list)
    for _, name, step, value in rows:
        found[name].append((step, value))
    return Curves(rows[-1].id if rows else 0, {name: _thinned(points, FEW_POINTS) for name, points in found.items()})


def _thinned(points: list[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    stride = -(-len(points) // most) or 1
    return points[::-stride][::-1]


def names(session: Session, run_ids: Sequence[int]) -> list[str]:
    """Return the metrics that any of those runs has, in the order of `LABELS`."""
    found = set(session.scalars(select(RunMetric.name).where(RunMetric.run_id.in_(run_ids)).distinct()))
    order = {name: place for place, name in enumerate(LABELS)}
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))
