"""The help: the documents that ship with Mellow, for everybody who is signed in."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, send_file, url_for
from flask.typing import ResponseReturnValue

from app.services.system.documents import library

blueprint = Blueprint("help", __name__, url_prefix="/help")


@blueprint.get("")
def home() -> ResponseReturnValue:
    """Lead to the contents."""
    return redirect(url_for("help.page", name=library.INDEX))


@blueprint.get("/<path:name>")
def page(name: str) -> ResponseReturnValue:
    """Show a document, or send a file that one shows or leads to: a picture, or else a text."""
    if name.endswith(".md"):
        return render_template("system/document.html", document=library.document(name), index=library.INDEX, name=name)
    path = library.path_of(name)
    return send_file(path, mimetype="image/png" if path.suffix == ".png" else "text/plain; charset=utf-8")
