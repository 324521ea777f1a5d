"""A tool in memory, at the adapter contract: the only thing that these tests fake.

`World` holds what stands there and lets people edit it. `MemoryAdapter` is how one run meets it, and does to the run's calls
whatever a `Fault` says. What a write of ours overwrites between the verifying read and the write (the honest window of
ENGINE.md) the world notes in `excused`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    CreateOnce,
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


@dataclass
class Clock:
    """The time of a story: every event is a tick. skew: by how many seconds our own clock is off."""

    began: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC) - dt.timedelta(hours=3))
    tick: int = 1000
    skew: float = 0.0

    def at(self, tick: int) -> dt.datetime:
        return self.began + dt.timedelta(seconds=tick * TICK)

    def here(self) -> dt.datetime:
        return self.at(self.tick) + dt.timedelta(seconds=self.skew)


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
    atomic: bool = False  # one bad record refuses the whole batch, and nobody says which one
    write: bool = True
    changes: bool = True  # False: records are added and never changed
    delete: bool = True
    erase: bool = False
    create_once: CreateOnce = "marker"


@dataclass(frozen=True)
class Fault:
    """What happens to one call. at: which one, counted from 0 within a run, for listings ("read"), descriptions and the rest.

    kind: unavailable, limited, expired (the token), killed (before the effect), killed_after, lost (answer lost, write done),
    not_sent (answer lost, write not done), late (answer lost, the write comes later), cut (in the middle of a listing or of a
    batch), short (a full listing ends early and does not claim to be whole), broken (the adapter stumbles over the answer).
    """

    at: int
    kind: str
    later: int = 5  # ticks until a late write arrives
    on: str = ""  # "read", "describe"; "" for all other calls, or "push", "fetch", "find" for those alone


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
    certain: bool = True  # it came with its request, and nobody has moved it since
    edited_at: dt.datetime | None = None  # as the tool's clock stood then
    by: dict[str, tuple[int, str]] = field(default_factory=dict)  # field: (tick, "person", "us" or "late")
    hit: dict[str, set[str]] = field(default_factory=dict)  # what a late write of ours overwrote, by field
    past: list[tuple[int, Row]] = field(default_factory=list)
    made: dt.datetime = field(
        default_factory=lambda: dt.datetime.now(dt.UTC)
    )  # on our clock: `search` compares the two

    def seen_at(self, tick: int) -> Row | None:
        return next((row for when, row in reversed(self.past) if when <= tick), None)


class World:
    """Everything that stands in the tool."""

    def __init__(
        self, profile: Profile, schemas: Mapping[str, Schema], clock: Clock | None = None, log: list[str] | None = None
    ) -> None:
        self.profile, self.schemas = profile, dict(schemas)
        self.clock = clock or Clock()
        self.rows: dict[str, Row] = {}
        self.excused: set[str] = set()
        self.untold: set[str] = set()  # fields that answers leave out
        self.travelling: list[tuple[int, Change, str]] = []
        self.numbers = itertools.count(1)  # ids made before the request
        self.keys: dict[str, tuple[Change, Row]] = {}  # idempotency keys, with what was asked and what was made
        self.listed: set[str] = set()  # collections that were once listed from end to end
        self.skew = 0.0  # by how many seconds the tool's clock is off
        self.lock = threading.RLock()
        self.log: list[str] = [] if log is None else log
        self.calls = {"read": 0, "fetch": 0, "find": 0, "push": 0, "describe": 0}
        self.writes = self.deletions = 0
        self.erased: set[str] = set()
        self.doubled: list[str] = []  # records that were created once more while they stood there

    @property
    def tick(self) -> int:
        return self.clock.tick

    @tick.setter
    def tick(self, value: int) -> None:
        self.clock.tick = value

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
            row.deleted, row.certain = True, False
            self._touch(row, [], "person")

    def restore(self, row_id: str) -> None:
        with self.lock:
            row = self.rows[row_id]
            row.deleted = False
            self._touch(row, [], "person")

    def rename(self, collection: str, field_id: str, name: str) -> None:
        """A field gets another name; its id stays."""
        with self.lock:
            old = self.schemas[collection]
            fields = tuple(replace(f, name=name) if f.id == field_id else f for f in old.fields)
            self.schemas[collection] = replace(
                old, collection=replace(old.collection, name=f"{name} and all"), fields=fields
            )

    def rename_option(self, collection: str, field_id: str, old: str, new: str) -> list[str]:
        """An option gets another name: every record that has it reads differently. Answers which.

        Tools that list everything now and then do not call that an edit of the record; others would never show it.
        """
        quiet = not (self.profile.versions or (self.profile.incremental and self.profile.tombstones))
        with self.lock:
            self.tick += 1
            having = [row for row in self.alive(collection) if old in (row.values.get(field_id) or ())]
            for row in having:
                self.excused |= tokens_in(old) | row.hit.pop(field_id, set())
                row.values[field_id] = sorted(new if one == old else one for one in row.values[field_id])  # type: ignore[union-attr]
                row.by[field_id] = (self.tick, "person")
                if quiet:
                    self._keep(row, row.edited_at)
                else:
                    self._touch(row, [field_id], "person")
            return [row.id for row in having]

    def tell_all(self) -> None:
        """Answers leave nothing out any more; what they left out is listed again."""
        for row in self.rows.values() if self.untold else ():
            self._touch(row, [], "")
        self.untold = set()

    def alive(self, collection: str) -> list[Row]:
        return [row for row in self.rows.values() if row.collection == collection and not row.deleted]

    def rest(self) -> None:
        """Much time passes: late writes arrive and the index catches up."""
        with self.lock:
            self.tick += 1000
            self.arrive()
            self.tick += 1000

    # --- what the adapter does ------------------------------------------------------------------------------------------

    def carry_out(
        self, collection: str, change: Change, late: bool = False, verified: Mapping[str, int] | None = None
    ) -> Row:
        """The effect of one write. verified: when the writer last looked at each row."""
        self.writes += 1
        self.log.append(
            f"    {self.tick} {'LATE ' if late else ''}{change.action} {change.id or change.marker} {change.values}"
        )
        self.refuse(change)
        if change.action == "create":
            known = self._created_before(collection, change)
            if known is None:
                return self._create(collection, change, late)
            if self.profile.create_once != "upsert":
                return known
            change = replace(change, action="update", id=known.id)
        row = self.rows.get(change.id or "")
        if row is None or (row.deleted and change.action == "update"):
            raise errors.NotFound(change.id or "")
        if self.profile.versions and change.version is not None and change.version != str(row.version):
            raise errors.VersionMismatch(row.id)
        if change.action == "erase":
            self._note(row, list(row.values), late, verified or {})
            self.erased.add(row.id)
            return replace(self.rows.pop(row.id), deleted=True)
        if change.action == "delete":
            self._note(row, list(row.values), late, verified or {})
            self.deletions += 1
            row.deleted = True
            self._touch(row, [], "us")
            return row
        self._note(row, [n for n in change.values if row.values.get(n) != change.values[n]], late, verified or {})
        row.deleted = False
        row.values |= {name: self.stored(collection, name, value) for name, value in change.values.items()}
        self._touch(row, list(change.values), "late" if late else "us")
        return row

    def _create(self, collection: str, change: Change, late: bool) -> Row:
        stands = [row for row in self.alive(collection) if row.marker == change.marker and row.certain]
        if stands and not late and self.profile.create_once == "marker":
            self.doubled.append(stands[0].id)  # a look would have found it
        row = self._insert(collection, change.values, change.marker, ours=True, row_id=change.id)
        row.by = {name: (self.tick, "us") for name in row.values}
        self._keep(row)
        row.certain = not late
        self.keys[change.key] = (change, row)
        return row

    def _created_before(self, collection: str, change: Change) -> Row | None:
        """The record that this create has made already, as far as this kind of tool knows it again."""
        match self.profile.create_once:
            case "client_id":
                return self.rows.get(change.id or "")
            case "key":
                asked, row = self.keys.get(change.key, (change, None))
                assert asked == change, "an idempotency key came again with another body"
                return row
            case "upsert":
                return next((row for row in self.alive(collection) if row.marker == change.marker), None)
        return None

    def _note(self, row: Row, names: Sequence[str], late: bool, verified: Mapping[str, int]) -> None:
        """What this write overwrites without anybody having been able to know."""
        for name in names:
            when, who = row.by.get(name, (0, ""))
            there = tokens_in(row.values.get(name))
            if late:
                row.hit.setdefault(name, set()).update(there)
            unseen = late or name in self.untold or when > verified.get(row.id, 1 << 60)
            if who == "person" and unseen:
                self.excused |= there

    def refuse(self, change: Change) -> None:
        every = self.profile.refuses
        for name, value in change.values.items():
            for token in sorted(tokens_in(value)) if every else ():
                if int(token) % every == 0:
                    raise errors.InvalidRecord(f"{value} is not wanted here", name)
        if change.action in ("update", "restore") and not self.profile.changes:
            raise errors.InvalidRecord("what stands here is never changed")

    def arrive(self) -> None:
        due = [one for one in self.travelling if one[0] <= self.tick]
        self.travelling = [one for one in self.travelling if one[0] > self.tick]
        for _when, change, collection in due:
            try:
                self.carry_out(collection, change, late=True)
            except errors.AdapterError:
                pass  # nobody hears it

    def _insert(
        self, collection: str, given: Mapping[str, Value], marker: str | None, ours: bool, row_id: str | None = None
    ) -> Row:
        self.tick += 1
        number = len(self.rows) + len(self.erased) + 1
        stored = {name: self.stored(collection, name, value) for name, value in given.items()}
        row = Row(row_id or f"r{number}", collection, number, stored, self.tick, marker, ours)
        self.rows[row.id] = row
        return row

    def _touch(self, row: Row, names: Sequence[str], who: str) -> None:
        self.tick += 1
        row.edited, row.version = self.tick, row.version + 1
        row.by |= {name: (self.tick, who) for name in names}
        self._keep(row)

    def _keep(self, row: Row, edited_at: dt.datetime | None = None) -> None:
        row.edited_at = edited_at or self.time(row.edited)
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
        seconds = self.clock.at(tick).timestamp() + self.skew
        grain = self.profile.clock
        return dt.datetime.fromtimestamp(seconds // grain * grain if grain else seconds, dt.UTC)

    def shown(self, row: Row) -> Record:
        names = [f.id for f in self.schemas[row.collection].fields if f.id not in self.untold]
        return Record(
            id=row.id,
            values={name: row.values.get(name) for name in names},
            edited_at=row.edited_at or self.time(row.edited),
            version=str(row.version) if self.profile.versions else None,
            deleted=row.deleted,
            marker=row.marker if self.profile.create_once in ("upsert", "marker") else None,
            made_by_us=row.ours,
            created_at=row.made,
        )


class MemoryAdapter(Adapter):
    """One object per run, as with the others."""

    def __init__(
        self,
        world: World,
        in_transaction: Callable[[], bool] = lambda: False,
        faults: Iterable[Fault] = (),
        on_call: Callable[[int], None] = lambda _number: None,
        before_send: Callable[[bool], None] = lambda _is_write: None,
    ) -> None:
        super().__init__({}, None)  # type: ignore[arg-type]
        self.world, self.in_transaction = world, in_transaction
        self.faults = {(fault.on, fault.at): fault for fault in faults}
        self.on_call, self.before_send = on_call, before_send
        self.counts = {"": 0, "read": 0, "describe": 0}
        self.kinds: Counter[str] = Counter()
        self.place = ("", 0)  # the present call: its kind, and the how-many-th of this kind
        self.verified: dict[str, int] = {}
        self.superseded = False  # another worker has taken the lease: what is sent now is a request that travels late
        self.manifest = Manifest(  # type: ignore[misc]
            "memory", "Memory", "", "http://nowhere.invalid", (Auth("token"),), capabilities(world.profile)
        )

    def call(self, kind: str) -> Fault | None:
        """Count a call; raise what goes wrong before it has an effect, answer what goes wrong after."""
        assert not self.in_transaction(), "a transaction is open while the tool is asked"
        world, on = self.world, kind if kind in self.counts else ""
        number, self.counts[on] = self.counts[on], self.counts[on] + 1
        world.calls[kind] += 1
        self.place = (kind, self.kinds[kind])
        self.kinds[kind] += 1
        fault = self.faults.get((on, number)) or self.faults.get(self.place)
        if not on:
            self.on_call(number)
        with world.lock:
            world.tick += 1
            world.arrive()
        world.log.append(f"    {world.tick} {kind}{f' ({fault.kind})' if fault else ''}")
        if fault and fault.kind in FAILURES:
            raise FAILURES[fault.kind]()
        return fault

    def check(self) -> Account:
        return Account("1", "Memory")

    def collections(self) -> list[Collection]:
        return [schema.collection for schema in self.world.schemas.values()]

    def describe(self, collection: str) -> Schema:
        self._after(self.call("describe"), "describe")
        return self.world.schemas[collection]

    def reads_back(self, field: Field, value: Value) -> Value:
        return self.world.folded(field.type, value)

    # --- reading --------------------------------------------------------------------------------------------------------

    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Page]:
        state = json.loads(cursor) if cursor else {"full": 0, "since": self.world.tick}
        pages = self._full(collection, state) if "full" in state else self._changes(collection, state)
        told, trouble = self._read_all(collection, cursor, pages)
        for page, fault in told:
            yield page
            self._after(fault, "read")
        if trouble:
            raise trouble

    def _read_all(
        self, collection: str, cursor: str | None, pages: Iterable[tuple[Callable, Callable]]
    ) -> tuple[list[tuple[Page, Fault | None]], BaseException | None]:
        """All at once, because the reader runs beside the run: so that the same story always goes the same way."""
        told: list[tuple[Page, Fault | None]] = []
        before: Record | None = None
        for number, (rows, following) in enumerate(pages):
            try:
                fault = self.call("read")
            except (Killed, errors.AdapterError) as trouble:
                return told, trouble
            if fault and fault.kind == "cut" and number:
                return told, errors.Unavailable("the listing broke off")
            records = [self.world.shown(row) for row in rows()]
            if self.world.profile.messy and records:
                before, records = records[0], [*([before] if before else []), *reversed(records), records[-1]]
            then = following()
            last = then is None or "full" not in then
            told.append((Page(records, json.dumps(then) if then else "", whole=cursor is None and last), fault))
            if last and cursor is None:
                self.world.listed.add(collection)
            if fault and fault.kind == "killed_after":
                return told, None
            if fault and fault.kind == "short" and collection in self.world.listed:
                return told, None  # a first listing that is not whole is an error, never an end
        return told, None

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
        fault = self.call("fetch")
        with self.world.lock:
            found = [self.world.rows[one] for one in dict.fromkeys(ids) if one in self.world.rows]
            self.verified = {row.id: self.world.tick for row in found}  # of the last such call only
            records = [self.world.shown(row) for row in found if row.collection == collection]
        self._after(fault, "fetch")
        return records

    def find(self, collection: str, markers: Sequence[str]) -> list[Record]:
        fault = self.call("find")
        with self.world.lock:
            rows = [row for row in self.world.alive(collection) if row.marker in set(markers)]
            records = [self.world.shown(row) for row in rows]
        self._after(fault, "find")
        return records

    def new_ids(self, collection: str, count: int) -> list[str]:
        assert not self.in_transaction(), "a transaction is open while the tool is asked"
        return [f"c{next(self.world.numbers)}" for _ in range(count)]

    def find_created(self, collection: str, since: dt.datetime, change: Change) -> list[Record]:
        fault = self.call("find")
        with self.world.lock:
            rows = [row for row in self.world.alive(collection) if row.ours and row.made >= since]
            records = [self.world.shown(row) for row in rows]
        self._after(fault, "find")
        return records

    @staticmethod
    def _after(fault: Fault | None, kind: str) -> None:
        if fault and fault.kind == "killed_after":
            raise Killed(kind)

    # --- writing --------------------------------------------------------------------------------------------------------

    def push(self, collection: str, changes: Sequence[Change]) -> Iterator[Result]:
        assert len(changes) <= self.world.profile.batch
        assert all(change.action == "create" or change.id for change in changes)
        self.before_send(True)
        fault = self.call("push")
        with self.world.lock:
            results = self._request(collection, changes, fault)
            self.verified = {}
        for result in results:
            if isinstance(result, BaseException):
                raise result
            yield result

    def _request(self, collection: str, changes: Sequence[Change], fault: Fault | None) -> list[Result | BaseException]:
        kind = fault.kind if fault else ""
        if fault and kind in ("not_sent", "late"):
            if kind == "late":
                self.world.travelling += [(self.world.tick + fault.later, change, collection) for change in changes]
            return [Result(change, error=errors.OutcomeUnknown("no answer")) for change in changes]
        answers = self._carried_out(collection, changes, len(changes) // 2 if kind == "cut" else None)
        if kind == "killed_after":
            raise Killed("push")
        if kind == "broken":
            return [KeyError("an answer that nobody foresaw")]
        if kind == "lost":
            return [Result(change, error=errors.OutcomeUnknown("answer lost")) for change in changes]
        return answers

    def _carried_out(
        self, collection: str, changes: Sequence[Change], cut_at: int | None
    ) -> list[Result | BaseException]:
        if self.world.profile.atomic and cut_at is None:
            try:
                for change in changes:
                    self.world.refuse(change)
            except errors.InvalidRecord as error:
                alone = len(changes) == 1
                return [Result(change, error=error if alone else errors.InvalidRecord("refused")) for change in changes]
        answers: list[Result | BaseException] = []
        for number, change in enumerate(changes):
            if number == cut_at:
                return [*answers, errors.Unavailable("down in the middle")]
            try:
                row = self.world.carry_out(collection, change, self.superseded, self.verified)
                answers.append(Result(change, self.world.shown(row)))
            except errors.AdapterError as error:
                answers.append(Result(change, error=error))
        return answers


FAILURES: dict[str, Callable[[], BaseException]] = {
    "unavailable": lambda: errors.Unavailable("down"),
    "limited": lambda: errors.RateLimited(retry_after=1),
    "expired": lambda: errors.AuthenticationFailed("the token has expired"),
    "killed": lambda: Killed("before a call"),
}


def capabilities(one: Profile) -> Capabilities:
    """What such a tool declares."""
    return Capabilities(
        write=one.write,
        delete=one.delete and one.write,
        restore=one.restore and one.changes and one.write,
        erase=one.erase and one.write,
        incremental=one.incremental,
        sees_deletions=one.incremental and one.tombstones,
        create_once=one.create_once if one.write else "",
        key_seconds=24 * 3600,
        tells_created=True,
        versions=one.versions,
        batch=one.batch,
        fetch_batch=one.batch,
        clock_seconds=one.clock,
    )
