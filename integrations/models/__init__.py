"""The tenant's integrations. All of it lives in the tenant's schema."""

from integrations.models.agreement import Agreement
from integrations.models.edit import Draft, Edit, Part
from integrations.models.grant import Grant
from integrations.models.instance import Frequency, IntegrationInstance, Status
from integrations.models.link import HeldRecord, LeftOut, LinkState, RecordLink, SetAside, SweptRecord
from integrations.models.plan import Plan, PlanLine
from integrations.models.run import Conflict, Ended, SyncLog, SyncLogLine
from integrations.models.stream import (
    Deletions,
    Direction,
    Drift,
    FieldMapping,
    FirstPolicy,
    Matching,
    Policy,
    Stream,
)

__all__ = [
    "Agreement",
    "Conflict",
    "Deletions",
    "Direction",
    "Draft",
    "Drift",
    "Edit",
    "Ended",
    "FieldMapping",
    "FirstPolicy",
    "Frequency",
    "Grant",
    "HeldRecord",
    "IntegrationInstance",
    "LeftOut",
    "LinkState",
    "Matching",
    "Part",
    "Plan",
    "PlanLine",
    "Policy",
    "RecordLink",
    "SetAside",
    "Status",
    "Stream",
    "SweptRecord",
    "SyncLog",
    "SyncLogLine",
]
