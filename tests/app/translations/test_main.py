"""`make words`: catalogues have exactly the sentences of pages, scripts and programs, and keep translations."""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog

from app.translations.__main__ import as_bytes, missing, sentences, updated
from app.translations.catalogue import path_of, read


def project(root: Path) -> Path:
    """A project that says something in each place where sentences are looked for."""
    for name, text in {
        "app/pages.py": 'LABEL = N_("A label")\nraise Invalid(gettext("There is no %(name)s.", name=name))\n',
        "models/figures.py": 'J = Figure(N_("J"))\n',
        "templates/page.html": "{% trans %}\n  Two\n  lines\n{% endtrans %}{{ ngettext('a click', 'clicks', n) }}",
        "static/js/page.js": 'import { gettext } from "./words.js";\nsay(gettext("Saved."));\n',
    }.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    return root


def test_sentences_are_found_in_pages_scripts_and_programs_with_their_files(tmp_path: Path) -> None:
    said = sentences(project(tmp_path))
    found = {message.id: [place for place, _ in message.locations] for message in said if message.id}
    assert {sentence: places for sentence, places in found.items() if (tmp_path / places[0]).exists()} == {
        "A label": ["app/pages.py"],
        "There is no %(name)s.": ["app/pages.py"],
        "J": ["models/figures.py"],
        "Two lines": ["templates/page.html"],
        ("a click", "clicks"): ["templates/page.html"],
        "Saved.": ["static/js/page.js"],
    }


def test_updating_keeps_translations_adds_new_sentences_and_takes_out_those_that_are_gone(tmp_path: Path) -> None:
    known = Catalog(locale="de")
    known.add("Saved.", "Gespeichert.")
    known.add("Gone.", "Weg.")
    path = path_of("de", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(as_bytes(known))
    said = Catalog()
    said.add("Saved.")
    said.add("Saved again.")
    path.write_bytes(as_bytes(updated(path, said)))
    found = read(path)
    assert {message.id: message.string for message in found if message.id} == {
        "Saved.": "Gespeichert.",
        "Saved again.": "",
    }
    assert b"Gone." not in path.read_bytes()
    assert missing(found) == ["Saved again."]


def test_a_sentence_with_a_number_lacks_a_translation_as_long_as_one_of_its_forms_does() -> None:
    known = Catalog(locale="de")
    known.add(("one click", "clicks"), ("ein Klick", ""))
    known.add(("one run", "runs"), ("ein Training", "Trainings"))
    assert missing(known) == ["one click"]
