"""The sentences of the scripts come as a file of their own, before the scripts, in every language but English."""

from __future__ import annotations

import json
import re

from flask import Flask

GERMAN = {"Accept-Language": "de"}


def test_pages_in_german_load_the_sentences_of_the_scripts_first(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/nowhere", headers=GERMAN).text
    address, module = page.index('<script src="/words/de-'), page.index('<script type="module"')
    assert address < module
    found = re.search(r'<script src="(/words/de-[0-9a-f]{16}\.js)">', page)
    assert found is not None
    answer = client.get(found[1])
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    said = json.loads(answer.text.removeprefix("globalThis.mellowWords = ").removesuffix(";\n"))
    assert said["Type a text first."] == "Tippen Sie zuerst einen Text."
    assert "Sign out" not in said, "which no script says"


def test_english_pages_load_none(app: Flask) -> None:
    assert "/words/" not in app.test_client().get("/nowhere", headers={"Accept-Language": "en"}).text


def test_an_address_of_another_catalogue_is_not_kept(app: Flask) -> None:
    answer = app.test_client().get("/words/de-0123456789abcdef.js")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_there_is_no_file_for_english_or_a_language_that_is_not_offered(app: Flask) -> None:
    for language in ("en", "tlh"):
        answer = app.test_client().get(f"/words/{language}-0123456789abcdef.js")
        assert answer.status_code == 404
        assert "There is no such language here." in answer.text
