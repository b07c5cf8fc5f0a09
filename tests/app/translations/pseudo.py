"""A pseudo-translation: every sentence in accented letters between ⟦ and ⟧, as if it were written from right to left.

What a page says without the catalogue stands out in it, and its layout can be looked at without a translator.
"""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.catalog import Catalog

from app.translations.__main__ import as_bytes, sentences
from app.translations.catalogue import path_of

LANGUAGE = "he"
"""A language that is written from right to left and that Mellow does not have."""
_ACCENTED = str.maketrans("AEIOUYaeiouycnsz", "ÅÉÎÖÛÝåéîöûýçñšž")
_KEPT = re.compile(r"(%\(\w+\)[ds]|%%|<[^>]*>)")
"""Placeholders and tags, which stay as they are."""


def pseudo(sentence: str) -> str:
    """Return a sentence as the pseudo-translation has it."""
    parts = _KEPT.split(sentence)
    return "⟦" + "".join(part if place % 2 else part.translate(_ACCENTED) for place, part in enumerate(parts)) + "⟧"


def write_catalogue(folder: Path) -> Path:
    """Write the pseudo-translation of all sentences into a folder of catalogues, and return the folder."""
    said = sentences()
    written = Catalog(locale=LANGUAGE)
    for message in said:
        if not message.id:
            continue
        if isinstance(message.id, str):
            string: str | tuple[str, ...] = pseudo(message.id)
        else:
            one, several = map(pseudo, message.id)
            string = (one, *[several] * (written.num_plurals - 1))
        written.add(message.id, string, locations=message.locations)
    path = path_of(LANGUAGE, folder)
    path.parent.mkdir(parents=True)
    path.write_bytes(as_bytes(written))
    return folder
