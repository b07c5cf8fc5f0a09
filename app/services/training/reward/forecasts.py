"""The forecast of a retraining, from the standing judgments, the head of the live version, and past runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Alias, RewardHead, RunStatus, TrainingRun, Version, serving_alias
from app.services.system.cache import remembered
from app.services.training.reward import heads, judged
from app.words import gettext
from models.forecast import LATEST, LEAST, Forecast, Gain, Past, Scale, gain, is_counted, scale
from models.forecast import forecast as forecast_of
from models.model_errors import ModelError
from models.reward.features import VERSION as FEATURES_VERSION
from models.reward.head import Head, choose_widths, chosen_on
from models.reward.judgments import JudgedScreen

MORE = 40
"""The number of further clicks of which it is told how they would narrow the interval."""
PAST = 20
"""Only the last so many runs correct the forecast."""


@dataclass(frozen=True)
class Known:
    """What is known of a retraining before it begins.

    `clicks` were made since the live version was trained and count; of `missing` more nothing can be said yet. `past`
    runs correct the forecast, and with `more` clicks that say what these say it would be `narrowed`.
    """

    clicks: int
    missing: int
    past: int
    forecast: Forecast | None = None
    narrowed: Forecast | None = None
    more: int = MORE


def known(session: Session) -> Known:
    """Return what is known of a retraining on all clicks from the live version."""
    serving = session.scalar(select(Alias.version_number).where(Alias.name == serving_alias(session)))
    ended = session.scalar(
        select(TrainingRun.id).where(TrainingRun.status == RunStatus.SUCCEEDED).order_by(TrainingRun.id.desc()).limit(1)
    )
    fitted = session.scalar(select(RewardHead.id).order_by(RewardHead.id.desc()).limit(1))
    stamp = (serving, ended, fitted, judged.marker(session))
    found: Known = remembered(session, "forecast", stamp, lambda: _known(session, serving))
    return found


def forecast(session: Session) -> Forecast | None:
    """Return the forecast of a retraining on all clicks from the live version, None while too few are known."""
    return known(session).forecast


def cases(found: Forecast) -> str:
    """Return the interval of a forecast in cases of 100."""
    low, high = (round(100 * value) for value in (found.low, found.high))
    if low < high:
        return gettext("%(low)s to %(high)s of 100 cases", low=low, high=high)
    return gettext("%(number)s of 100 cases", number=low)


def _known(session: Session, serving: int | None) -> Known:
    if serving is None:
        return Known(0, LEAST, 0)
    came_with = heads.carried(session, serving)
    screens = judged.screens(session, judged.standing(session)[-LATEST:])
    ready = sorted((one for one in screens if one.measured), key=lambda one: one.judgment_id)
    last = came_with.last_judgment_id if came_with else 0
    rows = [one.judged() for one in ready]
    since = sum(one.judgment_id <= last for one in ready)
    clicks = sum(map(is_counted, rows[since:]))
    past = _past(session)
    if clicks < LEAST:
        return Known(clicks, LEAST - clicks, len(past))
    found = gain(rows, _widths(session, serving, rows), _head_of(came_with), since)
    assert found is not None
    return _told(found, scale(past), len(past))


def _told(found: Gain, by: Scale, past: int) -> Known:
    return Known(found.clicks, 0, past, forecast_of(found, by), forecast_of(found, by, MORE))


def _head_of(row: RewardHead | None) -> Head | None:
    """Return a stored head; None without one, and for one of another release, which chooses nothing either."""
    if row is None or row.data is None:
        return None
    try:
        return Head.from_bytes(row.data)
    except ModelError:
        return None


def _widths(session: Session, version: int, rows: Sequence[JudgedScreen]) -> tuple[float, ...]:
    """Return the widths of the prior of the head that chooses now, or else those that the first judgments choose."""
    latest = session.scalar(
        select(RewardHead)
        .where(
            RewardHead.version_number == version,
            RewardHead.features_version == FEATURES_VERSION,
            RewardHead.data.is_not(None),
        )
        .order_by(RewardHead.id.desc())
        .limit(1)
    )
    head = _head_of(latest)
    return choose_widths(rows[: chosen_on(len(rows))]) if head is None else head.widths


def _past(session: Session) -> list[Past]:
    """Return the last runs whose forecast can be held against what their versions said of themselves."""
    ended = session.execute(
        select(TrainingRun.forecast, Version.metrics)
        .join(Version, Version.number == TrainingRun.produced_version)
        .where(TrainingRun.status == RunStatus.SUCCEEDED, TrainingRun.forecast.is_not(None))
        .order_by(TrainingRun.id.desc())
        .limit(PAST)
    )
    return [
        Past(forecast["gain"], *(measured[name] for name in ("value", "low", "high")))
        for forecast, metrics in ended
        if (measured := _measured(metrics))
    ]


def _measured(metrics: dict[str, Any]) -> dict[str, float]:
    """Return how often people prefer a version, as its evaluation found; empty if it did not."""
    found: dict[str, float] = metrics.get("preferred") or {}
    return found
