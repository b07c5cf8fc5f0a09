"""The typeface that the installation makes, and how pages get it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from app import create_app
from app.launch.typeface import build
from app.routes import typeface
from tests.studio import Person, close, new_settings, parts

MOST_BYTES = 60_000

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The typeface, made anew."""
    target = tmp_path_factory.mktemp("share") / "mellow" / "typeface.woff2"
    build(target)
    return target


def test_it_is_small_and_holds_latin_letters_from_regular_to_bold(made: Path) -> None:
    assert [path.name for path in made.parent.iterdir()] == ["typeface.woff2"]
    assert made.stat().st_size < MOST_BYTES
    with TTFont(made) as font:
        letters = font.getBestCmap()
        (weight,) = font["fvar"].axes
    assert set(map(ord, "Aßéłő0–→αžÀ…“”·✓×≥")) <= letters.keys()
    assert ord("я") not in letters
    assert (weight.axisTag, weight.minValue, weight.maxValue) == ("wght", 400, 700)


def test_pages_ask_for_it_and_browsers_keep_it(admin: Person, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typeface, "TYPEFACE", made)
    app = create_app(new_settings(parts(admin.app).settings.home))
    try:
        client = app.test_client()
        assert 'href="/typeface/inter.woff2" as="font"' in client.get("/sign-in").text
        answer = client.get("/typeface/inter.woff2", buffered=True)
        assert (answer.status_code, answer.content_type, answer.data) == (200, "font/woff2", made.read_bytes())
        assert "max-age=2592000" in answer.headers["Cache-Control"]
    finally:
        close(app)


def test_without_it_pages_have_the_systems_and_the_log_says_how_to_make_it(
    admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(typeface, "TYPEFACE", tmp_path / "missing.woff2")
    app = create_app(new_settings(parts(admin.app).settings.home))
    try:
        client = app.test_client()
        page = client.get("/sign-in").text
        assert "typeface" not in page
        assert client.get("/typeface/inter.woff2").status_code == 404
        assert "python -m app.launch.typeface" in caplog.text
    finally:
        close(app)
