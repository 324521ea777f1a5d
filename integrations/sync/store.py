"""One stream at work: its mappings ready to run, its transactions guarded by the lease, its tally stored with them."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from django.db import OperationalError, connection, reset_queries, transaction
from django.utils import timezone

from crm import feed, registry
from crm.feed import Actor
from crm.fields import new_id
from integrations.adapters.base import Adapter, Change
from integrations.models import Direction, Stream, SyncLog
from integrations.scheduling.leases import Lease
from integrations.sync import brake, tables
from integrations.sync.fields import compiled, context
from integrations.sync.merge import Winner
from integrations.sync.taking_part import Filters
from integrations.sync.tally import Contest, Line, Problem, Tally
from values import Value

if TYPE_CHECKING:
    from integrations.sync.guard import Guard

log = logging.getLogger(__name__)
T = TypeVar("T")
PLACES = ("cursor", "feed_txid", "feed_id", "listed_at", "exported_at", "swept_at", "sweep_cursor", "brake_lifted")
TRIES = 4  # a deadlock with somebody's bulk edit is tried again


class MappingChanged(Exception):
    """Somebody edited the stream while a run works with it: the run starts anew with what holds now."""


class Store:
    """Everything that pull and push need to know of a stream, and the only door to its tables."""

    def __init__(self, run: SyncLog, stream: Stream, lease: Lease, adapter: Adapter) -> None:
        self.run, self.stream, self.lease, self.adapter = run, stream, lease, adapter
        self.can = adapter.manifest.can
        self.entity = registry.entity(stream.entity)
        self.people = registry.People()
        self.mapped = compiled(stream, self.entity)
        self.by_name = {m.name: m for m in self.mapped}
        self.adds_options = {m.remote.id for m in self.mapped if m.adds_options}
        self.rules = [m.rule for m in self.mapped]
        self.readers = {m.name: registry.reader(m.local, self.people) for m in self.mapped}
        self.around = context()
        self.filters = Filters(self)
        self.actor = Actor("run", str(run.pk), run.integration.name, stream.origin)
        self.inbound = stream.direction != Direction.EXPORT
        self.outbound = stream.direction != Direction.IMPORT and self.can.write
        self.read_began: dt.datetime | None = None  # the last whole reading of what is new there
        self.read_ended = 0.0  # on the monotonic clock
        self.listen: Callable[[], None] = lambda: None  # called while it waits; raises when the run shall stop
        self.sleep: Callable[[float], None] = time.sleep
        self.is_crowded: Callable[[], bool] = lambda: False  # somebody more urgent shares this process: short steps
        self.stand_aside: Callable[[], None] = lambda: None  # called by the thread that fetches ahead, after every page
        self.patient = False  # nobody waits for this run: what is still being typed may wait
        self.undoing = False  # what comes now takes a run back, or goes out beside that
        self.spare_ids: list[str] = []  # for records that we are about to create there
        self.own_id = ""  # how the tool names us as an editor, known when a late write of ours may turn up
        self.virtual = False  # a rehearsal: what is sent goes nowhere
        self.tells_values = False  # lines of new records carry their values; otherwise the change feed has them
        self.guard: Guard | None = None  # lets only those effects happen that an approved plan says
        self.partners: dict[
            int, list[str]
        ] = {}  # of links: remote records that were left out and share a key with ours
        self.met: set[int] = set()  # links whose partners were looked at
        self._clear()

    @property
    def remote_fields(self) -> list[str]:
        return list(dict.fromkeys([*(m.remote.id for m in self.mapped), *self.filters.remote_fields]))

    def local_values(self, row: registry.Row) -> dict[str, Value]:
        return {name: read(row) for name, read in self.readers.items()}

    def title(self, row: registry.Row | None) -> str:
        return str(row[self.entity.title] or "") if row else ""

    # --- transactions ---------------------------------------------------------------------------------------------

    def commit(self, work: Callable[[], T]) -> T:
        """Run `work` in one transaction that only the holder of the lease can commit, signed as this run.

        Work may run more than once (after a deadlock), so it reads everything that it decides on itself.
        """
        for attempt in range(TRIES):
            self._clear()
            try:
                with transaction.atomic():
                    self.lease.hold()
                    self._hold_version()
                    feed.sign(self.actor)
                    result = work()
                    counts = self._flush()
                self.run.counts = dict(counts)
                reset_queries()  # with DEBUG Django keeps every statement, and a long run would grow with them
                return result
            except OperationalError as error:
                if attempt + 1 == TRIES or not _is_passing(error):
                    raise
                log.info("transaction of %s tried again: %s", self.stream.pk, error)
                self.stream.refresh_from_db(fields=PLACES)  # how far it came is what was stored
                if self.guard:
                    self.guard.take_places()
        raise AssertionError("unreachable")

    def _hold_version(self) -> None:
        """A run works with one version of the mapping; nobody can change it before this transaction ends."""
        held = Stream.objects.select_for_update(no_key=True).filter(pk=self.stream.pk).values_list("version", flat=True)
        if held.first() != self.stream.version:
            raise MappingChanged(str(self.stream.pk))

    def touch(self, line: Line) -> None:
        self.tally.add(line)

    def asked(self, change: Change) -> Change:
        """The write with what people asked for of its fields: options that are missing there are made."""
        return replace(change, new_options=frozenset(self.adds_options.intersection(change.values)))

    def fresh_id(self, remote_id: str) -> str:
        """For the record that is to be made here for a remote one."""
        return (self.guard and self.guard.record_id(remote_id)) or str(new_id())

    def _clear(self) -> None:
        if self.guard:
            self.guard.begin()
        self.tally = Tally()
        self.contests: list[Contest] = []
        self.problems: list[Problem] = []
        self.new_options: dict[str, set[str]] = {}

    def _flush(self) -> Counter[str]:
        for name, options in self.new_options.items():
            registry.add_options(self.entity.name, name, sorted(options))
        if self.contests:
            for contest in tables.record_contests(self.run, self.stream, self.contests):
                self.touch(contest.line())
        if self.problems:
            tables.set_aside(self.stream, self.problems)
            for problem in self.problems:
                self.touch(
                    Line(
                        problem.side,
                        "set_aside",
                        problem.record_id,
                        problem.remote_id,
                        problem.title,
                        {},
                        f"{self._label(problem.field)}: {problem.reason}" if problem.field else problem.reason,
                    )  # fmt: skip
                )
        if self.guard:
            self.guard.settle(self.tally)
        brake.weigh(self)
        tables.insert_lines(self.run, self.stream, self.tally.lines)
        counts = Counter(self.run.counts) + self.tally.counts
        if self.tally.counts:
            SyncLog.objects.filter(pk=self.run.pk).update(counts=dict(counts))
        return counts

    # --- small writes ---------------------------------------------------------------------------------------------

    def _label(self, field: str) -> str:
        """As people call it. A field may be gone from here, or stand only there."""
        return self.entity.fields[field].label if field in self.entity.fields else field

    def save_stream(self, **values: object) -> None:
        """Store facts about the stream; only within `commit`."""
        for name, value in values.items():
            setattr(self.stream, name, value)
        if self.guard:
            values = self.guard.keep_places(values)
        if values:
            Stream.objects.filter(pk=self.stream.pk).update(**values)

    def local_edit(self, record_id: str, name: str) -> tuple[dt.datetime | None, str]:
        """When and by whom a field was last changed here, from the change feed."""
        field = self.by_name[name].local
        path = [field.column, field.name.partition(".")[2]] if field.custom else [field.column]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT at, actor->>'label' FROM crm_change WHERE record_id = %s AND entity = %s"
                " AND (before #> %s) IS DISTINCT FROM (after #> %s) ORDER BY id DESC LIMIT 1",
                [record_id, self.entity.name, path, path],
            )
            row = cursor.fetchone()
        return (row[0], row[1] or "") if row else (None, "")

    def local_editors(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """{(record, field): who changed it last here}, in one statement, by the change feed; "" who cannot be named."""
        pairs = [(record_id, name, self.by_name[name].local) for record_id, name in wanted if name in self.by_name]
        if not pairs:
            return {}
        ids, names, fields = zip(*pairs, strict=True)
        keys = [field.name.partition(".")[2] if field.custom else None for field in fields]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT asked.record_id, asked.name, last.label"
                " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) AS asked (record_id, name, col, key),"
                " LATERAL (SELECT actor->>'label' AS label FROM crm_change WHERE record_id = asked.record_id AND entity = %s"
                "  AND (before #> array_remove(ARRAY[col, key], NULL)) IS DISTINCT FROM"
                "  (after #> array_remove(ARRAY[col, key], NULL)) ORDER BY id DESC LIMIT 1) AS last",
                [list(ids), list(names), [field.column for field in fields], keys, self.entity.name],
            )
            return {(str(record_id), name): label or "" for record_id, name, label in cursor.fetchall()}

    def newest(self, local_at: dt.datetime | None, remote_at: dt.datetime | None) -> Winner:
        """Who wrote last, at the granularity of the tool's clock; a tie goes to us, and both values are kept anyway."""
        if local_at is None:
            return "remote"
        if remote_at is None:
            return "local"
        grain = self.can.clock_seconds
        if grain:
            local_at = dt.datetime.fromtimestamp(local_at.timestamp() // grain * grain, dt.UTC)
        return "local" if local_at >= remote_at else "remote"


def _is_passing(error: OperationalError) -> bool:
    state = getattr(error.__cause__, "sqlstate", None)
    return state in ("40P01", "40001", "55P03")  # deadlock, serialization failure, lock not available


def now_text() -> str:
    return timezone.now().isoformat()
