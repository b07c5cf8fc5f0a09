"""Texts that are surely not English, and those of which that must not be said."""

from __future__ import annotations

import pytest

from app.services.prompts import samples
from models.texts.heldout import heldout_pairs
from models.texts.language import foreign

FOREIGN = [
    ("German", "Ihr seid alle zu blöd zum Lesen, und das wird auch nicht besser."),
    ("German", "WAS FÜR EIN VOLLIDIOT HAT DAS DENN GESCHRIEBEN?"),
    ("French", "C’est la pire chose que j’ai lue de ma vie."),
    ("Spanish", "Los políticos son todos unos ladrones"),
    ("Italian", "Sei un idiota, stai zitto una volta per tutte"),
    ("Dutch", "Dit is de slechtste film die ik ooit heb gezien"),
    ("Portuguese", "Você é um idiota e não sabe nada"),
    ("Polish", "Jesteś głupi i nie masz racji, zamknij się"),
    ("Turkish", "Bu kadar saçma bir şey hiç duymadım"),
    ("text in Cyrillic script", "Ты просто идиот, замолчи"),
    ("Chinese", "你真是个白痴，给我闭嘴吧，没人想听"),
    ("Japanese", "お前は本当にバカだな、黙れよ"),
    ("Greek", "Είσαι πολύ ηλίθιος, σκάσε"),
]
ENGLISH = [
    "fuck u u dumb ass bitch hoe",
    "ha ha ha ho ho ho hee hee hee .",
    "O come O come Emmanuel.",
    "S O S from Weybridge, sir.",
    "die in a fire u moron",
    "He said je ne sais quoi, and den he was mad at dem.",
    "Por favor, you dumb gringo, stop that",
    "stfu",
    "du bist dumm",
    "идиот",
    "😂😂😂😂😂😂😂😂😂😂😂😂",
    "1234567890 1234567890 !!!",
    "𝖄𝖔𝖚 𝖆𝖗𝖊 𝖘𝖚𝖈𝖍 𝖆 𝖒𝖔𝖗𝖔𝖓",
    "",
]


@pytest.mark.parametrize(("expected", "text"), FOREIGN)
def test_a_text_in_another_language_or_script_is_named(expected: str, text: str) -> None:
    assert foreign(text) == expected


@pytest.mark.parametrize("text", ENGLISH)
def test_what_may_be_english_or_is_too_short_to_tell_is_not(text: str) -> None:
    assert foreign(text) is None


def test_no_text_that_ships_with_mellow_is_taken_for_another_language() -> None:
    texts = [*samples.texts(), *(text for pair in heldout_pairs() for text in pair)]
    assert len(texts) > 100
    assert [text for text in texts if foreign(text)] == []
