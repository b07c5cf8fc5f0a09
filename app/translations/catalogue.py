"""Catalogues as they are read: every language's `messages.po` is read once in each process that is asked for it.

Nothing has to be compiled, so that a catalogue can never be older than the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import NullTranslations, Translations

SOURCE = "en"
"""The language that templates, scripts and programs are written in."""
FOLDER = Path(__file__).parent
SCRIPTS = "static/js/"


def path_of(language: str, folder: Path = FOLDER) -> Path:
    """Return where the catalogue of a language lies in a folder of catalogues."""
    return folder / language / "LC_MESSAGES" / "messages.po"


def languages_in(folder: Path) -> list[str]:
    """Return the languages that a folder has a catalogue of, in order."""
    return sorted(one.name for one in folder.iterdir() if path_of(one.name, folder).is_file())


def read(path: Path) -> Catalog:
    """Read a catalogue; raises ValueError in one sentence if it cannot be read or used.

    It cannot if its language is not known, or if a translation has other placeholders than its sentence.
    """
    language = path.parent.parent.name
    try:
        with path.open("rb") as file:
            found = read_po(file, locale=Locale.parse(language), abort_invalid=True)
    except (OSError, UnknownLocaleError, PoFileError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a catalogue: {error}") from error
    for message in found:
        if (problem := _problem(message, found)) is not None:
            raise ValueError(f"{path} cannot be used: its translation of {message.id!r} is wrong: {problem}.")
    return found


class _Anything(dict[str, int]):
    """Has a value for every placeholder."""

    def __missing__(self, name: str) -> int:
        return 0


def _problem(message: Message, known: Catalog) -> str | None:
    """Return why a translation cannot be filled with what its sentence is filled with, or None."""
    if not message.id or not message.python_format:
        return None
    for error in message.check(known):
        return str(error)
    for form in [message.string] if isinstance(message.string, str) else message.string or ():
        try:
            form % _Anything()
        except (TypeError, ValueError) as error:
            return str(error)
    return None


@cache
def catalogue(path: Path) -> Catalog:
    """Return the catalogue of a file, read once."""
    return read(path)


@cache
def translations(path: Path | None) -> NullTranslations:
    """Return what gettext looks sentences up in; without a path they stay as they are."""
    if path is None:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, catalogue(path))
    compiled.seek(0)
    return Translations(compiled)


@cache
def words_of_scripts(path: Path) -> dict[str, str | list[str]]:
    """Return the sentences of the scripts by the English ones; those with a number have one for each form."""
    return dict(_said_in_scripts(catalogue(path)))


def _said_in_scripts(known: Catalog) -> Iterator[tuple[str, str | list[str]]]:
    for message in known:
        if not message.id or not any(place.startswith(SCRIPTS) for place, _ in message.locations):
            continue
        if isinstance(message.id, str):
            yield message.id, str(message.string)
        else:
            yield message.id[0], list(message.string or ())
