"""A preview of a run before it is requested: what it would train on and how long it would take, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.db import task_of
from app.domain_errors import Invalid
from app.services.training import estimates, preference_rows, setting_labels
from app.services.training.estimates import Estimate
from app.services.training.preference_rows import Amount
from app.services.training.reward import forecasts
from app.services.training.run_request import RunRequest
from app.services.versions import versions
from app.words import gettext, ngettext, number
from models.forecast import Forecast


@dataclass(frozen=True)
class Preview:
    """The amount that a run would learn from, the estimated duration, and a sentence about each.

    `forecast` is that of a run on all clicks from the live version, None for others or if too few clicks are known.
    """

    amount: Amount
    estimate: Estimate | None
    forecast: Forecast | None
    summary: str
    duration: str

    def as_dict(self) -> dict[str, Any]:
        """Return the preview as JSON-compatible values."""
        estimate = self.estimate.as_dict() if self.estimate else None
        forecast = self.forecast.as_dict() if self.forecast else None
        told = {"estimate": estimate, "forecast": forecast, "summary": self.summary, "duration": self.duration}
        return {**self.amount.as_dict(), **told}


def preview(session: Session, request: RunRequest) -> Preview:
    """Compute a preview without storing anything; raises Invalid or NotFound for a request that cannot be run."""
    if request.method not in setting_labels.METHODS:
        raise Invalid(gettext("method must be one of %(methods)s.", methods=", ".join(setting_labels.METHODS)))
    if request.parent_version is not None:
        versions.usable(session, request.parent_version)
    amount = preference_rows.amount(session, request.method, request.selection)
    guess = estimates.estimate(session, request.method, request.config, amount.pairs)
    others = int(setting_labels.effective(request.method, request.config, task_of(session)).get("head_pairs", 0))
    forecast = forecasts.forecast(session) if request.on_everything else None
    return Preview(amount, guess, forecast, _summary(amount, others), _duration(request.method, amount, guess))


def in_words(seconds: float) -> str:
    """Return a duration in words, such as "40 seconds" or "1 hour 20 minutes"."""
    if seconds < 90:
        return ngettext("%(num)d second", "%(num)d seconds", max(1, round(seconds)))
    hours, minutes = divmod(round(seconds / 60), 60)
    said = [ngettext("%(count)s hour", "%(count)s hours", hours, count=number(hours))] if hours else []
    if minutes or not hours:
        said.append(ngettext("%(num)d minute", "%(num)d minutes", minutes))
    return " ".join(said)


def _summary(amount: Amount, others: int) -> str:
    if not amount.pairs:
        return gettext("It would find no pair to train on.")
    # Each part has its preposition, since languages change a noun after it.
    parts = {
        "pairs": ngettext("on %(count)s pair", "on %(count)s pairs", amount.pairs, count=number(amount.pairs)),
        "clicks": ngettext(
            "from %(count)s click", "from %(count)s clicks", amount.judgments, count=number(amount.judgments)
        ),
        "people": ngettext("of %(count)s person", "of %(count)s people", amount.people, count=number(amount.people)),
        "prompts": ngettext(
            "on %(count)s prompt", "on %(count)s prompts", amount.prompts, count=number(amount.prompts)
        ),
    }
    if amount.none_good:
        none = ngettext(
            "on %(count)s screen of which none was good",
            "on %(count)s screens of which none was good",
            amount.none_good,
            count=number(amount.none_good),
        )
        said = [
            gettext("It would train %(pairs)s %(clicks)s %(people)s %(prompts)s, and %(none)s.", none=none, **parts)
        ]
    else:
        said = [gettext("It would train %(pairs)s %(clicks)s %(people)s %(prompts)s.", **parts)]
    if others:
        said.append(
            ngettext(
                "What they say would label up to %(count)s pair of texts that nobody clicked, too.",
                "What they say would label up to %(count)s pairs of texts that nobody clicked, too.",
                others,
                count=number(others),
            )
        )
    if amount.hurried:
        said.append(
            ngettext(
                "It leaves out %(count)s click that came too quickly to have been read.",
                "It leaves out %(count)s clicks that came too quickly to have been read.",
                amount.hurried,
                count=number(amount.hurried),
            )
        )
    return " ".join(said)


def _duration(method: str, amount: Amount, guess: Estimate | None) -> str:
    if not amount.pairs:
        return ""
    if guess is None:
        return gettext(
            "No %(method)s run has succeeded yet, so there is no estimate yet of how long it takes.",
            method=method.upper(),
        )
    time, least, greatest = map(in_words, (guess.seconds, guess.least, guess.greatest))
    if guess.runs == 1:
        return gettext("About %(time)s, by the one past run of this method.", time=time)
    if least == greatest:
        return gettext("About %(time)s, by the last %(runs)s runs of this method.", time=time, runs=guess.runs)
    return gettext(
        "About %(time)s (%(least)s to %(greatest)s), by the last %(runs)s runs of this method.",
        time=time,
        least=least,
        greatest=greatest,
        runs=guess.runs,
    )
