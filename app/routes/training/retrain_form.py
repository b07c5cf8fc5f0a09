"""The Retrain form: reading it as a request, and filling it in from an earlier run."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import MultiDict

from app.db import ANSWERING, TrainingRun
from app.domain_errors import Invalid
from app.schemas.reading import read as checked
from app.services.training import setting_labels
from app.services.training.run_request import RunRequest, method_named
from app.services.training.selection import Selection
from app.words import gettext
from models.settings.options import current_names
from models.settings.setting import Setting

Form = MultiDict[str, str]


def read(form: Form, task: str) -> RunRequest:
    """Read the request from the form of a project of that task; raises Invalid about the first field that is wrong."""
    method = method_named(form.get("method", "dpo"))
    config = _config(method, form, task) if method in setting_labels.METHODS else {}
    return RunRequest(method, config, _selection(form), _parent(form))


def filled_in(run: TrainingRun, task: str) -> Form:
    """Return the form filled in as it would have requested `run`, with the parent version of `run`.

    Where the task is answering, a run keeps every setting: then only those are filled in that are not the usual ones.
    """
    form: Form = MultiDict({"method": run.method, "parent_version": str(run.parent_version or "")})
    config = current_names(run.config)
    preset = str(config.pop("preset", "default"))
    form[f"{run.method}-preset"] = preset
    for setting in setting_labels.settings(run.method, task):
        if setting.name not in config:
            continue
        text = setting.shown(config[setting.name])
        if task != ANSWERING or text != setting.shown(setting.default):
            form[f"{run.method}-{setting.name}"] = text
    for name, value in run.selection.items():
        form.setlist(name, [str(one) for one in value] if isinstance(value, list) else [str(value)])
    return form


def _config(method: str, form: Form, task: str) -> dict[str, Any]:
    """Return the chosen preset, overridden by every setting that was filled in."""
    named = form.get(f"{method}-preset", "default")
    preset = next((one for one in setting_labels.presets(method, task) if one.name == named), None)
    if preset is None:
        raise Invalid(gettext("There is no preset “%(name)s” for %(method)s.", name=named, method=method))
    config = dict(preset.config)
    for setting in setting_labels.settings(method, task):
        text = form.get(f"{method}-{setting.name}", "").strip()
        if text:
            config[setting.name] = _value(setting, text)
    return config


def _value(setting: Setting, text: str) -> Any:
    """Return the typed text as a JSON value. Text that is no number stays a string, which the recipe then rejects."""
    if setting.kind == "bool":
        return {"yes": True, "no": False}.get(text, text)
    if setting.kind in ("names", "numbers"):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return parts if setting.kind == "names" else [_number(part) for part in parts]
    return text if setting.kind == "choice" else _number(text)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _selection(form: Form) -> Selection:
    body: dict[str, Any] = {
        "people": [_number(text) for text in form.getlist("people")],
        "without": form.getlist("without"),
        "sources": form.getlist("sources"),
        **{name: form.get(name) for name in ("from_day", "to_day")},
        "min_agreement": _number(form.get("min_agreement") or "0"),
    }
    return Selection.parse(body)


def _parent(form: Form) -> int | None:
    text = form.get("parent_version", "").strip()
    return checked(RunRequest, {"method": "dpo", "parent_version": _number(text)}).parent_version if text else None
