"""The admin's API of assignments, and of the groups that prompts are assigned to."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_login import current_user
from msgspec import UNSET

from app.access import user_id
from app.api.operations import gives, operation
from app.api.prompts.assignments import (
    Assigned,
    Assignment,
    AssignmentPage,
    AssignmentRequest,
    Group,
    GroupChange,
    GroupRequest,
)
from app.extensions import db
from app.services.prompts.assigning import assignments, groups, listing
from app.services.prompts.assigning.listing import AssignmentsQuery, Row

blueprint = Blueprint("api_assignments", __name__)


@blueprint.get("/assignments")
@operation(
    "Assignments, the newest first",
    gives("Assignments; `before` leads to older ones.", AssignmentPage),
    query=AssignmentsQuery,
)
def list_assignments(query: AssignmentsQuery) -> ResponseReturnValue:
    """Assignments, the newest first."""
    found = listing.page(db.session(), query)
    return {"assignments": [_json(row) for row in found.rows], "before": found.before}


@blueprint.post("/assignments")
@operation(
    "Assign prompts of the queue to a person or a group, who are served them first and alone",
    gives("The assignment.", Assigned, status=201),
    body=AssignmentRequest,
)
def make_assignment(body: AssignmentRequest) -> ResponseReturnValue:
    """Assign prompts; those of other assignments move to this one."""
    return assignments.assign(db.session(), user_id(), body.meant(), body.wished())._asdict(), 201


@blueprint.delete("/assignments/<int:assignment_id>")
@operation(
    "Withdraw an assignment: what is left of it is everybody's again",
    gives("The assignment as it ended.", Assignment),
    refusals=(409,),
)
def withdraw_assignment(assignment_id: int) -> ResponseReturnValue:
    """Withdraw an assignment."""
    session = db.session()
    return _json(listing.rows(session, [assignments.withdraw(session, user_id(), assignment_id)])[0])


@blueprint.get("/groups")
@operation(
    "Groups of people, by name; admins of a project see those of their members who are in it",
    gives("Groups.", list[Group]),
)
def list_groups() -> ResponseReturnValue:
    """Groups of people."""
    found = groups.all_groups if current_user.is_admin else groups.groups_here
    return [group._asdict() for group in found(db.session())]


@blueprint.post("/groups")
@operation("Make a group", gives("The group.", Group, status=201), body=GroupRequest, refusals=(409,))
def make_group(body: GroupRequest) -> ResponseReturnValue:
    """Make a group."""
    return groups.create(db.session(), user_id(), body.name, body.members)._asdict(), 201


@blueprint.patch("/groups/<int:group_id>")
@operation(
    "Rename a group, or say who is in it; what is assigned to it is for whoever is in it",
    gives("The group.", Group),
    body=GroupChange,
    refusals=(409,),
)
def change_group(group_id: int, body: GroupChange) -> ResponseReturnValue:
    """Change a group."""
    name = None if body.name is UNSET else body.name
    members = None if body.members is UNSET else body.members
    return groups.change(db.session(), user_id(), group_id, name, members)._asdict()


@blueprint.delete("/groups/<int:group_id>")
@operation("Delete a group: what is assigned to it is everybody's again", gives("Deleted.", status=204))
def delete_group(group_id: int) -> ResponseReturnValue:
    """Delete a group."""
    groups.remove(db.session(), user_id(), group_id)
    return "", 204


def _json(row: Row) -> dict[str, Any]:
    one = row.assignment
    return {
        "id": one.id,
        "person": {"id": one.user_id, "name": row.name} if one.user_id is not None else None,
        "group": {"id": one.group_id, "name": row.name} if one.group_id is not None else None,
        "state": row.state,
        "prompts": row.prompts,
        "done": row.done,
        "left": row.left,
        "due": one.due.isoformat() if one.due else None,
        "returns": one.returns,
        "note": one.note,
        "created_at": one.created_at.isoformat(),
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
    }
