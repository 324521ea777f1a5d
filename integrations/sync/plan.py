"""What a run would do, without doing it: the run's own code, in a transaction that is rolled back.

The tool is read first, without a transaction; then the same functions that a run uses bring the records in and prepare what
would go out. So a plan cannot differ from a run in anything but what moves between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import ngettext

from integrations.adapters.base import Adapter, Record
from integrations.models import IntegrationInstance, RecordLink, SetAside, Stream, SyncLog, SyncLogLine
from integrations.sync import engine, pull, push, tables
from integrations.sync.apply import apply
from integrations.sync.store import Store
from integrations.sync.tally import Changes
from values import Value

RECORDS = 5000  # per stream; what comes after follows the same rules
SAMPLES = 50


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One record that would be touched. changes: {label of our field: [old, new]} on `side`."""

    side: str
    action: str
    title: str
    remote_id: str = ""
    record_id: str = ""
    changes: Changes = field(default_factory=dict)
    reason: str = ""


@dataclass(slots=True)
class StreamPlan:
    """counts: created_here, created_there, updated_here, updated_there, deleted_here, deleted_there, linked, ambiguous,
    set_aside, conflict, skipped, read."""

    stream: Stream
    counts: dict[str, int] = field(default_factory=dict)
    samples: list[PlanLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    truncated: bool = False


@dataclass(slots=True)
class Plan:
    streams: list[StreamPlan] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def truncated(self) -> bool:
        return any(one.truncated for one in self.streams)

    @property
    def counts(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for one in self.streams:
            for name, number in one.counts.items():
                total[name] = total.get(name, 0) + number
        return total


class NoLease:
    """A plan writes nothing that stays, so it needs no claim."""

    def hold(self) -> None:
        return None


def plan_run(integration: IntegrationInstance, streams: Sequence[Stream], adapter: Adapter) -> Plan:
    """Plan the next run. Raises the adapter's errors."""
    for stream in streams:
        engine.look_at_schema(adapter, stream)
    stores = [
        Store(SyncLog(integration=integration), stream, NoLease(), adapter)  # type: ignore[arg-type]
        for stream in engine.targets_first(streams)
    ]
    read = [_read(adapter, store) for store in stores]
    with transaction.atomic():
        plan = _work(integration, stores, read)
        transaction.set_rollback(True)
    return plan


def _read(adapter: Adapter, store: Store) -> tuple[list[Record], bool]:
    """Some records and whether that was all of them."""
    pages = adapter.read(store.stream.collection, store.stream.cursor or None, store.remote_fields)
    records = list(islice((record for page in pages for record in page.records), RECORDS + 1))
    return records[:RECORDS], len(records) <= RECORDS


def _work(integration: IntegrationInstance, stores: Sequence[Store], read: Sequence[tuple[list[Record], bool]]) -> Plan:
    plan = Plan()
    for store, (records, whole) in zip(stores, read, strict=True):
        store.run = SyncLog.objects.create(integration=integration, state=SyncLog.State.DONE, trigger="plan")
        store.run.integration = integration
        for start in range(0, len(records), pull.GATHER):
            apply(store, records[start : start + pull.GATHER])
        if store.stream.listed_at is None:
            for _count in pull.match_held(store):
                pass
            now = timezone.now()
            store.commit(lambda store=store, now=now: store.save_stream(listed_at=now))  # type: ignore[misc]
        counts = {"read": len(records)}
        plan.streams.append(StreamPlan(store.stream, counts, truncated=not whole))
    engine.end_waiting(stores)
    for store, planned in zip(stores, plan.streams, strict=True):
        planned.samples, going_out = _outgoing(store) if store.outbound else ([], {})
        planned.counts |= {name: n for name, n in store.run.counts.items()} | going_out
        ambiguous = SetAside.objects.filter(stream=store.stream, code="ambiguous", side="there").count()
        planned.counts["ambiguous"] = ambiguous
        planned.samples = (_incoming(store) + planned.samples)[:SAMPLES]
        planned.problems = _problems(store)
    return plan


def _outgoing(store: Store) -> tuple[list[PlanLine], dict[str, int]]:
    """What would be sent."""
    if store.stream.exported_at is None:
        store.commit(lambda: tables.queue_all(store.stream, store.entity.table))
    push.look_through_feed(store)
    lines: list[PlanLine] = []
    counts: dict[str, int] = {}
    last = 0
    while True:
        seen, intended = store.commit(lambda after=last: push.intend(store, after))  # type: ignore[misc]
        if not seen:
            return lines, counts
        last = seen[-1]
        for one in intended:
            action = {"create": "created", "delete": "deleted", "restore": "restored"}.get(one.change.action, "updated")
            name = f"{'created' if action == 'restored' else action}_there"
            counts[name] = counts.get(name, 0) + 1
            if len(lines) < SAMPLES:
                changes = {_label(store, n): [one.old.get(n), sent] for n, (sent, _back) in one.fields.items()}
                lines.append(
                    PlanLine(
                        "there", action, one.title, one.link.remote_id or "", str(one.link.record_id or ""), changes
                    )
                )


def _incoming(store: Store) -> list[PlanLine]:
    """What would change here, from the lines that the rolled-back run wrote."""
    lines = list(SyncLogLine.objects.filter(run=store.run).exclude(action="set_aside").order_by("id")[: SAMPLES // 2])
    bases = _bases(store, [line.record_id for line in lines if line.action == "created"])
    found = []
    for line in lines:
        changes = line.changes or {
            name: [None, value] for name, value in bases.get(line.record_id, {}).items() if value not in (None, False)
        }
        labelled = {_label(store, name): pair for name, pair in changes.items()}
        found.append(
            PlanLine(
                line.side, line.action, line.title, line.remote_id, str(line.record_id or ""), labelled, line.reason
            )
        )
    return found


def _bases(store: Store, ids: Sequence[Any]) -> dict[Any, dict[str, Value]]:
    links = RecordLink.objects.filter(stream=store.stream, record_id__in=[pk for pk in ids if pk])
    return dict(links.values_list("record_id", "base_local"))


def _problems(store: Store) -> list[str]:
    """Why some values stay behind, each reason once with its number."""
    reasons: dict[str, int] = {}
    for field_name, reason in SetAside.objects.filter(stream=store.stream).values_list("field", "reason"):
        text = f"{_label(store, field_name)}: {reason}" if field_name else reason
        reasons[text] = reasons.get(text, 0) + 1
    return [
        ngettext("%(number)s record waits. %(reason)s", "%(number)s records wait. %(reason)s", n)
        % {"number": n, "reason": text}
        for text, n in list(reasons.items())[:20]
    ]


def _label(store: Store, name: str) -> str:
    described = store.entity.fields.get(name)
    return described.label if described else name
