"""The German catalogue has every sentence of the interface, with all placeholders and marks of the original."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from babel.messages.catalog import Catalog, Message

from app.translations.__main__ import missing, sentences, updated
from app.translations.catalogue import path_of, read

MARKS = re.compile(r"%\(\w+\)[ds]|%%|</?\w+[^>]*>")


@cache
def german() -> Catalog:
    """The catalogue with exactly the sentences of now."""
    return updated(path_of("de"), sentences())


def forms(message: Message) -> list[tuple[str, str]]:
    """The original and the translation, of each form if there are several."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    return list(zip(message.id, message.string or (), strict=True))


def test_every_sentence_is_translated() -> None:
    assert missing(german()) == []


def test_the_file_has_no_sentence_that_nobody_says() -> None:
    said = {message.id for message in sentences()}
    assert [message.id for message in read(path_of("de")) if message.id not in said] == []


def test_every_placeholder_and_mark_of_the_original_is_in_the_translation() -> None:
    wrong = [
        (original, translation)
        for message in german()
        for original, translation in (forms(message) if message.id else ())
        if translation and Counter(MARKS.findall(original)) != Counter(MARKS.findall(translation))
    ]
    assert wrong == []


def test_sentences_with_a_number_have_a_form_for_one_and_one_for_several() -> None:
    assert german().num_plurals == 2
    odd = [message.id for message in german() if not isinstance(message.id, str) and len(message.string or ()) != 2]
    assert odd == []
