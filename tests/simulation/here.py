"""The people on our side of a story, and what they remember of what they did.

Each works in a transaction of its own, on a connection of its own. how: "ui" and "api" go through the services, "orm" saves a
model, "sql" is one statement that knows nothing of us.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from crm import bulk, records, registry
from crm.feed import Actor
from crm.models import Company, Contact
from integrations.sync.merge import is_empty
from tests.simulation import tokens
from tests.simulation.memory import Clock
from tests.simulation.tokens import tokens_in

MODELS = {"company": Company, "contact": Contact}
PLAIN = {"company": ["name", "city"], "contact": ["name", "email", "job_title", "score", "tags", "last_contacted_at"]}
FIELDS = {"company": PLAIN["company"], "contact": [*PLAIN["contact"], "company"]}
TABLES = {"company": "crm_company", "contact": "crm_contact"}
ACTORS = {"ui": Actor("user", "7", "Olga"), "api": Actor("api", "3", "Import")}


@dataclass(frozen=True)
class Wrote:
    """One value that somebody here wrote: its number, the record, and who must stand beside it in the change feed."""

    token: str
    pk: str
    kind: str


class Here:
    """Everybody who works on our side."""

    def __init__(self, tenant: Any, clock: Clock, log: list[str], own_clock: bool = False) -> None:
        self.clock, self.log, self.own_clock = clock, log, own_clock
        self.numbers = itertools.count(tokens.FIRST)
        self.written: dict[str, str] = {}  # token: what was done, on either side
        self.wrote: list[Wrote] = []
        self.excused: set[str] = set()
        self.made: dict[str, dict[str, Any]] = {}  # our records as people made them: what is not mapped
        self.deleted: set[str] = set()
        self.touched: set[str] = set()
        self.touched_fields: set[tuple[str, str]] = set()
        self.emptied: set[tuple[str | None, str]] = set()  # (record of any side, field) that somebody emptied
        self.executor = ThreadPoolExecutor(1)
        self.executor.submit(lambda: connection.set_tenant(tenant)).result()

    def close(self) -> None:
        self.executor.submit(lambda: connection.close()).result()  # that thread's
        self.executor.shutdown()

    def do(self, work: Callable[[], Any]) -> Any:
        def run() -> Any:
            with transaction.atomic():
                self.tell_time()
                return work()

        return self.executor.submit(run).result()

    def tell_time(self) -> None:
        """The story's own time for the change feed, within the present transaction."""
        if self.own_clock:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('simulation.now', %s, true)", [self.clock.here().isoformat()])

    def new(self, entity: str, values: Mapping[str, Any], number: int, how: str = "orm") -> str:
        notes = f"kept here {number}"

        def work() -> str:
            if how == "ui":
                return records.create(entity, {**values, "notes": notes}, ACTORS[how]).id
            if how == "api":
                [done] = bulk.apply(entity, [bulk.Wanted("create", values={**values, "notes": notes})], ACTORS[how])
                assert done.item is not None, done.error
                return done.item.id
            made = MODELS[entity](**{**values, "notes": notes})
            made.save()
            return str(made.pk)

        pk: str = self.do(work)
        self.learn(pk, entity, values, notes, how)
        return pk

    def learn(self, pk: str, entity: str, values: Mapping[str, Any], notes: str, how: str = "orm") -> None:
        """Remember a new record."""
        self._remember(pk, f"{entity} here", values, how)
        self.made[pk] = {"notes": notes, "entity": entity}
        self.log.append(f"here: new {entity} {pk} {dict(values)} ({how})")

    def edit(self, entity: str, pk: str, name: str, value: Any, how: str = "orm") -> None:
        def work() -> None:
            if self._lock(entity, [pk]):
                before = self.values(entity, pk)[name]
                if not self._write(entity, pk, name, value, how) or value == before:
                    return  # refused, or written as it stood: no change for the feed to tell
                self.excused |= tokens_in(before)
                self._remember(pk, f"{entity}.{name} here", value, how)
                self.touched.add(pk)
                self.touched_fields.add((pk, name))
                if is_empty(value):
                    self.emptied.add((pk, name))
                self.log.append(f"here: {pk} {name} = {value!r} ({how})")

        self.do(work)

    def _write(self, entity: str, pk: str, name: str, value: Any, how: str) -> bool:
        if name == "company" and how in ACTORS:
            value = [value] if value else None
        try:
            if how == "ui":
                records.update(entity, pk, {name: value}, ACTORS[how])
            elif how == "api":
                [done] = bulk.apply(entity, [bulk.Wanted("update", pk, {name: value})], ACTORS[how])
                return done.error is None
            else:
                column = "company_id" if name == "company" else name
                given = value if value is not None else _empty(name)
                if how == "sql":
                    with connection.cursor() as cursor:
                        cursor.execute(
                            f"UPDATE {TABLES[entity]} SET {column} = %s WHERE id = %s",  # noqa: S608
                            [given, pk],
                        )
                else:
                    found = MODELS[entity].objects.get(pk=pk)
                    setattr(found, column, given)
                    found.save(update_fields=[column, "updated_at"])
        except (records.ReadOnly, records.Invalid) as error:
            self.log.append(f"here: {pk} {name} = {value!r} was refused: {error}")
            return False
        return True

    def edit_all(self, given: Callable[[], Any], how: str = "sql") -> None:
        """One statement, or one bulk call, over all contacts."""

        def work() -> None:
            pks = sorted(self._lock("contact", list(MODELS["contact"].objects.values_list("pk", flat=True))))
            jobs = [(pk, given()) for pk in sorted(pks, key=self._age("contact").__getitem__)]
            before = {pk: tokens_in(self.values("contact", pk)["job_title"]) for pk, _ in jobs}
            if how == "api":
                wanted = [bulk.Wanted("update", pk, {"job_title": job}) for pk, job in jobs]
                done = bulk.apply("contact", wanted, ACTORS[how])
                jobs = [job for job, outcome in zip(jobs, done, strict=True) if outcome.error is None]
            elif jobs:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "UPDATE crm_contact c SET job_title = v.job FROM unnest(%s::uuid[], %s::text[]) v(id, job)"
                        " WHERE c.id = v.id",
                        [[pk for pk, _ in jobs], [job for _, job in jobs]],
                    )
            for pk, job in jobs:
                self.excused |= before[pk]
                self._remember(pk, "contact.job_title here, in bulk", job, how)
                self.touched.add(pk)
                self.touched_fields.add((pk, "job_title"))
            self.log.append(f"here: in bulk {jobs} ({how})")

        self.do(work)

    def delete(self, entity: str, pks: Iterable[str], how: str = "orm") -> None:
        def work() -> None:
            there = self._lock(entity, list(pks))
            seen = {pk: tokens_in(self.values(entity, pk)) for pk in there}
            people: set[str] = set()
            if entity == "company":
                pointing = Contact.objects.filter(company__in=there).values_list("pk", flat=True)
                people = {str(one) for one in pointing}
            try:
                if how in ACTORS:
                    records.delete(entity, sorted(there), ACTORS[how])
                elif how == "sql" and entity == "contact":
                    with connection.cursor() as cursor:
                        cursor.execute(f"DELETE FROM {TABLES[entity]} WHERE id = ANY(%s::uuid[])", [sorted(there)])  # noqa: S608
                else:
                    MODELS[entity].objects.filter(pk__in=there).delete()
            except records.ReadOnly as error:
                self.log.append(f"here: delete {sorted(there)} was refused: {error}")
                return
            self.touched |= people
            self.touched_fields |= {(pk, "company") for pk in people}
            self.excused |= set().union(*seen.values()) if seen else set()
            self.deleted |= there
            self.log.append(f"here: delete {sorted(there)} ({how})")

        self.do(work)

    def restore(self, entity: str, pk: str) -> None:
        """Somebody brings back a record with what it held."""

        def work() -> None:
            from integrations.sync import tables

            row = tables.deleted_row(registry.entity(entity), pk)
            if row and not MODELS[entity].objects.filter(pk=pk).exists():
                records.insert_rows(registry.entity(entity), [row])
                self._remember(pk, f"{entity} brought back here", self.values(entity, pk), "orm")
                self.touched.add(pk)
                self.log.append(f"here: bring back {pk}")

        self.do(work)

    # --- looking ----------------------------------------------------------------------------------------------------------

    def ids(self, entity: str) -> list[str]:
        return [str(pk) for pk in MODELS[entity].objects.order_by("created_at", "pk").values_list("pk", flat=True)]

    def values(self, entity: str, pk: str) -> dict[str, Any]:
        described = registry.entity(entity)
        return values_of(described, registry.rows(described, [pk])[pk])

    def _lock(self, entity: str, pks: list[Any]) -> set[str]:
        found = MODELS[entity].objects.select_for_update().filter(pk__in=pks).order_by("pk")
        return {str(pk) for pk in found.values_list("pk", flat=True)}

    def _age(self, entity: str) -> dict[str, int]:
        return {pk: place for place, pk in enumerate(self.ids(entity))}

    def _remember(self, pk: str, what: str, values: Any, how: str) -> None:
        found = tokens_in(values)
        self.written |= dict.fromkeys(found, what)
        kind = ACTORS[how].kind if how in ACTORS else ""
        self.wrote += [Wrote(token, pk, kind) for token in sorted(found)]


def values_of(described: registry.Entity, row: registry.Row) -> dict[str, Any]:
    people = registry.People()
    return {name: registry.reader(described.fields[name], people)(row) for name in FIELDS[described.name]}


def _empty(name: str) -> Any:
    return {"score": None, "last_contacted_at": None, "company": None, "tags": []}.get(name, "")
