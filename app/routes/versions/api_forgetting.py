"""The admin's API for forgetting: what learned from it, versions made again without it, and the old ones deleted."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.api.operations import gives, operation
from app.api.versions import DeleteOldQuery, ForgettingPlan, ForgettingRequest, ForgettingState
from app.domain_errors import NotReady
from app.extensions import db
from app.routes.versions import forgetting_actions
from app.services.training.rebuilds import forgetting_runs
from app.services.training.rebuilds.forgetting_runs import Plan, State
from app.services.versions import forgetting
from models.model_errors import StoreError

blueprint = Blueprint("api_forgetting", __name__)


@blueprint.get("/forgettings")
@operation("All forgettings, the newest first", gives("Forgettings.", list[ForgettingState]))
def list_forgettings() -> ResponseReturnValue:
    """All forgettings, the newest first."""
    return [_shown(state) for state in forgetting_runs.every(db.session())]


@blueprint.get("/forgettings/<int:forgetting_id>")
@operation("One forgetting", gives("The forgetting.", ForgettingState))
def get_forgetting(forgetting_id: int) -> ResponseReturnValue:
    """One forgetting."""
    session = db.session()
    return _shown(forgetting_runs.state(session, forgetting_runs.get(session, forgetting_id)))


@blueprint.post("/forgettings/preview")
@operation(
    "The versions that learned from a person, a prompt, an import or deleted judgments, and those that would be made "
    "again. Nothing is stored",
    gives("The versions.", ForgettingPlan),
    body=ForgettingRequest,
    refusals=(404,),
)
def preview_forgetting(body: ForgettingRequest) -> ResponseReturnValue:
    """Say what learned from it, and what would be made again; nothing is stored."""
    session = db.session()
    meant = forgetting.forgotten(session, body.kind, body.number)
    found = forgetting.learners(session, meant)
    target = body.target or forgetting_runs.default_target(session, found)
    plan = forgetting_runs.plan(session, meant, found, target) if target is not None else Plan()
    return {
        "learned": [
            {
                "version": one.version.number,
                "judgments": one.judgments,
                "pairs": one.pairs,
                "inherited": one.inherited,
            }
            for one in found
        ],
        "target": plan.target,
        "base": plan.base,
        "steps": [{"version": step.version.number, "pairs": step.pairs} for step in plan.steps],
        "left_out": list(plan.left_out),
        "problem": plan.problem,
        "elsewhere": [one.slug for one in forgetting.elsewhere(session, meant) if one.versions],
    }


@blueprint.post("/forgettings")
@operation(
    "Make versions again without a person, a prompt, an import or deleted judgments, one run after the other. The "
    "same request while its runs are active yields them",
    gives("The forgetting.", ForgettingState, status=202),
    body=ForgettingRequest,
    refusals=(404, 409),
)
def create_forgetting(body: ForgettingRequest) -> ResponseReturnValue:
    """Ask for the runs that make versions again without it."""
    session = db.session()
    meant = forgetting.forgotten(session, body.kind, body.number)
    row, _ = forgetting_actions.request_forgetting(meant, body.target, body.serve)
    return _shown(forgetting_runs.state(session, row)), 202


@blueprint.delete("/forgettings/<int:forgetting_id>/versions")
@operation(
    "Delete the files of the versions that learned from what was forgotten, once all are made again",
    gives("Deleted.", status=204),
    query=DeleteOldQuery,
    refusals=(404, 409, 503),
)
def delete_old_versions(forgetting_id: int, query: DeleteOldQuery) -> ResponseReturnValue:
    """Remove the files of the old versions; `confirm` must be how many there are."""
    try:
        forgetting_actions.delete_old(forgetting_id, query.confirm)
    except StoreError as error:
        raise NotReady(str(error)) from None
    return "", 204


def _shown(state: State) -> dict[str, Any]:
    row = state.row
    return {
        "id": row.id,
        "kind": row.kind,
        "number": row.number,
        "target": row.target,
        "serve": row.serve,
        "runs": [run.id for run in state.runs],
        "active": state.active,
        "made": state.made,
        "old": [version.number for version in state.old],
        "created_at": row.created_at.isoformat(),
    }
