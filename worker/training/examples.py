"""What a preference recipe learns from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PreferenceExample:
    """One comparison: for `prompt`, a person preferred `chosen` to `rejected`. All three are plain text."""

    prompt: str
    chosen: str
    rejected: str
