"""What a sync costs: calls a day at a frequency, from what quiet runs took or usually take; calls and time of the first import
and of a plan, from how many records there are and how fast the tool may be asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from crm import registry
from integrations.adapters.base import RateLimit
from integrations.adapters.registry import adapter_class
from integrations.models import Direction, Frequency, IntegrationInstance, Matching, Plan, Stream, SyncLog
from integrations.services import samples

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


# --- the first import -----------------------------------------------------------------------------------------------

READ_AT_ONCE = 100  # records of one page; all tools that we know give as many
SECONDS_A_CALL = 0.5  # of a quick tool, with what we do in between
PER = 10_000  # records for which the time is told where nobody knows how many there are


@dataclass(frozen=True, slots=True)
class First:
    """What the first sync takes at most: every record here may have to be created there, until matching says otherwise.

    records: to be read there; is_exact: False where there are more. sent: records here that may be created there.
    pace: seconds for PER records to be read, for what is not counted.
    """

    records: int
    is_exact: bool
    sent: int
    calls: int
    seconds: float
    pace: float


def first(integration: IntegrationInstance, streams: Sequence[Stream] | None = None) -> First | None:
    """None while nobody has counted any of its tables. streams: as they are about to be saved."""
    manifest = adapter_class(integration.provider).manifest
    pairs = list(integration.streams.all()) if streams is None else streams
    sizes = {one.pk: samples.size(integration, one.collection) for one in pairs}
    if not any(sizes.values()):
        return None
    reads = sends = records = sent = 0
    for one in pairs:
        size = sizes[one.pk] or samples.Size(0, is_exact=False)
        records += size.records
        reads += 1 + math.ceil(size.records / READ_AT_ONCE)  # one more for its fields
        if one.direction != Direction.IMPORT and one.matching != Matching.MATCH_ONLY and manifest.can.write:
            ours = registry.entity(one.entity).model._default_manager.count()
            sent += ours
            sends += math.ceil(ours / manifest.can.batch)
    is_exact = all(size is not None and size.is_exact for size in sizes.values())
    pace = _seconds(PER / READ_AT_ONCE, manifest.limits)
    return First(records, is_exact, sent, reads + sends, _seconds(reads + sends, manifest.limits), pace)


def _seconds(calls: float, limits: Iterable[RateLimit]) -> float:
    """As the tool lets us, one call after another. A limit of fewer calls than there are costs no time."""
    waits = (calls / limit.requests * limit.seconds for limit in limits if calls > limit.requests)
    return max([calls * SECONDS_A_CALL, *waits])


# --- a plan ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Effort:
    calls: int
    seconds: float


def of_plan(plan: Plan) -> Effort:
    """What carrying it out takes: what is to be read again, and what is to be written there in the tool's batches."""
    manifest = adapter_class(plan.integration.provider).manifest
    written = sum(plan.counts.get(f"{action}_there", 0) for action in ("created", "updated", "deleted", "restored"))
    calls = len(plan.streams) + math.ceil(plan.counts.get("read", 0) / READ_AT_ONCE)
    calls += math.ceil(written / manifest.can.batch)
    return Effort(calls, _seconds(calls, manifest.limits))
