"""One integration with its tool in memory, the people on both sides, and its runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from crm import feed
from crm.models import Change as FeedRow
from crm.models import Company, Contact
from integrations.adapters import errors
from integrations.adapters.base import Collection, Field, Schema
from integrations.models import (
    Conflict,
    FieldMapping,
    HeldRecord,
    IntegrationInstance,
    RecordLink,
    SetAside,
    Status,
    Stream,
    SyncLog,
    SyncLogLine,
)
from integrations.scheduling import due, leases
from integrations.scheduling.leases import Lease, LeaseLost
from integrations.scheduling.models import Due
from integrations.services import streams
from integrations.services.connect import Refused
from integrations.sync import engine
from integrations.sync.brake import BrakeApplied
from integrations.sync.merge import is_empty
from tests.simulation import tokens
from tests.simulation.here import MODELS, PLAIN, Here
from tests.simulation.memory import Clock, Fault, Killed, MemoryAdapter, Profile, World
from tests.simulation.tokens import tokens_in
from values import Type

COMPANIES = Schema(
    Collection("companies", "Companies"),
    (Field("c_name", "Name", Type.TEXT), Field("c_city", "City", Type.TEXT), Field("c_own", "Own", Type.TEXT)),
    "c_name",
)
CONTACTS = Schema(
    Collection("contacts", "Contacts"),
    (
        Field("name", "Name", Type.TEXT),
        Field("mail", "Mail", Type.EMAIL),
        Field("job", "Job", Type.TEXT),
        Field("score", "Score", Type.DECIMAL),
        Field("tags", "Tags", Type.MULTI_SELECT, creates_options=True),
        Field("met", "Met", Type.DATETIME),
        Field("company", "Company", Type.RELATION, target="companies"),
        Field("own", "Own", Type.TEXT),
    ),
    "name",
)
PAIRS = {
    "company": {"name": "c_name", "city": "c_city"},
    "contact": {
        "name": "name",
        "email": "mail",
        "job_title": "job",
        "score": "score",
        "tags": "tags",
        "last_contacted_at": "met",
        "company": "company",
    },
}
SCHEMAS = {"company": COMPANIES, "contact": CONTACTS}
ENTITIES = ["contact", "company"]
OWN = {"company": "c_own", "contact": "own"}


@dataclass
class WatchedLease(Lease):
    """A lease that lets things happen, or the worker die, at the beginning of its n-th transaction or at its end."""

    dies_at: int | None = None
    on_hold: Callable[[int], None] = lambda _number: None
    held: int = 0
    dies_after: int | None = None
    tell_time: Callable[[], None] = lambda: None

    def hold(self) -> None:
        number, self.held = self.held, self.held + 1
        self.on_hold(number)
        if number == self.dies_at:
            raise Killed("between two transactions")
        super().hold()
        if connection.in_atomic_block:
            self.tell_time()
        if number == self.dies_after:
            transaction.on_commit(_die)


def _die() -> None:
    raise Killed("right after a commit")


@dataclass
class Play:
    """One integration with its streams, its world, and the people on both sides.

    local: the people here, when several tools share them. choices: of every stream. mapped: the fields of ours that are in
    step (all). rules: {field of ours: {"direction", "policy"}} of single fields.
    """

    tenant: Any
    profile: Profile = field(default_factory=Profile)
    choices: Mapping[str, Any] = field(default_factory=dict)
    entities: Sequence[str] = ("company", "contact")
    name: str = "Memory"
    local: Here | None = None
    mapped: Sequence[str] = ()
    rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.here_people = self.local or Here(self.tenant, Clock(), [])
        here = self.here_people
        schemas = {schema.collection.id: schema for schema in SCHEMAS.values()}
        self.world = World(self.profile, schemas, here.clock, here.log)
        self.people, self.log, self.numbers = here.executor, here.log, here.numbers
        self.written, self.excused, self.here = here.written, here.excused, here.made
        self.deleted_here, self.touched_here = here.deleted, here.touched
        self.there: dict[str, Any] = {}  # records there as people made them: what is not mapped
        self.deleted_there: set[str] = set()
        self.touched_there: set[str] = set()
        self.brought_back: set[str] = set()
        self.twins: list[tuple[str, str]] = []  # the same thing, made on both sides
        self.parted: set[str] = set()  # records, of ours or theirs, that an undo brought, took away or parted
        self.set_back: dict[
            tuple[str, str], int
        ] = {}  # (record of ours, field) that an undo wrote: the number it came at
        self.unmapped_at: dict[str, int] = {}  # fields there that are no longer in step, and since when
        self._connect()

    def _connect(self) -> None:
        self.integration = IntegrationInstance.objects.create(
            provider="memory", account_id=self.name, name=self.name, status=Status.ACTIVE, setup_step="done"
        )
        position = feed.now()
        self.streams = {}
        for entity in self.entities:
            schema = SCHEMAS[entity]
            stream = Stream.objects.create(
                integration=self.integration,
                collection=schema.collection.id,
                collection_name=schema.collection.name,
                entity=entity,
                schema=asdict(schema),
                feed_txid=position.txid,
                feed_id=position.id,
                **{"match_fields": ["email"] if entity == "contact" else ["name"], **self.choices},
            )
            FieldMapping.objects.bulk_create(
                FieldMapping(
                    stream=stream,
                    remote=theirs,
                    remote_name=theirs,
                    local=ours,
                    position=place,
                    **self.rules.get(ours, {}),
                )  # fmt: skip
                for place, (ours, theirs) in enumerate(self.pairs(entity).items())
            )
            self.streams[entity] = stream

    def close(self) -> None:
        if self.local is None:
            self.here_people.close()

    def pairs(self, entity: str) -> dict[str, str]:
        """{our field: their field} of what is in step."""
        return {ours: theirs for ours, theirs in PAIRS[entity].items() if not self.mapped or ours in self.mapped}

    # --- people here ------------------------------------------------------------------------------------------------------

    def value(self, entity: str, name: str, number: int) -> Any:
        """A value for one of our fields, with its number in it."""
        return value_of(name, number, self.profile.lossy)

    def new_here(self, entity: str, how: str = "orm", **given: Any) -> str:
        values, number = self._first_values(entity)
        return self.here_people.new(entity, values | given, number, how)

    def _first_values(self, entity: str) -> tuple[dict[str, Any], int]:
        numbers = next(self.numbers), next(self.numbers)
        names = zip(PLAIN[entity][:2], numbers, strict=True)
        return {name: self.value(entity, name, number) for name, number in names}, numbers[0]

    def edit_here(self, entity: str, pk: str, name: str, value: Any, how: str = "orm") -> None:
        self.here_people.edit(entity, pk, name, value, how)

    def bulk_here(self, how: str = "sql") -> None:
        self.here_people.edit_all(lambda: self.value("contact", "job_title", next(self.numbers)), how)

    def delete_here(self, entity: str, pk: str, how: str = "orm") -> None:
        self.here_people.delete(entity, [pk], how)

    # --- people there -----------------------------------------------------------------------------------------------------

    def new_there(self, entity: str, **given: Any) -> str:
        first, number = self._first_values(entity)
        values = {PAIRS[entity][name]: value for name, value in first.items()}
        values |= given | {OWN[entity]: f"kept there {number}"}
        made = self.world.create(SCHEMAS[entity].collection.id, values)
        own = set(PAIRS[entity].values()) - set(self.pairs(entity).values()) | {OWN[entity]}
        self._wrote(f"{entity} there", {k: v for k, v in values.items() if k not in own})
        self.there[made] = self.world.rows[made].values[OWN[entity]]
        self.log.append(f"{self.name}: new {entity} {made} {values}")
        return made

    def edit_there(self, entity: str, pk: str, name: str, value: Any) -> None:
        self.world.edit(pk, PAIRS[entity][name], value)
        if is_empty(value):
            self.here_people.emptied.add((pk, name))
        if name in self.pairs(entity):
            self._wrote(f"{entity}.{name} there", value)
            self.touched_there.add(pk)
        self.log.append(f"{self.name}: {pk} {name} = {value!r}")

    def _wrote(self, what: str, values: Any) -> None:
        self.written |= dict.fromkeys(tokens_in(values), what)

    def trash_there(self, pk: str) -> None:
        self.world.trash(pk)
        self.deleted_there.add(pk)
        self.log.append(f"{self.name}: trash {pk}")

    def restore_there(self, pk: str) -> None:
        self.world.restore(pk)
        self.touched_there.add(pk)
        self.brought_back.add(pk)
        self.log.append(f"{self.name}: restore {pk}")

    def rename_option_there(self, pk: str, number: int) -> None:
        """One option of this record gets another name, for all that have it."""
        field = PAIRS["contact"]["tags"]
        options = self.world.rows[pk].values.get(field) or []
        if not options:
            return
        old, new = options[-1], f"v{number}"  # the last one is shared by many
        having = self.world.rename_option(CONTACTS.collection.id, field, old, new)
        if "tags" in self.pairs("contact"):
            self._wrote("contact.tags there", [new])
            self.touched_there.update(having)
        self.log.append(f"{self.name}: option {old} is called {new} now, in {having}")

    def refill_there(self, entity: str) -> None:
        """The table is emptied and filled anew: the same things, under other ids."""
        own = OWN[entity]
        for row in self.world.alive(SCHEMAS[entity].collection.id):
            values = dict(row.values)
            self.trash_there(row.id)
            made = self.world.create(SCHEMAS[entity].collection.id, values)
            self.there[made] = values.get(own)
            self._wrote(f"{entity} there", {k: values.get(k) for k in self.pairs(entity).values()})
            self.log.append(f"{self.name}: again, as {made} {values}")

    def remap(self, name: str) -> None:
        """Somebody takes a contact's field out of the mapping, or puts it in again."""
        stream, theirs = self.streams["contact"], PAIRS["contact"][name]
        names = [n for n in PAIRS["contact"] if (n in self.pairs("contact")) != (n == name)]
        wanted = [{"remote": PAIRS["contact"][n], "local": n, **self.rules.get(n, {})} for n in names]
        try:
            self.people.submit(lambda: streams.set_mappings(Stream.objects.get(pk=stream.pk), wanted)).result()
        except Refused as error:
            self.log.append(f"{self.name}: {names} was refused: {error}")
            return
        self.mapped = [*names, *(["city"] if "company" in self.entities else [])]
        self.unmapped_at.pop(theirs, None)
        if name not in names:
            self.unmapped_at[theirs] = self.world.tick
        self.log.append(f"{self.name}: in step are {names}")

    # --- runs ---------------------------------------------------------------------------------------------------------------

    def run(
        self,
        faults: Sequence[Fault] = (),
        reading: Sequence[Fault] = (),
        dies_at: int | None = None,
        on_call: Callable[[int], None] = lambda _number: None,
        on_hold: Callable[[int], None] = lambda _number: None,
        seconds: float = 600,
        dies_after: int | None = None,
        wait_for_feed: bool = True,
    ) -> str:
        """One worker's turn, from claim to release; answers how it ended."""
        faults = [*faults, *(replace(fault, on="read") for fault in reading)]
        self.log.append(f"run {self.name} {faults}{_death(dies_at, dies_after)}")
        if wait_for_feed:
            self._wait_for_feed()
        Due.objects.exclude(pk=self.integration.pk).update(due_at=None)  # nobody else waits: a story has one worker
        due.ask(self.integration.pk)
        claimed = leases.claim(self.integration.pk)
        assert claimed is not None, "nobody gave the lease back"
        lease = WatchedLease(
            **vars(claimed),
            dies_at=dies_at,
            on_hold=on_hold,
            dies_after=dies_after,
            tell_time=self.here_people.tell_time,
        )
        run, _ = SyncLog.objects.get_or_create(
            integration=self.integration, state=SyncLog.State.RUNNING, defaults={"trigger": "person"}
        )
        mine = list(self.integration.streams.select_related("integration").prefetch_related("mappings"))
        adapter = MemoryAdapter(
            self.world, lambda: connection.in_atomic_block, faults, on_call, before_send=lease.before_send
        )
        self.present = adapter
        outcome = "done"
        try:
            engine.work(engine.Slice(run, adapter, lease, seconds), mine)
        except Killed:
            self._time_passes()
            self.log.append("  killed")
            return "killed"
        except engine.SliceOver:
            leases.release(lease, None, 2)
            return "slice over"
        except errors.AdapterError as error:
            assert error.transient or isinstance(error, errors.AuthenticationFailed), error
            outcome = error.code
        except Exception:
            self._time_passes()
            raise
        finally:
            assert not connection.in_atomic_block
        SyncLog.objects.filter(pk=run.pk).update(state=SyncLog.State.DONE, ended_at=timezone.now())
        leases.release(lease, None, 2)
        self.log.append(f"  {outcome}")
        return outcome

    @staticmethod
    def _time_passes() -> None:
        """The lease of a worker that is no more comes to its end."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE public.scheduling_due SET leased_until = now() WHERE holder <> ''")

    @staticmethod
    def _wait_for_feed() -> None:
        """Somebody else's transaction on this server (autovacuum) may hold the feed back for a moment."""
        with connection.cursor() as cursor:
            while True:
                cursor.execute(f"SELECT coalesce(max(txid), 0) < {feed.HORIZON} FROM crm_change")
                if cursor.fetchone()[0]:
                    return

    def come_to_rest(self, runs: int = 2) -> None:
        """Both sides are left alone; `runs` runs without faults."""
        for _ in range(runs):
            self.world.rest()
            self.integration.streams.update(swept_at=None)
            outcome = self.run()
            assert outcome == "done", outcome

    def check(self) -> None:
        """After `come_to_rest`. Raises AssertionError with everything that is wrong."""
        from tests.simulation import invariants

        faults = invariants.faults([self])
        assert not faults, "\n".join([*faults, "", *self.log])


