"""A plan is made by the engine itself, let loose on copies: what it would read it reads, what it would write goes nowhere.

The copies are a schema of their own (`stage.py`), so ordinary short transactions do, nobody's records are locked, and the
pull has really been applied when the push is computed. The tool is read as in a run; writes get the answer that the tool would
give. Nothing of it leaves the copies but the lines, which are carried over after every step.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.adapters.base import Account, Adapter, Change, Collection, Record, Result, Schema
from integrations.models import IntegrationInstance, Plan, SetAside, Stream, SyncLog
from integrations.sync import engine
from integrations.sync.stage import staged
from integrations.sync.store import Store
from values import Value

MADE_UP = "plan:"  # ids of records that would be created there
REASONS = 20  # why values stay behind: so many different reasons are told per table


class Stopped(Exception):
    """Nobody waits for this plan any more."""


class NoLease:
    """A rehearsal writes nothing that stays, so it needs no claim and disturbs none."""

    priority = 0

    def hold(self) -> None:
        return None

    def keep(self) -> None:
        return None


class NothingIsWritten(Adapter):
    """Reads as the adapter does; writes are answered as they would read back, and do not take place."""

    def __init__(self, real: Adapter) -> None:
        super().__init__({}, real.transport)
        self.real, self.manifest = real, real.manifest  # type: ignore[misc]
        self.schemas: dict[str, Schema] = {}

    def push(self, collection: str, changes: Sequence[Change]) -> Iterator[Result]:
        for change in changes:
            yield Result(change, self._answer(collection, change))

    def _answer(self, collection: str, change: Change) -> Record:
        schema = self.schemas[collection]
        fields = {name: schema.field(name) for name in change.values}
        values = {name: self.reads_back(one, change.values[name]) for name, one in fields.items() if one is not None}
        return Record(
            change.id or f"{MADE_UP}{uuid4()}",
            values,
            version=change.version,
            deleted=change.deletes,
            marker=change.marker,
            made_by_us=True,
        )

    def prepare(self, collection: str) -> None:
        """Done when the plan is carried out."""

    def create_fields(self, collection: str, fields: Any) -> Schema:
        raise NotImplementedError("a rehearsal creates nothing")

    def push_one(self, collection: str, change: Change) -> Record:
        raise NotImplementedError("a rehearsal sends nothing")

    def create_collection(self, place: str, name: str, fields: Any) -> Schema:
        raise NotImplementedError("a rehearsal creates nothing")

    def subscribe(self, collection: str, url: str) -> Any:
        raise NotImplementedError("a rehearsal asks for no calls")

    def renew(self, collection: str, subscription: Any) -> Any:
        raise NotImplementedError("a rehearsal asks for no calls")

    def unsubscribe(self, collection: str, subscription: Any) -> None:
        raise NotImplementedError("a rehearsal ends no calls")

    # --- reading ------------------------------------------------------------------------------------------------------

    def check(self) -> Account:
        return self.real.check()

    def collections(self) -> list[Collection]:
        return self.real.collections()

    def count(self, collection: str) -> int | None:
        return self.real.count(collection)

    def places(self) -> list[Collection]:
        return self.real.places()

    def resolve(self, link_or_id: str) -> Collection:
        return self.real.resolve(link_or_id)

    def describe(self, collection: str) -> Schema:
        self.schemas[collection] = found = self.real.describe(collection)
        return found

    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Any]:
        return self.real.read(collection, cursor, fields)

    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        known = [one for one in ids if not one.startswith(MADE_UP)]
        return self.real.fetch(collection, known) if known else []

    def find(self, collection: str, markers: Sequence[str]) -> list[Record]:
        return self.real.find(collection, markers)

    def find_created(self, collection: str, since: dt.datetime, change: Change) -> list[Record]:
        return self.real.find_created(collection, since, change)

    def new_ids(self, collection: str, count: int) -> list[str]:
        return [f"{MADE_UP}{uuid4()}" for _ in range(count)]

    def own_id(self) -> str:
        return self.real.own_id()

    def reads_back(self, field: Any, value: Value) -> Value:
        return self.real.reads_back(field, value)

    def close(self) -> None:
        """The real one is closed by whoever opened it."""


@dataclass
class Rehearsal(engine.Slice):
    """A run's turn on the copies. real: the tenant. After every step the new lines are carried over to its plan."""

    plan_id: UUID = field(default_factory=uuid4)
    real: Any = None
    carried: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    each: dict[str, Counter[str]] = field(default_factory=dict)  # what was counted while a stream was read
    reading: str = ""

    def store(self, stream: Stream) -> Store:
        self.begin_part(str(stream.pk))
        store = Store(self.run, stream, self.lease, self.adapter)
        store.listen, store.sleep = self.listen, self.sleep
        store.virtual = store.tells_values = True
        return store

    def check(self) -> None:
        self._raise_if_over()
        self.carry_over()

    def _raise_if_over(self) -> None:
        if engine.ending.is_set():
            raise engine.SliceOver

    def report(self, store: Store, phase: str) -> None:
        if phase == "sending":
            self.begin_part("")
        self.run.progress = {"stream": store.stream.collection_name, "entity": store.stream.entity, "phase": phase}
        self.carry_over()

    def begin_part(self, stream: str) -> None:
        """The run counts everything together: what was read for one stream is the difference."""
        now = Counter(self.run.counts)
        if self.reading:
            self.each.setdefault(self.reading, Counter()).update(now - self.seen)
        self.seen, self.reading = now, stream

    def carry_over(self) -> None:
        """Raises Stopped when the plan was given up meanwhile."""
        with connection.cursor() as cursor:
            cursor.execute(CARRY.format(real=self.real.schema_name), [self.carried, self.plan_id])
            last, number = cursor.fetchone()
        self.carried = last or self.carried
        with tenant_context(self.real):
            plan = Plan.objects.filter(pk=self.plan_id, state=Plan.State.MAKING).first()
            if plan is None:
                raise Stopped
            progress = plan.progress | self.run.progress
            progress |= {"read": self.run.counts.get("read", 0), "lines": progress.get("lines", 0) + number}
            progress["at"] = timezone.now().isoformat()
            Plan.objects.filter(pk=self.plan_id).update(progress=progress, counts=self.run.told_counts)


