"""Constants of the models that pages show as sentences; the models know no catalogue, so they are collected here."""

from __future__ import annotations

from collections.abc import Iterator

from models.reward.features import NAMED
from models.settings.chat_clicks import CHAT_OPTIONS
from models.settings.clicks import CLICK_OPTIONS
from models.settings.options import Options
from models.settings.sft import SFTRecipe

SETTINGS = "models/settings/table.py"
FEATURES = "models/reward/features.py"


def constants_of_models() -> Iterator[tuple[str, str]]:
    """Yield the file and the text of each constant: of settings that a form has, and of what people may like."""
    kinds: tuple[type[Options], ...] = (*CLICK_OPTIONS.values(), *CHAT_OPTIONS.values(), SFTRecipe)
    for kind in kinds:
        for setting in kind.offered():
            yield from ((SETTINGS, text) for text in (setting.label, setting.sentence, *setting.words.values()))
    for feature in NAMED:
        yield from ((FEATURES, text) for text in (feature.more, feature.less))
