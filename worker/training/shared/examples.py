"""The preference pair that preference recipes train on."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PreferenceExample:
    """One preference pair of plain texts: a person preferred `chosen` to `rejected` for `prompt`.

    `click` is the id of the judgment it came from, if known; the pairs of one click form one list for the listwise
    loss. `written` is true if the person wrote the chosen text, which is then also trained on by its likelihood.
    """

    prompt: str
    chosen: str
    rejected: str
    click: int | None = field(default=None, compare=False)
    written: bool = field(default=False, compare=False)
