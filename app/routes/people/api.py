"""The API of one's own tokens."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.access import bearer, user_id
from app.api.operations import gives, operation
from app.api.people import NewToken, Token, TokenRequest
from app.db import ApiToken
from app.extensions import db
from app.services.people import api_tokens

blueprint = Blueprint("api_tokens", __name__)


@blueprint.get("/tokens")
@operation("One's own tokens, those in force first, without their secrets", gives("Tokens.", list[Token]))
def list_tokens() -> ResponseReturnValue:
    """One's own tokens, without their secrets."""
    return [_token_json(token) for token in api_tokens.of_person(db.session(), user_id())]


@blueprint.post("/tokens")
@operation(
    "Make a token of one's own. Asked with a token, it may do no more and is good for no longer than that one. The "
    "response holds its secret; it is shown once",
    gives("The token.", NewToken, status=201),
    body=TokenRequest,
    refusals=(409,),
)
def make_token(body: TokenRequest) -> ResponseReturnValue:
    """Make a token; the answer holds its secret, which is never shown again."""
    token, secret = api_tokens.make(db.session(), user_id(), body.name, body.scopes, body.days, by=bearer())
    return {**_token_json(token), "token": secret}, 201


@blueprint.delete("/tokens/<int:token_id>")
@operation(
    "Revoke a token of one's own at once. Asked with a token, it may do no more than that one",
    gives("Revoked.", status=204),
)
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Revoke a token."""
    api_tokens.revoke(db.session(), user_id(), user_id(), token_id, by=bearer())
    return "", 204


def _token_json(token: ApiToken) -> dict[str, Any]:
    moments = {
        name: moment.isoformat() if moment else None
        for name, moment in (
            ("created_at", token.created_at),
            ("expires_at", token.expires_at),
            ("last_used_at", token.last_used_at),
            ("revoked_at", token.revoked_at),
        )
    }
    return {"id": token.id, "name": token.name, "scopes": token.scopes, **moments}
