"""The API's own description."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from app.api.openapi import API_PREFIX, description
from app.api.operations import JSON, gives, operation
from app.context import mellow

blueprint = Blueprint("openapi", __name__)
_MADE = "mellow-openapi"


@blueprint.get("/openapi.json")
@operation("This document", gives("OpenAPI 3.1.", dict[str, Any]))
def document() -> ResponseReturnValue:
    """Return the description, which is made at the first request and kept; the address in it is that of the request."""
    made = current_app.extensions.get(_MADE)
    if made is None:
        made = description(current_app, mellow().settings.max_text_length)
        current_app.extensions[_MADE] = made
    here = {"servers": [{"url": request.script_root + API_PREFIX}]}
    return Response(current_app.json.dumps(made | here), content_type=JSON)
