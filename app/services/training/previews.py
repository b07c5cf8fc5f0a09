"""A preview of a run before it is requested: what it would train on and how long it would take, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.domain_errors import Invalid
from app.services.training import estimates, preference_rows, setting_labels
from app.services.training.estimates import Estimate
from app.services.training.preference_rows import Amount
from app.services.training.reward import forecasts
from app.services.training.run_request import RunRequest
from app.services.versions import versions
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
        raise Invalid(f"method must be one of {', '.join(setting_labels.METHODS)}.")
    if request.parent_version is not None:
        versions.usable(session, request.parent_version)
    amount = preference_rows.amount(session, request.method, request.selection)
    guess = estimates.estimate(session, request.method, request.config, amount.pairs)
    others = int(setting_labels.effective(request.method, request.config)["head_pairs"])
    forecast = forecasts.forecast(session) if request.on_everything else None
    return Preview(amount, guess, forecast, _summary(amount, others), _duration(request.method, amount, guess))


def in_words(seconds: float) -> str:
    """Return a duration in words, such as "40 seconds" or "1 hour 20 minutes"."""
    if seconds < 90:
        return counted(max(1, round(seconds)), "second")
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return counted(minutes, "minute")
    return counted(hours, "hour") + (f" {counted(rest, 'minute')}" if rest else "")


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 pair", "2 pairs", "12,000 pairs"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _summary(amount: Amount, others: int) -> str:
    if not amount.pairs:
        return "It would find no pair to train on."
    people = counted(amount.people, "person", "people")
    said = (
        f"It would train on {counted(amount.pairs, 'pair')} from {counted(amount.judgments, 'click')} of {people} on "
        f"{counted(amount.prompts, 'prompt')}"
    )
    if amount.none_good:
        said += f", and on {counted(amount.none_good, 'screen')} of which none was good"
    if others:
        said += f". What they say would label up to {counted(others, 'pair')} of texts that nobody clicked, too"
    if amount.hurried:
        said += f". It leaves out {counted(amount.hurried, 'click')} that came too quickly to have been read"
    return f"{said}."


def _duration(method: str, amount: Amount, guess: Estimate | None) -> str:
    if not amount.pairs:
        return ""
    if guess is None:
        return f"No {method.upper()} run has succeeded yet, so there is no estimate yet of how long it takes."
    if guess.runs == 1:
        return f"About {in_words(guess.seconds)}, by the one past run of this method."
    least, greatest = in_words(guess.least), in_words(guess.greatest)
    span = f" ({least} to {greatest})" if least != greatest else ""
    return f"About {in_words(guess.seconds)}{span}, by the last {guess.runs} runs of this method."
