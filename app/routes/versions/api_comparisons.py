"""The admin's API for live comparisons: look at them."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.api.operations import gives, operation
from app.api.payload import comparison_json
from app.api.versions import LiveComparison
from app.extensions import db
from app.services.versions import live_comparison
from app.services.versions.live_comparison_report import report

blueprint = Blueprint("api_comparisons", __name__)


@blueprint.get("/comparisons")
@operation("Live comparisons of two versions, the latest first", gives("Comparisons.", list[LiveComparison]))
def list_comparisons() -> ResponseReturnValue:
    """All live comparisons, the latest first; the first one may be under way."""
    session = db.session()
    return [comparison_json(report(session, comparison)) for comparison in live_comparison.history(session)]


@blueprint.get("/comparisons/<int:number>")
@operation("One live comparison", gives("The comparison.", LiveComparison))
def get_comparison(number: int) -> ResponseReturnValue:
    """One live comparison, and what its clicks say now or said when it ended."""
    session = db.session()
    return comparison_json(report(session, live_comparison.get(session, number)))
