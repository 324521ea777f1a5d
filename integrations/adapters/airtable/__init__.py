"""Airtable: tables as collections ("base/table"), their records as records.

`pyairtable` is the client that Airtable's documentation names for Python. Its retries are off (they would repeat creates) and
its session sends through our transport. Its batches lose the results of what succeeded before a failure, so requests that
write are made one by one (`pushing.py`); records stay plain dicts, and the pydantic models are not used.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pyairtable import Api
from pyairtable.formulas import quoted

from integrations.adapters import errors
from integrations.adapters.airtable import failures, hooks, pushing, reading, translate, write
from integrations.adapters.airtable.bases import COLLECTION, Bases, base_of
from integrations.adapters.airtable.manifest import MANIFEST
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
    Subscription,
)
from integrations.adapters.values import Value
from integrations.transport import requests_door
from integrations.transport.classify import http_date

if TYPE_CHECKING:
    from integrations.transport.http import Transport

PAGE_SIZE = 100
RECORD = re.compile(r"rec\w{14}")


class AirtableAdapter(Adapter):
    """One object per run; nothing is kept on the class."""

    manifest = MANIFEST

    def __init__(self, credentials: Mapping[str, str], transport: Transport) -> None:
        super().__init__(credentials, transport)
        transport.is_read = failures.is_read
        transport.read_error = failures.read_error
        self.api = Api(
            credentials["token"],
            endpoint_url=transport.base_url,
            retry_strategy=None,
            timeout=(5, int(transport.timeout)),
        )
        requests_door.mount(self.api.session, transport)
        self.bases = Bases(self.api)

    # --- account and schema -----------------------------------------------------------------------------------------

    def check(self) -> Account:
        me: Any = self.api.whoami()
        return Account(me["id"], me.get("email") or f"Airtable {me['id']}", may=tuple(me.get("scopes") or ()))

    def collections(self) -> list[Collection]:
        found = []
        for base in self.bases.all():
            for table in self.bases.tables(base["id"]):
                found.append(self._collection(f"{base['id']}/{table['id']}", table, base["name"]))
        return found

    def resolve(self, link_or_id: str) -> Collection:
        """The table of a pasted link, as it stands in the browser. Raises NotFound."""
        found = COLLECTION.search(link_or_id)
        if found is None:
            raise errors.NotFound("this is not a link to an Airtable table")
        return self._collection(found[0], self.bases.table(found[0], fresh=True))

    def describe(self, collection: str) -> Schema:
        table = self.bases.table(collection, fresh=True)
        home = self._collection(collection, table)
        return translate.to_schema(home, table, base_of(collection), self.bases.may_write(collection))

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Page]:
        translator = translate.Translator(collection, self.bases.table(collection), fields)

        def ask(formula: str | None, offset: str | None) -> reading.Answer:
            return self._list(collection, translator.asked, formula, offset)

        begun = reading.Cursor.load(cursor)
        for rows, after, whole in reading.pages(ask, begun):
            read, place = (
                [translator.record(row) for row in rows],
                replace(after, hook=begun.hook, payload=begun.payload),
            )
            if begun.since and not after.offset and (hook := self.subscriptions.get(collection)):
                gone, place = self._destroyed(collection, hook, place)
                read += gone
            yield Page(read, place.dump(), whole)

    def _destroyed(self, collection: str, hook: str, place: reading.Cursor) -> tuple[list[Record], reading.Cursor]:
        """What our webhook's payloads tell to be deleted and is, by now: a person may have taken it out of the trash again."""
        base, table = collection.split("/")
        told, following = hooks.destroyed(self.api, base, hook, table, place.payload if place.hook == hook else 1)
        gone = [record for record in self.fetch(collection, told) if record.deleted]
        return gone, replace(place, hook=hook, payload=following)

    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        """What a readable table lacks is deleted: Airtable hides no single records, and shows its trash to nobody."""
        known = [ident for ident in dict.fromkeys(ids) if RECORD.fullmatch(ident)]
        found: dict[str, Record] = {}
        for part in _parts(known):
            found |= {one.id: one for one in self._where(collection, [f"RECORD_ID()={quoted(i)}" for i in part])}
        return [found.get(ident) or Record(ident, {}, deleted=True) for ident in known]

    def find(self, collection: str, markers: Sequence[str]) -> list[Record]:
        if self.bases.marker(collection) is None:
            return []
        wanted = [marker for marker in dict.fromkeys(markers) if marker]
        found: dict[str, Record] = {}
        for part in _parts(wanted):
            same = [f"{{{translate.MARKER}}}={quoted(marker)}" for marker in part]
            # Whether "=" minds the case is not documented: look again.
            found |= {one.id: one for one in self._where(collection, same) if one.marker in wanted}
        return sorted(
            found.values(), key=lambda one: (one.created_at, one.id)
        )  # a person's copy of ours comes after it

    def _where(self, collection: str, any_of: Sequence[str]) -> list[Record]:
        try:
            return self._all_of(collection, f"OR({','.join(any_of)})")
        except errors.SchemaChanged:  # nobody asked for the field that is gone, and the table is described anew by now
            return self._all_of(collection, f"OR({','.join(any_of)})")

    def _all_of(self, collection: str, formula: str) -> list[Record]:
        translator = translate.Translator(collection, self.bases.table(collection))
        listing = reading.pages(
            lambda _, offset: self._list(collection, translator.asked, formula, offset), reading.Cursor()
        )
        return [translator.record(row) for rows, _after, _whole in listing for row in rows]

    def _list(self, collection: str, fields: Sequence[str], formula: str | None, offset: str | None) -> reading.Answer:
        """One page. By POST, for formulas are long; raw, for the SDK's answer has no Date header.

        The fields are always named: of one that is gone the cells would just be absent, and read as empty.
        """
        body: dict[str, Any] = {"pageSize": PAGE_SIZE, "fields": list(fields), "returnFieldsByFieldId": True}
        body |= ({"filterByFormula": formula} if formula else {}) | ({"offset": offset} if offset else {})
        try:
            response = self.api.session.post(self.bases.sdk(collection).urls.records_post, json=body)
        except (failures.Hidden, failures.Refused) as error:
            raise self._why_not_listed(collection, fields, error) from error
        try:
            answer = response.json()
            return reading.Answer(answer["records"], answer.get("offset"), http_date(response.headers.get("date")))
        except (KeyError, TypeError, AttributeError) as error:
            raise errors.SchemaChanged(f"a listing is not as Airtable documents it: {error!r}") from error

    def _why_not_listed(
        self, collection: str, fields: Sequence[str], error: failures.Hidden | failures.Refused
    ) -> errors.AdapterError:
        known = self.bases.fields(collection, fresh=True)  # raises NotFound when the table is gone or not shared
        if gone := tuple(field for field in fields if field not in known):
            return errors.SchemaChanged("fields that Airtable no longer has: " + ", ".join(gone), gone)
        if isinstance(error, failures.Hidden):
            return errors.AccessDenied(str(error))
        if error.kind in failures.LOST_PLACE:
            return error
        if error.kind == failures.UNKNOWN_FIELD:
            return errors.Unavailable(f"Airtable does not know a new field yet: {error.reason}")
        return errors.SchemaChanged(f"Airtable refuses to list this table: {error.reason}")

    # --- writing ----------------------------------------------------------------------------------------------------

    def push(self, collection: str, changes: Sequence[Change]) -> Iterator[Result]:
        if any(change.action == "create" and change.marker for change in changes):
            self.prepare(collection)
        return pushing.push(
            changes,
            self.bases.fields(collection),
            lambda writes: self._send(collection, writes),
            lambda one, error: self._explain(collection, one, error),
        )

    def prepare(self, collection: str) -> None:
        if self.bases.marker(collection) or self.bases.marker(collection, fresh=True):
            return
        about = "Written by Raccord, so that no record is created twice. Please leave it as it is."
        spec = {"name": translate.MARKER, "type": "singleLineText", "description": about}
        try:
            self._make_field(collection, spec)
        except errors.AccessDenied as error:
            by_hand = f"add a field “{translate.MARKER}” (single line text) to the table by hand"
            raise errors.AccessDenied(f"this connection may not add fields; {by_hand}: {error}") from error
        if self.bases.marker(collection) is None:
            raise errors.AccessDenied(f"a field “{translate.MARKER}” of another type is in the way: rename it")

    def reads_back(self, field: Field, value: Value) -> Value:
        raw = self.bases.known_field(field.id)
        return value if raw is None else write.reads_back(raw, value)

    def create_fields(self, collection: str, fields: Iterable[NewField]) -> Schema:
        names = {raw["name"] for raw in self.bases.fields(collection, fresh=True).values()}
        for new in fields:
            if new.name not in names:
                self._make_field(collection, write.to_field(new))
        return self.describe(collection)

    def places(self) -> list[Collection]:
        """The bases in which this account may make tables."""
        makes = [base for base in self.bases.all() if base.get("permissionLevel", "create") == "create"]
        return [Collection(base["id"], base["name"], url=f"{translate.HOME}/{base['id']}") for base in makes]

    def create_collection(self, place: str, name: str, fields: Sequence[NewField]) -> Schema:
        standing = next((table for table in self.bases.tables(place) if table["name"] == name), None)
        if standing:
            return self.create_fields(f"{place}/{standing['id']}", fields)
        body = {"name": name, "fields": [write.to_field(new) for new in fields]}
        made = self._alter(lambda: self.api.post(self.api.base(place).urls.tables, json=body))
        return self.describe(f"{place}/{made['id']}")

    def _send(self, collection: str, writes: Sequence[pushing.Write]) -> list[Record]:
        url, kind = self.bases.sdk(collection).urls.records, writes[0].kind
        ids = [str(one.change.id) for one in writes]
        if kind == "delete":
            self.api.delete(url, params={"records[]": ids})
            return [Record(ident, {}, deleted=True) for ident in ids]
        body: dict[str, Any] = {"typecast": writes[0].typecast, "returnFieldsByFieldId": True}
        if kind == "upsert":
            marker = str(self.bases.marker(collection))
            body["performUpsert"] = {"fieldsToMergeOn": [marker]}
            body["records"] = [{"fields": {**one.cells, marker: one.change.marker}} for one in writes]
        elif kind == "create":
            body["records"] = [{"fields": one.cells} for one in writes]
        else:
            body["records"] = [{"id": ident, "fields": one.cells} for ident, one in zip(ids, writes, strict=True)]
        answer = self.api.request("POST" if kind == "create" else "PATCH", url, json=body)
        if writes[0].typecast:
            self.bases.forget(collection)  # it has more options now
        translator = translate.Translator(collection, self.bases.table(collection))
        try:
            rows = answer["records"]
        except (KeyError, TypeError) as error:
            raise errors.OutcomeUnknown(f"the answer to a write is not as Airtable documents it: {error!r}") from error
        # An empty cell is absent, and so is one of a field that has gone meanwhile: only what was sent is known to be empty.
        return [translator.record(row, told=list(one.cells)) for row, one in zip(rows, writes, strict=True)]

    def _explain(self, collection: str, one: pushing.Write, error: errors.AdapterError) -> Record | errors.AdapterError:
        """What Airtable's refusal of this single write means, by what stands there now."""
        before, after = self.bases.fields(collection), self.bases.fields(collection, fresh=True)  # or NotFound
        ident = one.change.id
        kind = getattr(error, "kind", "")
        if ident and kind != "INVALID_VALUE_FOR_COLUMN" and self.fetch(collection, [ident])[0].deleted:
            if one.kind == "delete":
                return Record(ident, {}, deleted=True)
            return errors.NotFound(f"the record is deleted in Airtable: {error}")
        if isinstance(error, failures.NotPermitted) and self.bases.may_write(collection):
            return errors.InvalidRecord(f"not permitted; some fields may be edited by some people only: {error}")
        if not isinstance(error, errors.InvalidRecord):
            raise error if not isinstance(error, failures.Hidden) else errors.AccessDenied(str(error)) from error
        moved = tuple(f for f in one.cells if f not in after or after[f]["type"] != before[f]["type"])
        if moved:
            raise errors.SchemaChanged("fields changed in Airtable: " + ", ".join(moved), fields=moved) from error
        if kind == failures.UNKNOWN_FIELD:  # though it is described: one that was just made, which takes a moment
            raise errors.Unavailable(f"Airtable does not take a new field yet: {error.reason}") from error
        return errors.InvalidRecord(error.reason, pushing.field_named(error.reason, one.cells, after))

    def _make_field(self, collection: str, spec: Mapping[str, Any]) -> None:
        try:
            self._alter(lambda: self.api.post(self.bases.sdk(collection).urls.fields, json=dict(spec)))
        except failures.Refused as error:
            if error.kind != "DUPLICATE_OR_EMPTY_FIELD_NAME" or not any(
                raw["name"] == spec["name"] for raw in self.bases.fields(collection, fresh=True).values()
            ):
                raise
        finally:
            self.bases.forget(collection)

    def _alter(self, ask: Any) -> Any:
        try:
            return ask()
        except failures.Hidden as error:
            raise errors.AccessDenied(str(error)) from error

    # --- webhooks ---------------------------------------------------------------------------------------------------

    def subscribe(self, collection: str, url: str) -> Subscription:
        base, table = collection.split("/")
        return hooks.subscribe(self.api, base, table, url)

    def renew(self, collection: str, subscription: Subscription) -> Subscription:
        return hooks.renew(self.api, base_of(collection), subscription)

    def unsubscribe(self, collection: str, subscription: Subscription) -> None:
        hooks.unsubscribe(self.api, base_of(collection), subscription.id)

    @classmethod
    def heard(cls, call: HookCall, secret: str, now: dt.datetime) -> HookSays:
        return hooks.heard(call, secret, now)

    @staticmethod
    def _collection(ident: str, table: Mapping[str, Any], base: str = "") -> Collection:
        return Collection(ident, table["name"], (base,) if base else (), f"{translate.HOME}/{ident}")


def _parts(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), PAGE_SIZE):
        yield items[start : start + PAGE_SIZE]


adapter = AirtableAdapter
