"""The chat models that may be served, those of the store and that of CHAT_MODEL, and how they are loaded."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from app.config import Settings
from models.chat.engine import ChatEngine
from models.chat.forms import form_of, keep_newest
from models.chat.source import Named, find_source
from models.model_errors import AnswersRefused, LoadError
from worker.chat.conversion import convert_in_process


class Models:
    """The chat models of one home, whose converted forms it keeps."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = settings.home / "cache" / "chat"
        self._own = Path(settings.chat_model).resolve() if settings.chat_model else None
        self._store = settings.store.resolve()

    def find(self, named: Named | None) -> Named:
        """Return a model by its real path, that of CHAT_MODEL for None; raises AnswersRefused for one of elsewhere."""
        if named is None:
            if self._own is None:
                raise AnswersRefused("There is no CHAT_MODEL here: a model of the store must be named.")
            return Named(self._own)
        return Named(self._real(named.folder), self._real(named.base) if named.base else None)

    def load(self, model: Named) -> ChatEngine:
        """Load a model, converted first if it is new; raises ModelError."""
        precision = self._settings.serving_compute_type
        try:
            source = find_source(model.folder, model.base)
            form = form_of(source, precision, self._cache, partial(convert_in_process, compute_type=precision))
        except OSError as error:
            raise LoadError(
                f"{model.folder} cannot be read, or {self._cache} not be written: {error.strerror}."
            ) from None
        threads = self._settings.serving_threads or max(1, min(4, os.cpu_count() or 1))
        engine = ChatEngine(form, form.name[:16], compute_type=precision, threads=threads)
        keep_newest(self._cache, self._settings.chat_models_in_memory)
        return engine

    def _real(self, folder: Path) -> Path:
        """Return the real path of a version's folder or of CHAT_MODEL; raises AnswersRefused for any other."""
        real = Path(os.path.realpath(folder))
        if real != self._own and not (real.parent == self._store and real.name.isdigit()):
            raise AnswersRefused("Only versions of the store and the model of CHAT_MODEL can be asked.")
        return real
