"""Brings the catalogues up to date with what pages, scripts and programs say: `python -m app.translations`.

Sentences that are gone are taken out, new ones come in without a translation, and their number is told.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from app.config import PROJECT_ROOT
from app.translations.catalogue import FOLDER, languages_in, path_of, read
from app.translations.constants import constants_of_models

SOURCES = (
    ("app", "**.py", "python"),
    ("models", "**.py", "python"),
    ("templates", "**.html", "jinja2"),
    ("static/js", "**.js", "javascript"),
)
"""Folders, what is read in them, and how."""
_OPTIONS = {
    "**.html": {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"},
    "**.js": {"parse_template_string": "true"},
}


def sentences(root: Path = PROJECT_ROOT) -> Catalog:
    """Return every sentence of the interface with the files that it stands in; raises an error for a broken source."""
    found = Catalog(project="Mellow", fuzzy=False)
    for folder, pattern, method in SOURCES:
        said = extract_from_dir(root / folder, [(pattern, method)], _OPTIONS, comment_tags=["Translators:"])
        for name, _, message, comments, context in sorted(said, key=lambda one: one[:2]):
            found.add(message, locations=[(f"{folder}/{name}", 0)], auto_comments=comments, context=context)
    for name, message in constants_of_models():
        if (root / name).exists():
            found.add(message, locations=[(name, 0)])
    return found


def updated(path: Path, said: Catalog) -> Catalog:
    """Return the catalogue of a file with exactly the sentences that are said."""
    known = read(path)
    known.update(said, no_fuzzy_matching=True, update_creation_date=False)
    known.obsolete.clear()
    return known


def as_bytes(known: Catalog) -> bytes:
    """Return a catalogue as its file has it."""
    written = BytesIO()
    write_po(written, known, width=100, sort_by_file=False, sort_output=True, include_lineno=False)
    return written.getvalue()


def missing(known: Catalog) -> list[str]:
    """Return the sentences of a catalogue that have no translation."""
    return [
        message.id if isinstance(message.id, str) else message.id[0]
        for message in known
        if message.id and not (all(message.string) if isinstance(message.string, tuple) else message.string)
    ]


def main() -> None:
    """Update every catalogue of the project and say what it lacks."""
    said = sentences()
    for language in languages_in(FOLDER):
        path = path_of(language)
        known = updated(path, said)
        path.write_bytes(as_bytes(known))
        lacking = missing(known)
        print(f"{language}: {len(known)} sentences, {len(lacking)} without a translation")
        for sentence in lacking[:20]:
            print(f"  {sentence}")


if __name__ == "__main__":
    main()
