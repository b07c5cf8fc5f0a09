"""The API's own description."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app
from flask.typing import ResponseReturnValue

from app.api.openapi import description
from app.api.operations import JSON, gives, operation
from app.context import mellow

blueprint = Blueprint("openapi", __name__)
_MADE = "mellow-openapi"


@blueprint.get("/openapi.json")
@operation("This document", gives("OpenAPI 3.1.", dict[str, Any]))
def document() -> ResponseReturnValue:
    """Return the description. It is made when it is first asked for, and kept: it never changes."""
    made = current_app.extensions.get(_MADE)
    if made is None:
        made = current_app.json.dumps(description(current_app, mellow().settings.max_text_length))
        current_app.extensions[_MADE] = made
    return Response(made, content_type=JSON)
