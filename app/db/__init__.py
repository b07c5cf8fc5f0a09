"""The SQL tables, one entity per file. Importing this package registers them all."""

from app.db.base import Base, now
from app.db.desk.candidate import Candidate
from app.db.desk.deleted_judgment import DeletedJudgment
from app.db.desk.drawn_pool import DrawnPool
from app.db.desk.generation import Generation
from app.db.desk.judgment import COUNTS, JUDGE, LONGEST_ANNOTATOR, OFF_THE_CARDS, Judgment, Verdict, new_key
from app.db.desk.preference import Preference
from app.db.desk.review import Review, ReviewState
from app.db.engine import ENGINE_OPTIONS, empty_log, make_sessions, write_transaction
from app.db.exchange.file_import import FileImport
from app.db.exchange.import_upload import ImportPiece, ImportUpload
from app.db.holds import holds
from app.db.insert_new import insert_new
from app.db.one_at_a_time import Turn, one_at_a_time
from app.db.people.api_token import ApiToken, Scope
from app.db.people.guess_count import GuessCount
from app.db.people.invitation import Invitation
from app.db.people.organisation_account import OrganisationAccount
from app.db.people.password_reset import PasswordReset
from app.db.people.people_group import GroupMember, PeopleGroup
from app.db.people.recovery_code import RecoveryCode
from app.db.people.second_factor import SecondFactor
from app.db.people.sign_in_session import SignInSession
from app.db.people.user import Role, User
from app.db.prebuilt import Prebuilt, PrebuiltInsert
from app.db.projects.owned import Kept, Owned, enter, everything, mine, project_of, sessions_of, within
from app.db.projects.project import ANSWERING, FIRST, LONGEST_INSTRUCTION, REWRITING, Project
from app.db.projects.project_member import ProjectMember, ProjectRole, is_member
from app.db.projects.turns import project_ids, slug_of, task_of
from app.db.prompts.assignment import AssignedPrompt, Assignee, Assignment, AssignmentEnd
from app.db.prompts.prompt import Prompt
from app.db.prompts.reservation import Reservation
from app.db.prompts.studio_setting import StudioSetting
from app.db.shared_commits import write_with_others
from app.db.system.audit_event import AuditEvent
from app.db.system.webhook import Webhook
from app.db.system.webhook_delivery import WebhookDelivery
from app.db.training.labelled_pair import LabelledPair
from app.db.training.reward_head import RewardHead
from app.db.training.run_metric import RunMetric
from app.db.training.training_run import ACTIVE_STATUSES, RunStatus, TrainingRun
from app.db.versions.alias import SERVING, Alias, serving_alias
from app.db.versions.forgetting import Forgetting, ForgettingKind
from app.db.versions.live_comparison import ComparisonOutcome, ComparisonState, LiveComparison
from app.db.versions.version import Version

__all__ = [
    "ACTIVE_STATUSES",
    "ANSWERING",
    "COUNTS",
    "ENGINE_OPTIONS",
    "FIRST",
    "JUDGE",
    "LONGEST_ANNOTATOR",
    "LONGEST_INSTRUCTION",
    "OFF_THE_CARDS",
    "REWRITING",
    "SERVING",
    "Alias",
    "ApiToken",
    "AssignedPrompt",
    "Assignee",
    "Assignment",
    "AssignmentEnd",
    "AuditEvent",
    "Base",
    "Candidate",
    "ComparisonOutcome",
    "ComparisonState",
    "DeletedJudgment",
    "DrawnPool",
    "FileImport",
    "Forgetting",
    "ForgettingKind",
    "Generation",
    "GroupMember",
    "GuessCount",
    "ImportPiece",
    "ImportUpload",
    "Invitation",
    "Judgment",
    "Kept",
    "LabelledPair",
    "LiveComparison",
    "OrganisationAccount",
    "Owned",
    "PasswordReset",
    "PeopleGroup",
    "Prebuilt",
    "PrebuiltInsert",
    "Preference",
    "Project",
    "ProjectMember",
    "ProjectRole",
    "Prompt",
    "RecoveryCode",
    "Reservation",
    "Review",
    "ReviewState",
    "RewardHead",
    "Role",
    "RunMetric",
    "RunStatus",
    "Scope",
    "SecondFactor",
    "SignInSession",
    "StudioSetting",
    "TrainingRun",
    "Turn",
    "User",
    "Verdict",
    "Version",
    "Webhook",
    "WebhookDelivery",
    "empty_log",
    "enter",
    "everything",
    "holds",
    "insert_new",
    "is_member",
    "make_sessions",
    "mine",
    "new_key",
    "now",
    "one_at_a_time",
    "project_ids",
    "project_of",
    "serving_alias",
    "sessions_of",
    "slug_of",
    "task_of",
    "within",
    "write_transaction",
    "write_with_others",
]