#: Ids that were made up do not leave the rehearsal; records are known there by the ids that they would have here.
CARRY = """
    WITH fresh AS (
        SELECT * FROM integrations_synclogline WHERE id > %s ORDER BY id
    ), carried AS (
        INSERT INTO "{real}".integrations_planline
            (plan_id, stream_id, record_id, remote_id, title, side, action, changes, rules, reason, outcome, outcome_reason)
        SELECT %s, stream_id, record_id, CASE WHEN starts_with(remote_id, 'plan:') THEN '' ELSE remote_id END,
               title, side, action, changes, rules, reason, '', ''
        FROM fresh ORDER BY id
    )
    SELECT max(id), count(*) FROM fresh
"""


def rehearse(
    plan: Plan, integration: IntegrationInstance, adapter: Adapter, begin: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """Let a run happen on copies; its lines become the plan's. Answers a summary per stream.

    begin: what to do first, once it is sure that nobody else makes this plan.

    Raises the adapter's errors, Occupied, Stopped, and SliceOver when this process is asked to end.
    """
    real = connection.tenant
    with staged(integration, plan.pk, begin) as scratch, tenant_context(scratch):
        copy = IntegrationInstance.objects.get(pk=integration.pk)
        run = SyncLog.objects.create(integration=copy, trigger="plan")
        turn = Rehearsal(run, NothingIsWritten(adapter), NoLease(), 0, plan_id=plan.pk, real=real)  # type: ignore[arg-type]
        active = copy.streams.filter(is_active=True).select_related("integration").prefetch_related("mappings")
        engine.work(turn, list(active))
        turn.begin_part("")
        turn.carry_over()
        return [
            _summary(stream, turn.each.get(str(stream.pk), Counter())) for stream in copy.streams.filter(is_active=True)
        ]


def _summary(stream: Stream, counted: Counter[str]) -> dict[str, Any]:
    """As Plan.streams keeps it; counts: by line, and what leaves no line."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT side, action, count(*) FROM integrations_synclogline WHERE stream_id = %s GROUP BY 1, 2",
            [stream.pk],
        )
        counts: Counter[str] = Counter()
        for side, action, number in cursor.fetchall():
            verb = "created" if action == "restored" else action
            counts[f"{verb}_{side}" if verb in ("created", "updated", "deleted") else verb] += number
    counts |= Counter({name: counted[name] for name in ("read", "skipped")})
    ambiguous = SetAside.objects.filter(stream=stream, code="ambiguous", side="there").count()
    reasons: Counter[tuple[str, str]] = Counter(SetAside.objects.filter(stream=stream).values_list("field", "reason"))
    return {
        "stream": str(stream.pk),
        "version": stream.version,
        "counts": dict(+counts) | ({"ambiguous": ambiguous} if ambiguous else {}),
        "reasons": [[name, reason, number] for (name, reason), number in reasons.most_common(REASONS)],
        "trouble": [stream.problem_code, stream.problem_detail] if stream.problem_code else None,
    }
