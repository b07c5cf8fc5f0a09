"""Names the actions of the audit log in other languages than English, where they are called as stored."""

from __future__ import annotations

from app.words import N_, gettext

ACTIONS = frozenset(
    {
        N_("alias.moved"),
        N_("audit.downloaded"),
        N_("backup.downloaded"),
        N_("backup.made"),
        N_("backup.removed"),
        N_("code.blocked"),
        N_("code.refused"),
        N_("comparison.decided"),
        N_("comparison.ended"),
        N_("comparison.started"),
        N_("database.copied"),
        N_("forgetting.requested"),
        N_("import.undone"),
        N_("invitation.created"),
        N_("invitation.withdrawn"),
        N_("organisation.linked"),
        N_("password.blocked"),
        N_("password.changed"),
        N_("password.refused"),
        N_("password.reset"),
        N_("password.set"),
        N_("person.deleted"),
        N_("person.exported"),
        N_("profile.changed"),
        N_("prompt.changed"),
        N_("prompt.deleted"),
        N_("prompt.unreadable"),
        N_("prompts.changed"),
        N_("prompts.imported"),
        N_("recovery_code.used"),
        N_("recovery_codes.renewed"),
        N_("reset.created"),
        N_("reset.withdrawn"),
        N_("role.changed"),
        N_("run.cancelled"),
        N_("run.requested"),
        N_("second_factor.enabled"),
        N_("secret_key.accepted"),
        N_("second_factor.removed"),
        N_("session.ended"),
        N_("sessions.ended"),
        N_("sign_in.blocked"),
        N_("sign_in.refused"),
        N_("studio.changed"),
        N_("token.issued"),
        N_("token.revoked"),
        N_("user.activated"),
        N_("user.created"),
        N_("user.deactivated"),
        N_("user.joined"),
        N_("user.signed_in"),
        N_("user.signed_out"),
        N_("version.deleted"),
        N_("version.noted"),
        N_("version.published"),
        N_("version.rebuilt"),
        N_("webhook.added"),
        N_("webhook.paused"),
        N_("webhook.removed"),
        N_("webhook.resent"),
        N_("webhook.resumed"),
    }
)


def named(action: str) -> str:
    """Return what an action is called on the page."""
    return gettext(action) if action in ACTIONS else action
