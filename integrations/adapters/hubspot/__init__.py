"""HubSpot: object types as collections, with properties, pipelines, owners and associations as their fields."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from integrations.adapters import errors
from integrations.adapters.base import (
    Account,
    Adapter,
    Change,
    Collection,
    Field,
    HookCall,
    HookSays,
    NewField,
    Page,
    Record,
    Result,
    Schema,
)
from integrations.adapters.hubspot import failures, hooks, reading, translate
from integrations.adapters.hubspot.calls import Body, Calls
from integrations.adapters.hubspot.catalogue import Catalogue
from integrations.adapters.hubspot.fields import Described, Plan
from integrations.adapters.hubspot.manifest import MANIFEST
from integrations.adapters.hubspot.objects import FULL_NAME, MARKER
from integrations.adapters.hubspot.people import Owners
from integrations.adapters.hubspot.pushing import Pushing
from integrations.adapters.values import Type, Value

if TYPE_CHECKING:
    from integrations.transport.http import Transport

log = logging.getLogger(__name__)


class HubSpotAdapter(Adapter):
    """One object per run; nothing is kept on the class."""

    manifest = MANIFEST

    def __init__(self, credentials: Mapping[str, str], transport: Transport) -> None:
        super().__init__(credentials, transport)
        self._errors = failures.ErrorReader()
        transport.is_read = failures.is_read
        transport.read_error = self._errors
        self.calls = Calls(credentials["token"], transport)
        self.owners = Owners(self.calls.owners)
        self.catalogue = Catalogue(self.calls)
        self._wanted: dict[str, Sequence[str] | None] = {}  # fields that a run reads, by collection

    # --- account and schema -----------------------------------------------------------------------------------------

    def check(self) -> Account:
        told = self.calls.account()
        try:
            ident = str(told["portalId"])
        except KeyError as error:
            raise errors.SchemaChanged("HubSpot does not say which account this is") from error
        try:
            self._errors.zone = ZoneInfo(str(told.get("timeZone") or "UTC"))
        except (ZoneInfoNotFoundError, ValueError):
            log.info("HubSpot names a time zone that is not known here")
        return Account(id=ident, name=f"HubSpot {ident}", detail=str(told.get("uiDomain") or ""))

    def collections(self) -> list[Collection]:
        """The object types whose records may be read: a type without its scopes is left out, and stops nobody."""
        return [Collection(type.name, type.label) for type in self.catalogue.readable()]

    def describe(self, collection: str) -> Schema:
        return self.catalogue.described(collection, fresh=True).schema()

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Page]:
        type = self.catalogue.described(collection)
        if fields is not None and (gone := tuple(one for one in fields if one not in type.plans)):
            raise errors.SchemaChanged("fields that HubSpot no longer has: " + ", ".join(gone), fields=gone)
        self._wanted[collection] = fields
        plans = type.wanted(fields)
        names = type.names(plans)
        state = reading.Cursor.load(cursor) if cursor else None
        if state is None or state.listed is not None:
            listing = reading.full(lambda after: self.calls.page(collection, names, after), state)
            for rows, after, whole in listing:
                yield Page(self._records(type, rows, plans), after.dump(), whole)
            return
        modified = type.type.modified

        def search(body: Body) -> tuple[list[Any], dt.datetime | None]:
            return self.calls.search(collection, body | {"properties": names})

        for rows in reading.archived(lambda after: self.calls.page(collection, [], after, archived=True), state):
            if rows:
                yield Page(self._records(type, rows, []))
        for found, after in reading.changes(search, modified, state):
            yield Page(self._records(type, found, plans), after.dump())

    def count(self, collection: str) -> int:
        return self.calls.total(collection)

    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        type = self.catalogue.described(collection)
        plans = self._plans(type)
        known = [one for one in dict.fromkeys(ids) if one.isdecimal()]
        rows = self._there(collection, known, type.names(plans))
        if missing := sorted(set(known) - {row["id"] for row in rows}):
            rows += self._there(collection, missing, [], archived=True)
        return self._records(type, rows, plans)

    def find(self, collection: str, markers: Sequence[str]) -> list[Record]:
        """By our unique property: a batch read, which does not go through the search index."""
        type = self.catalogue.described(collection)
        if not type.has_marker:
            type = self.catalogue.described(collection, fresh=True)
        wanted = list(dict.fromkeys(one for one in markers if one))
        if not wanted or not type.has_marker:
            return []
        plans = self._plans(type)
        rows = self.calls.batch_read(collection, wanted, type.names(plans), by=MARKER)
        rows = list({row["id"]: row for row in rows}.values())
        # Whether HubSpot minds the case is not documented: look again.
        return [record for record in self._records(type, rows, plans) if record.marker in wanted]

    def _there(self, collection: str, ids: Sequence[str], names: Sequence[str], archived: bool = False) -> list[Body]:
        """A record that was merged away is answered as the one that it went into: it is not what was asked for."""
        asked = set(ids)
        return [row for row in self.calls.batch_read(collection, ids, names, archived=archived) if row["id"] in asked]

    def _plans(self, type: Described) -> list[Plan]:
        return type.wanted(self._wanted.get(type.type.name))

    def _records(self, type: Described, rows: Iterable[Mapping[str, Any]], plans: Sequence[Plan]) -> list[Record]:
        """With their associations, which no listing tells by type: one request more for each type that is wanted."""
        rows = list(rows)
        live = [str(row["id"]) for row in rows if not row.get("archived")]
        targets = {plan.association.target for plan in plans if plan.association}
        links = {target: self.calls.links(type.type.name, target, live) if live else {} for target in targets}
        records = []
        for row in rows:
            mine = {target: held.get(str(row["id"]), {}) for target, held in links.items()}
            records.append(translate.to_record(row, plans, self.owners.name, mine))
        return records

    # --- writing ----------------------------------------------------------------------------------------------------

    def push(self, collection: str, changes: Sequence[Change]) -> Iterator[Result]:
        """In batches of one kind; a record that comes twice begins a new one, because HubSpot refuses it."""
        type = self.catalogue.described(collection)
        for action, group in groupby(changes, key=lambda change: change.action):
            for batch in _each_once(list(group)):
                results = Pushing(self, type).send(action, batch)
                yield from (results[place] for place in range(len(batch)))

    def read_back(self, type: Described, ids: Sequence[str], fields: Iterable[str]) -> dict[str, Record]:
        """Records as they are after a write, whose answer tells only what was sent."""
        wanted = self._wanted.get(type.type.name)
        plans = type.wanted(None if wanted is None else [*wanted, *fields])
        rows = self._there(type.type.name, ids, type.names(plans))
        return {record.id: record for record in self._records(type, rows, plans)}

    def prepare(self, collection: str) -> None:
        self.catalogue.make_marker(collection)

    def create_fields(self, collection: str, fields: Iterable[NewField]) -> Schema:
        self.catalogue.make_fields(collection, fields)
        return self.describe(collection)

    def reads_back(self, field: Field, value: Value) -> Value:
        """HubSpot keeps e-mail addresses in lower case; a day in a field for times becomes its noon (see `write`)."""
        if not isinstance(value, str):
            return value
        if field.id == FULL_NAME:
            return " ".join(value.split()) or None
        if field.type is Type.DATETIME and len(value) == 10:
            return f"{value}T12:00:00Z"
        if field.id == "email":
            return value.lower()
        return value.replace("\x00", "") or None

    @classmethod
    def heard(cls, call: HookCall, secret: str, now: dt.datetime) -> HookSays:
        return hooks.heard(call, secret, now)


def _each_once(changes: Sequence[Change]) -> Iterator[list[Change]]:
    batch: list[Change] = []
    for change in changes:
        if len(batch) == MANIFEST.can.batch or (change.id and change.id in {one.id for one in batch}):
            yield batch
            batch = []
        batch.append(change)
    if batch:
        yield batch


adapter = HubSpotAdapter