def _death(dies_at: int | None, dies_after: int | None) -> str:
    if dies_at is not None:
        return f", dies at transaction {dies_at}"
    return f", dies after transaction {dies_after}" if dies_after is not None else ""


def value_of(name: str, number: int, lossy: bool = False) -> Any:
    """A value for one of our fields, with its number in it; where tools are lossy sometimes with what they drop."""
    loose = lossy and number % 2 == 0
    if name == "email":
        return f"v{number}@x.example" if not loose else f"V{number}@X.example"
    if name == "score":
        return str(number)
    if name == "tags":
        return sorted([f"v{number}", "zebra", "Ant"])
    if name == "last_contacted_at":
        return tokens.instant(number, 30 if loose else 0)
    return tokens.text(number, loose)


def wipe() -> None:
    """An empty tenant, between two stories."""
    Contact.objects.all().delete()
    Company.objects.all().delete()
    for model in (SyncLogLine, Conflict, SetAside, HeldRecord, RecordLink, FieldMapping, FeedRow):
        model.objects.all()._raw_delete("default")
    Stream.objects.all().delete()
    for integration in IntegrationInstance.objects.all():
        due.forget(integration.pk)
        integration.delete()


__all__ = [
    "ENTITIES",
    "MODELS",
    "PAIRS",
    "PLAIN",
    "SCHEMAS",
    "BrakeApplied",
    "LeaseLost",
    "Play",
    "WatchedLease",
    "wipe",
]
