"""A catalogue is read from its `messages.po`, and one that cannot be used is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import ConfigError, Settings
from app.translations.catalogue import languages_in, path_of, read, words_of_scripts

HEAD = (
    'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
)


def written(folder: Path, language: str, text: str) -> Path:
    """A catalogue of a language, with a head and this text."""
    path = path_of(language, folder)
    path.parent.mkdir(parents=True)
    path.write_text(HEAD + text, encoding="utf-8")
    return path


def test_a_folder_has_the_languages_that_it_has_catalogues_of(tmp_path: Path) -> None:
    for language in ("sv", "fr"):
        written(tmp_path, language, "")
    (tmp_path / "empty").mkdir()
    assert languages_in(tmp_path) == ["fr", "sv"]


@pytest.mark.parametrize(
    ("language", "text", "why"),
    [
        ("fr", "<html></html>\n", "cannot be read as a catalogue"),
        ("klingon", "", "cannot be read as a catalogue: "),
        ("fr", 'msgid "Run %(number)s"\nmsgstr "Course %(numero)s"\n', "its translation of 'Run %(number)s' is wrong"),
        ("fr", 'msgid "Run %(number)s"\nmsgstr "Course %(number)"\n', "its translation of 'Run %(number)s' is wrong"),
    ],
    ids=["no catalogue", "of no language", "another placeholder", "half a placeholder"],
)
def test_a_broken_catalogue_is_one_sentence_at_the_start(tmp_path: Path, language: str, text: str, why: str) -> None:
    written(tmp_path, language, text)
    environment = {"MELLOW_HOME": str(tmp_path / "home"), "CATALOGUES": str(tmp_path)}
    with pytest.raises(ConfigError) as refused:
        Settings.from_env(environment)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_of_catalogues_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^CATALOGUES names .*/none, which is no folder\.$"):
        Settings.from_env({"MELLOW_HOME": str(tmp_path / "home"), "CATALOGUES": str(tmp_path / "none")})


def test_what_is_not_translated_yet_is_no_mistake(tmp_path: Path) -> None:
    path = written(tmp_path, "fr", 'msgid "Run %(number)s"\nmsgstr ""\n')
    assert [message.string for message in read(path) if message.id] == [""]


def test_scripts_get_their_own_sentences_alone(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "fr",
        '#: app/words.py\nmsgid "Page"\nmsgstr "Feuille"\n\n'
        '#: static/js/desk/page.js templates/base.html\nmsgid "Saved."\nmsgstr "Gardé."\n\n'
        '#: static/js/desk/page.js\nmsgid "%(num)s click"\nmsgid_plural "%(num)s clicks"\n'
        'msgstr[0] "%(num)s clic"\nmsgstr[1] "%(num)s clics"\n',
    )
    assert words_of_scripts(path) == {"Saved.": "Gardé.", "%(num)s click": ["%(num)s clic", "%(num)s clics"]}
