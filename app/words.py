"""The words of the interface in the language of the reader: gettext, numbers and moments, by Flask-Babel.

Outside a request, and for programs that come with an API token, they are English. `docs/translating.md` says how
catalogues are kept.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path

import flask_babel
from babel import Locale
from babel.numbers import format_decimal
from babel.support import NullTranslations
from flask import Flask, current_app, has_request_context, request
from flask_babel import Babel, Domain, get_locale
from flask_login import current_user

from app.translations.catalogue import FOLDER, SOURCE, languages_in, path_of, translations
from models.words import N_

__all__ = ["N_", "gettext", "init_app", "language", "local_moment", "moment", "name_of", "ngettext", "number"]


def gettext(sentence: str, /, **values: object) -> str:
    """Return a sentence in the reader's language; %(name)s in it is replaced by the value of that name."""
    return str(flask_babel.gettext(sentence, **values))


def ngettext(one: str, several: str, count: int, /, **values: object) -> str:
    """Return the form of a sentence that fits a number, which stands in it as %(num)d."""
    return str(flask_babel.ngettext(one, several, count, **values))


def language() -> str:
    """Return the code of the language that this request is answered in, English outside a request."""
    locale = get_locale()
    return locale.language if locale else SOURCE


def name_of(code: str) -> str:
    """Return what a language calls itself: "Deutsch"."""
    locale = Locale.parse(code)
    return (locale.get_display_name(code) or code).capitalize()


def number(value: float, places: int = 0) -> str:
    """Return a number with the separators of the reader's language and so many decimal places: "12,345.6"."""
    if language() == SOURCE:
        return f"{value:,.{places}f}"
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return format_decimal(round(value, places), format=pattern, locale=get_locale())


def moment(value: datetime, seconds: bool = False) -> str:
    """Return a moment in UTC: "2026-03-01 23:59 UTC" in English, with the date as it is written elsewhere in others."""
    return f"{local_moment(value, seconds)} UTC"


def local_moment(value: datetime, seconds: bool = False) -> str:
    """Return a moment as `moment` does, in the time zone that it has, which is not said: "2026-03-01 23:59"."""
    clock = "%H:%M:%S" if seconds else "%H:%M"
    return f"{value:{_DAYS.get(language(), '%Y-%m-%d')} {clock}}"


_DAYS = {"de": "%d.%m.%Y"}


class _Catalogues(Domain):  # type: ignore[misc]  # Flask-Babel has no types
    """Looks sentences up in the catalogues of the folders that the application knows."""

    def get_translations(self) -> NullTranslations:
        """Return the catalogue of the present language."""
        return translations(catalogue_path(language()) if has_request_context() else None)


class _Babel(Babel):  # type: ignore[misc]
    """Flask-Babel with catalogues that need not be compiled."""

    @cached_property
    def domain_instance(self) -> Domain:
        """The one domain of the application."""
        return _Catalogues()


def catalogue_path(code: str) -> Path | None:
    """Return the catalogue of a language that the application offers, None for English and for all others."""
    folders: dict[str, Path] = current_app.config["LANGUAGES"]
    return path_of(code, folders[code]) if code in folders else None


def languages() -> list[str]:
    """Return the codes of the languages that the application offers, English first."""
    return [SOURCE, *current_app.config["LANGUAGES"]]


def init_app(app: Flask, more: Path | None = None) -> None:
    """Answer in the reader's language; `more` is a folder of further catalogues, which the settings have checked."""
    folders = (FOLDER, more) if more else (FOLDER,)
    app.config["LANGUAGES"] = {code: folder for folder in folders for code in languages_in(folder)}
    _Babel().init_app(app, locale_selector=_selected)
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.filters.update(number=number, moment=moment, local_moment=local_moment)
    app.jinja_env.globals.update(N_=N_, language=language, languages=languages, language_name=name_of)
    app.jinja_env.globals["text_direction"] = lambda: get_locale().text_direction


def _selected() -> str:
    """Return the language that the person chose, else the best of those that the browser asks for."""
    if not has_request_context():
        return SOURCE
    if current_user.is_authenticated:
        if current_user.bearer:
            return SOURCE
        if current_user.language in languages():
            return str(current_user.language)
    # Not `best_match`, which takes German before English from a browser that asks for "en-GB, de;q=0.5".
    asked = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality)
    return next((code for code in asked if code in languages()), SOURCE)
