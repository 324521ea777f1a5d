"""The tenant's integrations. All of it lives in the tenant's schema."""

from integrations.models.instance import Frequency, IntegrationInstance, Status
from integrations.models.link import HeldRecord, LinkState, RecordLink, SetAside
from integrations.models.run import Conflict, SyncLog, SyncLogLine
from integrations.models.stream import Deletions, Direction, FieldMapping, Matching, Policy, Stream

__all__ = [
    "Conflict",
    "Deletions",
    "Direction",
    "FieldMapping",
    "Frequency",
    "HeldRecord",
    "IntegrationInstance",
    "LinkState",
    "Matching",
    "Policy",
    "RecordLink",
    "SetAside",
    "Status",
    "Stream",
    "SyncLog",
    "SyncLogLine",
]
