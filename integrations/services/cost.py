"""What a frequency costs: calls a day, from what quiet runs of this connection took, or from what such runs usually take."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from integrations.adapters.registry import adapter_class
from integrations.models import Frequency, IntegrationInstance, SyncLog

RUNS_A_DAY = {
    Frequency.MANUAL: 0.0,
    Frequency.FIVE_MINUTES: 288.0,
    Frequency.FIFTEEN_MINUTES: 96.0,
    Frequency.HOURLY: 24.0,
    Frequency.DAILY: 1.0,
    Frequency.WEEKLY: 1 / 7,
}
#: A quiet run asks each table once for what changed; one more call now and then for its fields.
CALLS_PER_STREAM = 2
LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """calls: a day, while nothing changes. share: of what the tool allows in a day, 0 to 1; None where it says nothing."""

    frequency: str
    calls: int
    share: float | None


def costs(integration: IntegrationInstance) -> list[Cost]:
    """One for each frequency."""
    per_run, allowed = _calls_per_run(integration), _allowed_a_day(integration.provider)
    return [
        Cost(frequency, round(runs * per_run), runs * per_run / allowed if allowed else None)
        for frequency, runs in RUNS_A_DAY.items()
    ]


def _calls_per_run(integration: IntegrationInstance) -> float:
    quiet = SyncLog.objects.filter(
        ~Q(counts__has_any_keys=["created_here", "created_there", "updated_here", "updated_there"]),
        integration=integration,
        state=SyncLog.State.DONE,
        counts__requests__gt=0,
    ).values_list("counts__requests", flat=True)[:LOOKED_AT]
    taken = list(quiet)
    if taken:
        return sum(taken) / len(taken)
    return CALLS_PER_STREAM * max(integration.streams.count(), 1)


def _allowed_a_day(provider: str) -> float | None:
    limits = adapter_class(provider).manifest.limits
    return min((limit.requests / limit.seconds * 86_400 for limit in limits), default=None)
