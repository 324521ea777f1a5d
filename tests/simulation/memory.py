"""A tool in memory, at the adapter contract: the only thing that these tests fake.

`World` holds what stands there, lets people edit it, and does to our calls whatever a `Fault` says. `MemoryAdapter` is how the
engine meets it. What a write of ours overwrites between the verifying read and the write (the honest window of ENGINE.md) the
world notes in `excused`.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import values
from integrations.adapters import errors
from integrations.adapters.base import (
    Account,
    Adapter,
    Auth,
    Capabilities,
    Change,
    Collection,
    Field,
    Manifest,
    Page,
    Record,
    Result,
    Schema,
)
from tests.simulation.tokens import tokens_in
from values import Type, Value

TICK = 7.0  # seconds that pass with everything that happens


class Killed(BaseException):
    """The worker is gone, as with SIGKILL: nothing of ours may catch this."""


@dataclass(frozen=True)
class Profile:
    """What kind of tool it is."""

    clock: float = 0.0  # granularity of edited_at, in seconds
    lag: int = 0  # so many ticks later does a listing show an edit
    versions: bool = False
    batch: int = 1
    incremental: bool = True
    tombstones: bool = True
    restore: bool = True
    lossy: bool = False
    messy: bool = False  # pages repeat records and turn them round
    page: int = 3
    refuses: int = 0  # every so many-th value is refused


@dataclass(frozen=True)
class Fault:
    """What happens to one call. at: which one, counted from 0 within a run, per kind of thread.

    kind: unavailable, limited, killed (before the effect), killed_after, lost (answer lost, write done), not_sent (answer lost,
    write not done), late (answer lost, the write comes later), cut (in the middle of a listing or of a batch), broken (the
    adapter stumbles over the answer).
    """

    at: int
    kind: str
    later: int = 5  # ticks until a late write arrives


@dataclass
class Row:
    id: str
    collection: str
    number: int
    values: dict[str, Value]
    edited: int
    marker: str | None = None
    ours: bool = False
    deleted: bool = False
    version: int = 1
    by: dict[str, tuple[int, str]] = field(default_factory=dict)  # field: (tick, "person" or "us")
    hit: dict[str, set[str]] = field(default_factory=dict)  # what a late write of ours overwrote, by field
    past: list[tuple[int, Row]] = field(default_factory=list)

    def seen_at(self, tick: int) -> Row | None:
        return next((row for when, row in reversed(self.past) if when <= tick), None)


class World:
    """Everything that stands in the tool."""

    def __init__(self, profile: Profile, schemas: Mapping[str, Schema]) -> None:
        self.profile, self.schemas = profile, dict(schemas)
        self.rows: dict[str, Row] = {}
        self.tick = 1000
        self.began = dt.datetime.now(dt.UTC) - dt.timedelta(hours=3)
        self.excused: set[str] = set()
        self.untold: set[str] = set()  # fields that answers leave out
        self.travelling: list[tuple[int, Change, str]] = []
        self.verified: dict[str, int] = {}
        self.lock = threading.RLock()
        self.log: list[str] = []
        self.calls = {"read": 0, "fetch": 0, "find": 0, "push": 0}
        self.writes = 0
        self.faults: dict[int, Fault] = {}
        self.reading_faults: dict[int, Fault] = {}
        self.on_call: Callable[[int], None] = lambda _number: None
        self.count = self.reading_count = 0

    # --- what people do there -----------------------------------------------------------------------------------------

    def create(self, collection: str, given: Mapping[str, Value]) -> str:
        with self.lock:
            row = self._insert(collection, given, None, ours=False)
            row.by = {name: (self.tick, "person") for name in row.values}
            self._keep(row)
            return row.id

    def edit(self, row_id: str, name: str, value: Value) -> None:
        """Whoever edits sees what stands there, and may overwrite it."""
        with self.lock:
            row = self.rows[row_id]
            self.excused |= tokens_in(row.values.get(name)) | row.hit.pop(name, set())
            row.values[name] = self.stored(row.collection, name, value)
            self._touch(row, [name], "person")

    def trash(self, row_id: str) -> None:
        with self.lock:
            row = self.rows[row_id]
            self.excused |= tokens_in(row.values)
            for hit in row.hit.values():
                self.excused |= hit
            row.deleted = True
            self._touch(row, [], "person")

    def restore(self, row_id: str) -> None:
        with self.lock:
            row = self.rows[row_id]
            row.deleted = False
            self._touch(row, [], "person")

    def alive(self, collection: str) -> list[Row]:
        return [row for row in self.rows.values() if row.collection == collection and not row.deleted]

    def rest(self) -> None:
        """Much time passes: late writes arrive, the index catches up, nothing goes wrong any more."""
        with self.lock:
            self.faults, self.reading_faults = {}, {}
            self.on_call = lambda _number: None
            self.tick += 1000
            self._arrive()
            self.tick += 1000

    # --- what the adapter does ------------------------------------------------------------------------------------------

    def begin_run(self, faults: Sequence[Fault] = (), reading: Sequence[Fault] = ()) -> None:
        self.faults = {fault.at: fault for fault in faults}
        self.reading_faults = {fault.at: fault for fault in reading}
        self.count = self.reading_count = 0
        self.verified.clear()

    def call(self, kind: str) -> Fault | None:
        """Count a call; raise what goes wrong before it has an effect, answer what goes wrong after."""
        self.calls[kind] += 1
        if kind == "read":
            number, self.reading_count = self.reading_count, self.reading_count + 1
            fault = self.reading_faults.get(number)
        else:
            number, self.count = self.count, self.count + 1
            fault = self.faults.get(number)
            self.on_call(number)
        self.tick += 1
        self._arrive()
        self.log.append(f"    {self.tick} {kind}{f' ({fault.kind})' if fault else ''}")
        if fault and fault.kind == "unavailable":
            raise errors.Unavailable("down")
        if fault and fault.kind == "limited":
            raise errors.RateLimited(retry_after=1)
        if fault and fault.kind == "killed":
            raise Killed(kind)
        return fault

    def carry_out(self, collection: str, change: Change, late: bool = False) -> Row:
        """The effect of one write."""
        self.writes += 1
        self.log.append(
            f"    {self.tick} {'LATE ' if late else ''}{change.action} {change.id or change.marker} {change.values}"
        )
        for name, value in change.values.items():
            self._refuse(name, value)
        if change.action == "create":
            row = self._insert(collection, change.values, change.marker, ours=True)
            row.by = {name: (self.tick, "us") for name in row.values}
            self._keep(row)
            return row
        row = self.rows.get(change.id or "")
        if row is None or (row.deleted and change.action == "update"):
            raise errors.NotFound(change.id or "")
        if self.profile.versions and change.version is not None and change.version != str(row.version):
            raise errors.VersionMismatch(row.id)
        if change.action == "delete":
            self._note(row, list(row.values), late)
            row.deleted = True
            self._touch(row, [], "us")
            return row
        self._note(row, [n for n in change.values if row.values.get(n) != change.values[n]], late)
        row.deleted = False
        row.values |= {name: self.stored(collection, name, value) for name, value in change.values.items()}
        self._touch(row, list(change.values), "us")
        return row

    def _note(self, row: Row, names: Sequence[str], late: bool) -> None:
        """What this write overwrites without anybody having been able to know."""
        for name in names:
            when, who = row.by.get(name, (0, ""))
            there = tokens_in(row.values.get(name))
            if late:
                row.hit.setdefault(name, set()).update(there)
            if who == "person" and (late or when > self.verified.get(row.id, 1 << 60)):
                self.excused |= there

    def _refuse(self, name: str, value: Value) -> None:
        every = self.profile.refuses
        for token in tokens_in(value) if every else ():
            if int(token) % every == 0:
                raise errors.InvalidRecord(f"{value} is not wanted here", name)

    def _arrive(self) -> None:
        due = [one for one in self.travelling if one[0] <= self.tick]
        self.travelling = [one for one in self.travelling if one[0] > self.tick]
        for _when, change, collection in due:
            try:
                self.carry_out(collection, change, late=True)
            except errors.AdapterError:
                pass  # nobody hears it

    def _insert(self, collection: str, given: Mapping[str, Value], marker: str | None, ours: bool) -> Row:
        self.tick += 1
        number = len(self.rows) + 1
        stored = {name: self.stored(collection, name, value) for name, value in given.items()}
        row = Row(f"r{number}", collection, number, stored, self.tick, marker, ours)
        self.rows[row.id] = row
        return row

    def _touch(self, row: Row, names: Sequence[str], who: str) -> None:
        self.tick += 1
        row.edited, row.version = self.tick, row.version + 1
        row.by |= {name: (self.tick, who) for name in names}
        self._keep(row)

    def _keep(self, row: Row) -> None:
        row.past.append((self.tick, replace(row, values=dict(row.values), past=[], by={}, hit={})))

    # --- how it holds and shows values -----------------------------------------------------------------------------------

    def stored(self, collection: str, name: str, value: Value) -> Value:
        """A tool may trim, fold case and drop seconds."""
        described = self.schemas[collection].field(name)
        return self.folded(described.type, value) if described else value

    def folded(self, kind: Type, value: Value) -> Value:
        if not self.profile.lossy or value is None:
            return value
        if kind is Type.TEXT:
            return value.strip() or None
        if kind is Type.EMAIL:
            return value.strip().lower()
        if kind is Type.DATETIME:
            return values.datetime(dt.datetime.fromisoformat(value).replace(second=0, microsecond=0))
        return value

    def time(self, tick: int) -> dt.datetime:
        seconds = (self.began + dt.timedelta(seconds=tick * TICK)).timestamp()
        grain = self.profile.clock
        return dt.datetime.fromtimestamp(seconds // grain * grain if grain else seconds, dt.UTC)

    def shown(self, row: Row) -> Record:
        names = [f.id for f in self.schemas[row.collection].fields if f.id not in self.untold]
        return Record(
            id=row.id,
            values={name: row.values.get(name) for name in names},
            edited_at=self.time(row.edited),
            version=str(row.version) if self.profile.versions else None,
            deleted=row.deleted,
            marker=row.marker,
            made_by_us=row.ours,
        )


class MemoryAdapter(Adapter):
    """One object per run, as with the others."""

    def __init__(self, world: World, in_transaction: Callable[[], bool] = lambda: False) -> None:
        super().__init__({}, None)  # type: ignore[arg-type]
        self.world, self.in_transaction = world, in_transaction
        one = world.profile
        can = Capabilities(
            write=True,
            delete=True,
            restore=one.restore,
            incremental=one.incremental,
            sees_deletions=one.incremental and one.tombstones,
            marker=True,
            versions=one.versions,
            batch=one.batch,
            fetch_batch=one.batch,
            clock_seconds=one.clock,
        )
        self.manifest = Manifest("memory", "Memory", "", "http://nowhere.invalid", (Auth("token"),), can)  # type: ignore[misc]

    def check(self) -> Account:
        return Account("1", "Memory")

    def collections(self) -> list[Collection]:
        return [schema.collection for schema in self.world.schemas.values()]

    def describe(self, collection: str) -> Schema:
        return self.world.schemas[collection]

    def reads_back(self, field: Field, value: Value) -> Value:
        return self.world.folded(field.type, value)

    # --- reading --------------------------------------------------------------------------------------------------------

    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Page]:
        state = json.loads(cursor) if cursor else {"full": 0, "since": self.world.tick}
        pages = self._full(collection, state) if "full" in state else self._changes(collection, state)
        before: Record | None = None
        for number, (rows, following) in enumerate(pages):
            with self.world.lock:
                fault = self.world.call("read")
                if fault and fault.kind == "cut" and number:
                    raise errors.Unavailable("the listing broke off")
                records = [self.world.shown(row) for row in rows()]
                if self.world.profile.messy and records:
                    before, records = records[0], [*([before] if before else []), *reversed(records), records[-1]]
                following_cursor = following()
            last = following_cursor is not None and "full" not in following_cursor
            yield Page(
                records,
                json.dumps(following_cursor) if following_cursor else "",
                whole=cursor is None and (last or following_cursor is None),
            )
            if fault and fault.kind == "killed_after":
                raise Killed("read")

    def _index(self, collection: str) -> list[Row]:
        """The collection as listings see it."""
        at = self.world.tick - self.world.profile.lag
        rows = (row.seen_at(at) for row in self.world.rows.values() if row.collection == collection)
        return [row for row in rows if row is not None]

    def _full(self, collection: str, state: dict[str, int]) -> Iterator[tuple[Callable, Callable]]:
        at, since, size = state["full"], state["since"], self.world.profile.page
        more = True
        while more:
            found: list[Row] = []

            def rows(found: list[Row] = found, at: int = at) -> list[Row]:
                listed = [row for row in self._index(collection) if row.number > at and not row.deleted]
                found += sorted(listed, key=lambda row: row.number)[: size + 1]
                return found[:size]

            def following(found: list[Row] = found) -> dict[str, int] | None:
                if len(found) > size:
                    return {"full": found[size - 1].number, "since": since}
                return self._since(since) if self.world.profile.incremental else None

            yield rows, following
            more = len(found) > size
            at = found[size - 1].number if more else at

    def _changes(self, collection: str, state: dict[str, int]) -> Iterator[tuple[Callable, Callable]]:
        since, size, began = state["since"], self.world.profile.page, self.world.tick
        done: set[str] = set()
        more = True
        while more:
            found: list[Row] = []

            def rows(found: list[Row] = found) -> list[Row]:
                listed = [
                    row
                    for row in self._index(collection)
                    if row.edited >= since
                    and f"{row.id}:{row.edited}" not in done
                    and (self.world.profile.tombstones or not row.deleted)
                ]
                found += sorted(listed, key=lambda row: row.edited)[: size + 1]
                done.update(f"{row.id}:{row.edited}" for row in found[:size])
                return found[:size]

            def following(found: list[Row] = found) -> dict[str, int]:
                if len(found) > size:
                    return {"since": found[size - 1].edited}
                return self._since(max(since, began))

            yield rows, following
            more = len(found) > size

    def _since(self, tick: int) -> dict[str, int]:
        """Back by what the index may be late and the clock may be coarse."""
        return {"since": tick - self.world.profile.lag - int(self.world.profile.clock / TICK) - 2}

    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        assert not self.in_transaction(), "a transaction is open while the tool is asked"
        with self.world.lock:
            fault = self.world.call("fetch")
            found = [self.world.rows[one] for one in dict.fromkeys(ids) if one in self.world.rows]
            self.world.verified = {row.id: self.world.tick for row in found}  # of the last such call only
            records = [self.world.shown(row) for row in found if row.collection == collection]
        if fault and fault.kind == "killed_after":
            raise Killed("fetch")
        return records

    def find(self, collection: str, markers: Sequence[str]) -> list[Record]:
        assert not self.in_transaction(), "a transaction is open while the tool is asked"
        with self.world.lock:
            fault = self.world.call("find")
            rows = [row for row in self.world.alive(collection) if row.marker in set(markers)]
            records = [self.world.shown(row) for row in rows]
        if fault and fault.kind == "killed_after":
            raise Killed("find")
        return records

    # --- writing --------------------------------------------------------------------------------------------------------

    def push(self, collection: str, changes: Sequence[Change]) -> Iterator[Result]:
        assert not self.in_transaction(), "a transaction is open while the tool is asked"
        assert len(changes) <= self.world.profile.batch
        assert all(change.action == "create" or change.id for change in changes)
        with self.world.lock:
            results = self._request(collection, changes)
            self.world.verified.clear()
        for result in results:
            if isinstance(result, BaseException):
                raise result
            yield result

    def _request(self, collection: str, changes: Sequence[Change]) -> list[Result | BaseException]:
        fault = self.world.call("push")
        kind = fault.kind if fault else ""
        if kind in ("not_sent", "late"):
            if kind == "late":
                self.world.travelling += [(self.world.tick + fault.later, change, collection) for change in changes]
            return [Result(change, error=errors.OutcomeUnknown("no answer")) for change in changes]
        answers: list[Result | BaseException] = []
        for number, change in enumerate(changes):
            if kind == "cut" and number == len(changes) // 2:
                return [*answers, errors.Unavailable("down in the middle")]
            try:
                row = self.world.carry_out(collection, change)
                answers.append(Result(change, self.world.shown(row)))
            except errors.AdapterError as error:
                answers.append(Result(change, error=error))
        if kind == "killed_after":
            raise Killed("push")
        if kind == "broken":
            return [KeyError("an answer that nobody foresaw")]
        if kind == "lost":
            return [Result(change, error=errors.OutcomeUnknown("answer lost")) for change in changes]
        return answers
