"""What a preference recipe learns from."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PreferenceExample:
    """One comparison: for `prompt`, a person preferred `chosen` to `rejected`. All three are plain text.

    `click` numbers the judgment that it came from, where that is known; the pairs of one are one list to the listwise
    loss. `written` says that the person wrote the chosen text: then it is also something to learn to write.
    """

    prompt: str
    chosen: str
    rejected: str
    click: int | None = field(default=None, compare=False)
    written: bool = field(default=False, compare=False)
