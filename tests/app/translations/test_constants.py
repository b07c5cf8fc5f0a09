"""What pages show of the models is in the catalogues."""

from __future__ import annotations

from app.services.training import setting_labels
from app.translations.__main__ import sentences
from models.reward.features import NAMED
from models.settings.sft import SFTRecipe


def test_settings_on_forms_and_what_people_like_are_in_the_catalogue() -> None:
    known = sentences()
    settings = [
        *SFTRecipe.offered(),
        *(one for name in setting_labels.METHODS for one in setting_labels.settings(name)),
    ]
    shown = {text for one in settings for text in (one.label, one.sentence, *one.words.values())}
    shown |= {text for feature in NAMED for text in (feature.more, feature.less)}
    assert [text for text in shown if text not in known] == []


def test_no_setting_is_said_with_a_mark_that_gettext_would_fill_in() -> None:
    known = [one for one in sentences() if any(place.startswith("models/") for place, _ in one.locations)]
    assert [one.id for one in known if "%" in str(one.id)] == []
