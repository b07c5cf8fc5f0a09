"""The SQL tables, one entity a file. Importing this package registers them all."""

from app.db.alias import SERVING, Alias
from app.db.audit_event import AuditEvent
from app.db.base import Base, now
from app.db.candidate import Candidate
from app.db.engine import ENGINE_OPTIONS, make_sessions, write_transaction
from app.db.generation import Generation
from app.db.invitation import Invitation
from app.db.judgment import Judgment, Verdict
from app.db.prebuilt import Prebuilt, PrebuiltInsert
from app.db.preference import Preference
from app.db.prompt import Prompt
from app.db.run_metric import RunMetric
from app.db.shared_commits import write_with_others
from app.db.studio_setting import StudioSetting
from app.db.training_run import ACTIVE_STATUSES, RunStatus, TrainingRun
from app.db.user import Role, User
from app.db.version import Version
from app.db.webhook import Webhook
from app.db.webhook_delivery import WebhookDelivery

__all__ = [
    "ACTIVE_STATUSES",
    "ENGINE_OPTIONS",
    "SERVING",
    "Alias",
    "AuditEvent",
    "Base",
    "Candidate",
    "Generation",
    "Invitation",
    "Judgment",
    "Prebuilt",
    "PrebuiltInsert",
    "Preference",
    "Prompt",
    "Role",
    "RunMetric",
    "RunStatus",
    "StudioSetting",
    "TrainingRun",
    "User",
    "Verdict",
    "Version",
    "Webhook",
    "WebhookDelivery",
    "make_sessions",
    "now",
    "write_transaction",
    "write_with_others",
]
