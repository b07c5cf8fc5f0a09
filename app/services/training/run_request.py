"""The request for a training run, and the digest by which two equal requests are recognised."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from app.domain_errors import Invalid
from app.schemas.kinds import LARGEST_ID, one_of
from app.schemas.reading import Sent
from app.services.training import setting_labels, setting_schemas
from app.services.training.selection import EVERYTHING, Selection
from app.words import gettext

Method = Literal["dpo", "orpo", "kto", "sft"]
METHODS: tuple[Method, ...] = ("dpo", "orpo", "kto", "sft")
ParentVersion = Annotated[
    int,
    Meta(
        ge=1,
        le=LARGEST_ID,
        description="The version to start from; left out: the one that serves when the run begins. Not for sft.",
        extra={"refusal": "parent_version must be the number of a version."},
    ),
]


def method_named(name: str) -> Method:
    """Return `name` if it is a method; raises Invalid."""
    for method in METHODS:
        if method == name:
            return method
    raise Invalid(gettext("method must be one of %(methods)s.", methods=", ".join(METHODS)))


def _config(*methods: str) -> Meta:
    return Meta(
        description="The settings of the method.",
        extra_json_schema={"anyOf": setting_schemas.settings_of(*methods)},
        extra={"refusal": "config must be an object."},
    )


class RunRequest(Sent, frozen=True):
    """Request for a training run by `method` with `config` on the judgments of `selection`.

    It starts from version `parent_version`, or, if that is None, from the version that is live when it begins.
    """

    unknown: ClassVar[str] = "There is no field {name!r} in a training run."
    rules: ClassVar[tuple[dict[str, Any], ...]] = ({"anyOf": setting_schemas.by_method()},)

    method: Annotated[Method, one_of(METHODS)]
    config: Annotated[dict[str, Any], _config(*METHODS)] = msgspec.field(default_factory=dict)
    selection: Annotated[Selection, Meta(extra={"refusal": "selection must be an object."})] = EVERYTHING
    parent_version: ParentVersion | None = None

    @property
    def on_everything(self) -> bool:
        """Return whether the run is on all clicks, from the version that is live when it begins."""
        return self.selection == EVERYTHING and self.parent_version is None

    @property
    def digest(self) -> str:
        """Return a SHA-256 of the request; a setting left out is the same as its default given.

        Raises Invalid for settings that a method on clicks cannot be run with.
        """
        on_clicks = self.method in setting_labels.METHODS
        config = setting_labels.effective(self.method, self.config) if on_clicks else dict(self.config)
        asked = [self.method, config, self.selection.as_dict(), self.parent_version]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


class PreviewRequest(RunRequest, frozen=True):
    """Request for the preview of a run on clicks."""

    rules: ClassVar[tuple[dict[str, Any], ...]] = ({"anyOf": setting_schemas.of_clicks()},)

    method: Annotated[Literal["dpo", "orpo", "kto"], one_of(setting_labels.METHODS)]
    config: Annotated[dict[str, Any], _config(*setting_labels.METHODS)] = msgspec.field(default_factory=dict)
