"""A story: people on both sides, runs between and among them, and what must be true when everything has come to rest."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from crm import feed, registry
from crm.models import Change as FeedRow
from crm.models import Company, Contact
from integrations.adapters import errors
from integrations.adapters.base import Collection, Field, Schema
from integrations.models import (
    Conflict,
    FieldMapping,
    HeldRecord,
    IntegrationInstance,
    LinkState,
    RecordLink,
    SetAside,
    Status,
    Stream,
    SyncLog,
    SyncLogLine,
)
from integrations.scheduling import due, leases
from integrations.scheduling.leases import Lease
from integrations.sync import engine
from integrations.sync.fields import compiled, context
from integrations.sync.merge import Waiting
from tests.simulation import tokens
from tests.simulation.memory import Fault, Killed, MemoryAdapter, Profile, World
from tests.simulation.tokens import tokens_in
from values import Type, Unfit

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
MODELS = {"company": Company, "contact": Contact}
SCHEMAS = {"company": COMPANIES, "contact": CONTACTS}
PLAIN = {"company": ["name", "city"], "contact": ["name", "email", "job_title", "score", "tags", "last_contacted_at"]}
ENTITIES = ["contact", "company"]
OWN = {"company": "c_own", "contact": "own"}


@dataclass
class WatchedLease(Lease):
    """A lease that lets things happen, or the worker die, at the beginning of its n-th transaction."""

    dies_at: int | None = None
    on_hold: Callable[[int], None] = lambda _number: None
    held: int = 0

    def hold(self) -> None:
        number, self.held = self.held, self.held + 1
        self.on_hold(number)
        if number == self.dies_at:
            raise Killed("between two transactions")
        super().hold()


@dataclass
class Play:
    """One integration with two streams, its world, and the people on both sides."""

    tenant: Any
    profile: Profile = field(default_factory=Profile)
    choices: Mapping[str, Any] = field(default_factory=dict)
    entities: Sequence[str] = ("company", "contact")
    name: str = "Memory"

    def __post_init__(self) -> None:
        self.world = World(self.profile, {schema.collection.id: schema for schema in SCHEMAS.values()})
        self.numbers = itertools.count(tokens.FIRST)
        self.written: dict[str, str] = {}  # token: what was done
        self.excused: set[str] = set()
        self.here: dict[str, dict[str, Any]] = {}  # our records as people made them: what is not mapped
        self.there: dict[str, Any] = {}  # the same there
        self.deleted_here: set[str] = set()
        self.deleted_there: set[str] = set()
        self.touched_here: set[str] = set()
        self.touched_there: set[str] = set()
        self.log: list[str] = self.world.log
        self.people = ThreadPoolExecutor(1)
        self.people.submit(lambda: connection.set_tenant(self.tenant)).result()
        self.integration = IntegrationInstance.objects.create(
            provider="memory", name=self.name, status=Status.ACTIVE, setup_step="done"
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
                FieldMapping(stream=stream, remote=theirs, remote_name=theirs, local=ours, position=place)
                for place, (ours, theirs) in enumerate(PAIRS[entity].items())
            )
            self.streams[entity] = stream

    def close(self) -> None:
        self.people.submit(lambda: connection.close()).result()  # that thread's
        self.people.shutdown()

    # --- people here, on a connection of their own ------------------------------------------------------------------------

    def _by_a_person(self, work: Callable[[], Any]) -> Any:
        def run() -> Any:
            with transaction.atomic():
                return work()

        return self.people.submit(run).result()

    def value(self, entity: str, name: str, number: int) -> Any:
        """A value for one of our fields, with its number in it."""
        loose = self.profile.lossy and number % 2 == 0
        if name == "email":
            return f"v{number}@x.example" if not loose else f"V{number}@X.example"
        if name == "score":
            return str(number)
        if name == "tags":
            return sorted([f"v{number}", "zebra", "Ant"])
        if name == "last_contacted_at":
            return tokens.instant(number, 30 if loose else 0)
        return tokens.text(number, loose)

    def _wrote(self, what: str, values: Any) -> None:
        self.written |= dict.fromkeys(tokens_in(values), what)

    def new_here(self, entity: str, **given: Any) -> str:
        numbers = next(self.numbers), next(self.numbers)
        values = {
            name: self.value(entity, name, number) for name, number in zip(PLAIN[entity][:2], numbers, strict=True)
        }
        made = MODELS[entity](**{**values, **given, "notes": f"kept here {numbers[0]}"})
        self._by_a_person(made.save)
        self._wrote(f"{entity} here", values | given)
        self.here[str(made.pk)] = {"notes": made.notes, "entity": entity}
        self.log.append(f"here: new {entity} {made.pk} {values | given}")
        return str(made.pk)

    def edit_here(self, entity: str, pk: str, name: str, value: Any) -> None:
        def work() -> None:
            found = MODELS[entity].objects.select_for_update().filter(pk=pk).first()
            if found is None:
                return
            self.excused |= tokens_in(self._ours(entity, found)[name])
            column = "company_id" if name == "company" else name
            setattr(found, column, value if value is not None else self._empty(name))
            found.save(update_fields=[column, "updated_at"])
            self._wrote(f"{entity}.{name} here", value)
            self.touched_here.add(pk)
            self.log.append(f"here: {pk} {name} = {value!r}")

        self._by_a_person(work)

    @staticmethod
    def _empty(name: str) -> Any:
        return {"score": None, "last_contacted_at": None, "company": None, "tags": []}.get(name, "")

    def bulk_here(self) -> None:
        """One raw statement over all contacts."""

        def work() -> None:
            rows = list(Contact.objects.select_for_update().order_by("pk"))
            given = []
            for row in rows:
                self.excused |= tokens_in(self._ours("contact", row)["job_title"])
                given.append((str(row.pk), self.value("contact", "job_title", next(self.numbers))))
                self._wrote("contact.job_title here, in bulk", given[-1][1])
                self.touched_here.add(str(row.pk))
            if given:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "UPDATE crm_contact c SET job_title = v.job FROM unnest(%s::uuid[], %s::text[]) v(id, job)"
                        " WHERE c.id = v.id",
                        [[pk for pk, _ in given], [job for _, job in given]],
                    )
            self.log.append(f"here: in bulk {given}")

        self._by_a_person(work)

    def delete_here(self, entity: str, pk: str) -> None:
        def work() -> None:
            found = MODELS[entity].objects.select_for_update().filter(pk=pk).first()
            if found is None:
                return
            self.excused |= tokens_in(self._ours(entity, found))
            if entity == "company":
                self.touched_here |= {str(one) for one in found.people.values_list("pk", flat=True)}
            found.delete()
            self.deleted_here.add(pk)
            self.log.append(f"here: delete {pk}")

        self._by_a_person(work)

    def _ours(self, entity: str, record: Any) -> dict[str, Any]:
        described = registry.entity(entity)
        row = registry.rows(described, [record.pk])[str(record.pk)]
        return self._values(described, row)

    @staticmethod
    def _values(described: registry.Entity, row: registry.Row) -> dict[str, Any]:
        people = registry.People()
        return {name: registry.reader(described.fields[name], people)(row) for name in PAIRS[described.name]}

    # --- people there -----------------------------------------------------------------------------------------------------

    def new_there(self, entity: str, **given: Any) -> str:
        numbers = next(self.numbers), next(self.numbers)
        names = PLAIN[entity][:2]
        values = {PAIRS[entity][name]: self.value(entity, name, n) for name, n in zip(names, numbers, strict=True)}
        values |= given | {OWN[entity]: f"kept there {numbers[0]}"}
        made = self.world.create(SCHEMAS[entity].collection.id, values)
        self._wrote(f"{entity} there", {k: v for k, v in values.items() if k != OWN[entity]})
        self.there[made] = self.world.rows[made].values[OWN[entity]]
        self.log.append(f"there: new {entity} {made} {values}")
        return made

    def edit_there(self, entity: str, pk: str, name: str, value: Any) -> None:
        self.world.edit(pk, PAIRS[entity][name], value)
        self._wrote(f"{entity}.{name} there", value)
        self.touched_there.add(pk)
        self.log.append(f"there: {pk} {name} = {value!r}")

    def trash_there(self, pk: str) -> None:
        self.world.trash(pk)
        self.deleted_there.add(pk)
        self.log.append(f"there: trash {pk}")

    def restore_there(self, pk: str) -> None:
        self.world.restore(pk)
        self.touched_there.add(pk)
        self.log.append(f"there: restore {pk}")

    # --- runs ---------------------------------------------------------------------------------------------------------------

    def run(
        self,
        faults: Sequence[Fault] = (),
        reading: Sequence[Fault] = (),
        dies_at: int | None = None,
        on_call: Callable[[int], None] = lambda _number: None,
        on_hold: Callable[[int], None] = lambda _number: None,
        seconds: float = 600,
    ) -> str:
        """One worker's turn, from claim to release; answers how it ended."""
        self.log.append(f"run {[*faults, *reading]}{f', dies at transaction {dies_at}' if dies_at is not None else ''}")
        self._wait_for_feed()
        due.ask(self.integration.pk)
        claimed = leases.claim(self.integration.pk)
        assert claimed is not None, "nobody gave the lease back"
        lease = WatchedLease(**vars(claimed), dies_at=dies_at, on_hold=on_hold)
        run, _ = SyncLog.objects.get_or_create(
            integration=self.integration, state=SyncLog.State.RUNNING, defaults={"trigger": "person"}
        )
        streams = list(self.integration.streams.select_related("integration").prefetch_related("mappings"))
        self.world.begin_run(faults, reading)
        self.world.on_call = on_call
        adapter = MemoryAdapter(self.world, lambda: connection.in_atomic_block)
        outcome = "done"
        try:
            engine.work(engine.Slice(run, adapter, lease, seconds), streams)
        except Killed:
            self._time_passes()
            self.log.append("  killed")
            return "killed"
        except engine.SliceOver:
            leases.release(lease, None, 2)
            return "slice over"
        except errors.AdapterError as error:
            assert error.transient, error
            outcome = error.code
        except Exception:
            self._time_passes()
            raise
        finally:
            assert not connection.in_atomic_block
            self.world.on_call = lambda _number: None
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

    # --- what must be true then -------------------------------------------------------------------------------------------

    def check(self) -> None:
        """After `come_to_rest`. Raises AssertionError with everything that is wrong."""
        faults = [*self._doubles_and_gaps(), *self._differences(), *self._lost(), *self._strayed(), *self._restless()]
        assert not faults, "\n".join([*faults, "", *self.log])

    def _rows_here(self, entity: str) -> dict[str, registry.Row]:
        return registry.rows(registry.entity(entity), MODELS[entity].objects.values_list("pk", flat=True))

    def _excuses(self) -> tuple[set[tuple[str, str]], set[str], set[str]]:
        """Open conflicts and what is set aside: {(record, field)}, records, remote records."""
        pairs = {(str(c.record_id), c.field) for c in Conflict.objects.filter(state=Conflict.State.OPEN)}
        asides = list(SetAside.objects.all())
        pairs |= {(str(one.record_id), one.field) for one in asides}
        return pairs, {str(one.record_id) for one in asides}, {one.remote_id for one in asides if one.remote_id}

    def _doubles_and_gaps(self) -> list[str]:
        faults = []
        pairs, records, remotes = self._excuses()
        for entity in self.entities:
            rows = self._rows_here(entity)
            alive = {row.id: row for row in self.world.alive(SCHEMAS[entity].collection.id)}
            links = list(RecordLink.objects.filter(stream=self.streams[entity]))
            by_record = {str(link.record_id): link for link in links}
            by_remote = {link.remote_id: link for link in links}
            for pk in rows:
                link = by_record.get(pk)
                linked = link is not None and link.state == LinkState.LINKED and link.remote_id in alive
                if not linked and pk not in records and (pk, "") not in pairs:
                    faults.append(f"{entity} {pk} is not there ({link and link.state} {link and link.remote_id})")
            for remote_id in alive:
                link = by_remote.get(remote_id)
                linked = link is not None and link.state == LinkState.LINKED and str(link.record_id) in rows
                if not linked and remote_id not in remotes and (link is None or str(link.record_id) not in records):
                    faults.append(f"{entity} {remote_id} is not here ({link and link.state})")
            for link in links:
                if str(link.record_id) in rows and link.remote_id in alive:
                    if str(link.record_id) not in self.here and link.remote_id not in self.there:
                        came = SyncLogLine.objects.filter(record_id=link.record_id, side="here", action="created")
                        if not self.there.keys() & set(came.values_list("remote_id", flat=True)):
                            faults.append(f"nobody made {link.record_id} {link.remote_id}: a double")
            for marker, copies in Counter(row.marker for row in alive.values() if row.marker).items():
                if copies > 1 and not SetAside.objects.filter(code="second_copy").exists():
                    faults.append(f"{marker} stands there {copies} times")
            for pk, facts in self.here.items():
                if facts["entity"] != entity:
                    continue
                link = by_record.get(pk)
                by_person = pk in self.deleted_here or (link and link.remote_id in self.deleted_there)
                if pk not in rows and not by_person:
                    faults.append(f"{entity} {pk} is gone here and nobody deleted it")
            for remote_id in self.there:
                if self.world.rows[remote_id].collection != SCHEMAS[entity].collection.id or remote_id in alive:
                    continue
                link = by_remote.get(remote_id)
                if remote_id not in self.deleted_there and not (link and str(link.record_id) in self.deleted_here):
                    faults.append(f"{entity} {remote_id} is gone there and nobody deleted it")
            for pk in self.deleted_here:
                link = by_record.get(pk)
                if pk in rows and link and link.remote_id not in self.touched_there | self.deleted_there:
                    faults.append(f"{entity} {pk} was deleted here and came back")
                if link and link.remote_id in alive and pk not in rows:
                    faults.append(f"{entity} {pk} was deleted here and is still there")
            for link in links:
                pk = str(link.record_id)
                if link.remote_id in self.deleted_there and link.remote_id in alive | {}:
                    if link.remote_id not in self.touched_there and pk not in self.touched_here | records:
                        faults.append(f"{entity} {link.remote_id} was deleted there and came back")
        return faults

    def _differences(self) -> list[str]:
        """Both sides agree on every mapped field, or it is said why not."""
        faults = []
        excused, whole, _remotes = self._excuses()
        around = context()
        for link in RecordLink.objects.filter(state=LinkState.LINKED).select_related("stream"):
            target = link.stream.entity
            around.links.local.setdefault(target, {})[link.remote_id] = str(link.record_id)
            around.links.remote.setdefault(target, {})[str(link.record_id)] = link.remote_id
        for link in RecordLink.objects.filter(state=LinkState.GONE).select_related("stream"):
            around.links.gone.setdefault(link.stream.entity, set()).add(link.remote_id)
        for entity in self.entities:
            rows, described = self._rows_here(entity), registry.entity(entity)
            mappings = compiled(self.streams[entity], described)
            for link in RecordLink.objects.filter(stream=self.streams[entity], state=LinkState.LINKED):
                pk, row = str(link.record_id), rows.get(str(link.record_id))
                remote = self.world.rows.get(link.remote_id)
                if row is None or remote is None or remote.deleted:
                    continue
                ours = self._values(described, row)
                for mapped in mappings:
                    name = mapped.name
                    theirs = remote.values.get(mapped.remote.id)
                    if (pk, name) in excused or (pk, "") in excused or name in link.waiting:
                        continue
                    if not self._agree(mapped, ours[name], theirs, around):
                        faults.append(
                            f"{pk} {link.remote_id} {name}: {ours[name]!r} here, {theirs!r} there;"
                            f" bases {link.base_local.get(name)!r}, {link.base_remote.get(name)!r}"
                        )
        return faults

    def _agree(self, mapped: Any, ours: Any, theirs: Any, around: Any) -> bool:
        try:
            sent = mapped.to_remote(ours, theirs, around)
            if not isinstance(sent, Waiting) and self.world.folded(mapped.remote.type, sent) == theirs:
                return True
            taken = mapped.to_local(theirs, ours, around)
            return not isinstance(taken, Waiting) and mapped.rule.same(ours, taken)
        except Unfit:
            return False

    def _lost(self) -> list[str]:
        """Every value that a person wrote is there, or may rightly be gone."""
        here: set[str] = set()
        there: set[str] = set()
        for entity in self.entities:
            described = registry.entity(entity)
            for row in self._rows_here(entity).values():
                here |= tokens_in(self._values(described, row))
            for remote in self.world.alive(SCHEMAS[entity].collection.id):
                there |= tokens_in({name: remote.values.get(name) for name in PAIRS[entity].values()})
        kept: set[str] = set()
        for conflict in Conflict.objects.all():
            kept |= tokens_in([conflict.local, conflict.remote, conflict.remote_raw])
        half = (here | there) if SetAside.objects.exists() or Conflict.objects.filter(state="open").exists() else set()
        gone = set(self.written) - (here & there) - self.excused - self.world.excused - kept - half
        return [f"{token} is lost: {self.written[token]}" for token in sorted(gone)]

    def _strayed(self) -> list[str]:
        """Nothing outside the mapped fields moved."""
        faults = []
        for entity in self.entities:
            for pk, notes in MODELS[entity].objects.values_list("pk", "notes"):
                if str(pk) in self.here and notes != self.here[str(pk)]["notes"]:
                    faults.append(f"{entity} {pk}: notes became {notes!r}")
            for remote in self.world.alive(SCHEMAS[entity].collection.id):
                own = remote.values.get(OWN[entity])
                if own != self.there.get(remote.id):
                    faults.append(f"{entity} {remote.id}: its own field became {own!r}")
        return faults

    def _restless(self) -> list[str]:
        """The third run writes nothing on either side, and costs what the fourth costs."""
        costs = []
        for _ in range(2):
            self.world.rest()
            calls, writes, changes = sum(self.world.calls.values()), self.world.writes, FeedRow.objects.count()
            outcome = self.run()
            costs.append(sum(self.world.calls.values()) - calls)
            if outcome != "done" or self.world.writes != writes or FeedRow.objects.count() != changes:
                return [f"the third run still writes ({outcome})"]
        return [f"quiet runs cost {costs}"] if costs[0] != costs[1] else []


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
