"""The typefaces that the installation makes, and how pages get them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from app import create_app
from app.launch.typeface import build
from app.routes import typeface
from tests.studio import Person, close, new_settings, parts

NAMES = ("inter", "atkinson-hyperlegible")
MOST_BYTES = 60_000

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the typefaces, made anew."""
    folder = tmp_path_factory.mktemp("share") / "mellow"
    build(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_they_are_small_and_hold_latin_letters(made: Path, name: str) -> None:
    assert {path.name for path in made.iterdir()} == {f"{one}.woff2" for one in NAMES}
    assert (made / f"{name}.woff2").stat().st_size < MOST_BYTES
    with TTFont(made / f"{name}.woff2") as font:
        letters = font.getBestCmap()
    assert set(map(ord, "Aßéłő–žÀ…“”·×≥")) <= letters.keys()
    assert ord("я") not in letters


def test_the_usual_one_has_weights_from_regular_to_bold_and_the_signs_of_the_pages(made: Path) -> None:
    with TTFont(made / "inter.woff2") as font:
        (weight,) = font["fvar"].axes
        assert set(map(ord, "0→α✓")) <= font.getBestCmap().keys()
    assert (weight.axisTag, weight.minValue, weight.maxValue) == ("wght", 400, 700)


def test_pages_ask_for_the_usual_one_and_browsers_keep_both(
    admin: Person, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typeface, "TYPEFACES", made)
    app = create_app(new_settings(parts(admin.app).settings.home))
    try:
        client = app.test_client()
        assert re.findall(r'href="(\S+)" as="font"', client.get("/sign-in").text) == ["/typeface/inter.woff2"]
        for name in NAMES:
            answer = client.get(f"/typeface/{name}.woff2", buffered=True)
            content = (made / f"{name}.woff2").read_bytes()
            assert (answer.status_code, answer.content_type, answer.data) == (200, "font/woff2", content)
            assert "max-age=2592000" in answer.headers["Cache-Control"]
    finally:
        close(app)


def test_without_them_pages_have_the_systems_and_the_log_says_how_to_make_them(
    admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(typeface, "TYPEFACES", tmp_path)
    app = create_app(new_settings(parts(admin.app).settings.home))
    try:
        client = app.test_client()
        page = client.get("/sign-in").text
        assert "typeface" not in page
        assert client.get("/typeface/inter.woff2").status_code == 404
        assert "(inter, atkinson-hyperlegible)" in caplog.text
        assert "python -m app.launch.typeface" in caplog.text
    finally:
        close(app)
