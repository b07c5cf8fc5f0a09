"""The rule by which Mellow retrains by itself: whether a run is due, and what it waits for, as a sentence.

It is due when there are enough new clicks, or the forecast is high enough, or either or both, as the studio's settings
say; when no other run waits or works, and no two versions are being compared by clicks; within the hours of the day
that are allowed; and long enough after the last run that began by itself. After such a run has failed the rule stops,
until an admin saves the settings or a run succeeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.db import RunStatus, StudioSetting, TrainingRun
from app.services.prompts import studio_settings
from app.services.prompts.studio_settings import StudioSettings
from app.services.training import preference_rows, runs
from app.services.training.reward import forecasts
from app.services.training.runs import Occasion
from app.services.versions import live_comparison
from app.words import gettext, moment, ngettext, number


@dataclass(frozen=True)
class Outlook:
    """What the rule says at one moment, as a sentence. `occasion` is that of a run that is due now, None if none is.

    `stopped` tells that an admin has to act first.
    """

    sentence: str
    occasion: Occasion | None = None
    stopped: bool = False


def outlook(session: Session, at: datetime) -> Outlook | None:
    """Return what the rule says at that time; None if it is switched off."""
    studio = studio_settings.settings(session)
    if not studio.retrain_by_itself:
        return None
    last_run = runs.last_id(session)
    begun = _last_begun(session)
    if begun is not None and _stopped_by(session, begun):
        return Outlook(
            gettext(
                "Mellow has stopped retraining by itself, because run %(number)s failed. "
                "It goes on when an admin saves these settings, or after a run that succeeds.",
                number=begun.id,
            ),
            stopped=True,
        )
    if waiting := runs.queue(session):
        ends = gettext("Mellow will retrain by itself no sooner than run %(number)s has ended.", number=waiting[-1].id)
        return Outlook(ends)
    if comparison := live_comparison.running(session):
        return Outlook(
            gettext(
                "Mellow will retrain by itself no sooner than the comparison of versions %(old)s and %(new)s "
                "has ended.",
                old=comparison.old_number,
                new=comparison.new_number,
            )
        )
    reasons, lacking = _reasons(session, studio)
    because = _both(reasons)
    earliest = _earliest(studio, begun, at)
    times = _times(studio, earliest)
    if lacking:
        return Outlook(gettext("Mellow will retrain by itself %(when)s.", when=", ".join([lacking, *times])))
    if earliest is not None or not _within_hours(studio, at):
        when = ", ".join(times)
        return Outlook(
            gettext("Mellow will retrain by itself %(when)s, because of %(reasons)s.", when=when, reasons=because)
        )
    return Outlook(
        gettext("Mellow will retrain by itself within a minute, because of %(reasons)s.", reasons=because),
        Occasion(f"Mellow began this run by itself, because of {because}.", last_run),
    )


def _last_begun(session: Session) -> TrainingRun | None:
    """Return the last run that began by itself."""
    return session.scalar(
        select(TrainingRun).where(TrainingRun.occasion.is_not(None)).order_by(TrainingRun.id.desc()).limit(1)
    )


def _stopped_by(session: Session, begun: TrainingRun) -> bool:
    """Return whether a run that began by itself failed, and nobody has acted since."""
    if begun.status != RunStatus.FAILED or begun.finished_at is None:
        return False
    saved = exists().where(
        StudioSetting.name == studio_settings.row_name(session, "retrain_by_itself"),
        StudioSetting.changed_at > begun.finished_at,
    )
    better = exists().where(TrainingRun.id > begun.id, TrainingRun.status == RunStatus.SUCCEEDED)
    return not session.scalar(select(saved | better))


def _reasons(session: Session, studio: StudioSettings) -> tuple[list[str], str]:
    """Return what speaks for a run, and what must still come before one is due; this is empty if nothing must."""
    found, missing = [], []
    if studio.retrain_when != "forecast":
        new = preference_rows.new_clicks(session).judgments
        if new >= studio.retrain_after_clicks:
            found.append(ngettext("%(count)s new click", "%(count)s new clicks", new, count=number(new)))
        else:
            more = studio.retrain_after_clicks - new
            missing.append(
                ngettext("after %(count)s more click", "after %(count)s more clicks", more, count=number(more))
            )
    if studio.retrain_when != "clicks":
        forecast = forecasts.forecast(session)
        if forecast is not None and 100 * forecast.low > studio.retrain_above:
            found.append(gettext("a forecast of %(cases)s", cases=forecasts.cases(forecast)))
        else:
            missing.append(gettext("once the forecast begins above %(least)s of 100 cases", least=studio.retrain_above))
    if studio.retrain_when == "either":
        return found, "" if found else gettext("%(first)s or %(second)s", first=missing[0], second=missing[1])
    return found, _both(missing)


def _both(parts: list[str]) -> str:
    """Return one part or two as one text."""
    return gettext("%(first)s and %(second)s", first=parts[0], second=parts[1]) if len(parts) > 1 else "".join(parts)


def _earliest(studio: StudioSettings, begun: TrainingRun | None, at: datetime) -> datetime | None:
    """Return the time before which no run may follow the last one that began by itself; None if it has passed."""
    if begun is None:
        return None
    earliest = begun.created_at + timedelta(hours=studio.retrain_hours_apart)
    return earliest if earliest > at else None


def _within_hours(studio: StudioSettings, at: datetime) -> bool:
    """Return whether a time is within the allowed hours of the day, in UTC; they may pass over midnight."""
    first, end = studio.retrain_from_hour, studio.retrain_to_hour
    return first == end or (at.hour - first) % 24 < (end - first) % 24


def _times(studio: StudioSettings, earliest: datetime | None) -> list[str]:
    """Return when a run may begin, in words."""
    said = []
    if studio.retrain_from_hour != studio.retrain_to_hour:
        hours = {"start": f"{studio.retrain_from_hour}:00", "end": f"{studio.retrain_to_hour}:00"}
        said.append(gettext("between %(start)s and %(end)s UTC", **hours))
    if earliest is not None:
        said.append(gettext("not before %(moment)s", moment=moment(earliest)))
    return said
