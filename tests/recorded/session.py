"""What is done with a provider while its answers are recorded: each part of the contract once, in one collection."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from integrations.adapters.base import Adapter, Change, Record

TITLE, RENAMED = "Recorded by Raccord", "Renamed by Raccord"


def play(adapter: Adapter, table: str, marker: str) -> dict[str, Any]:
    """Go through it and tell what the adapter made of the answers, as plain JSON. What is created is put away again.

    table: name or id of a collection, "" for the first. marker: of the record that is created; another one each time.
    """
    can, told = adapter.manifest.can, {"marker": marker, "account": asdict(adapter.check())}
    found = adapter.collections()
    told["collections"] = [asdict(one) for one in found]
    collection = told["table"] = [one.id for one in found if table in (one.name, one.id, "")][0]
    schema = adapter.describe(collection)
    told["schema"] = asdict(schema)
    pages = list(adapter.read(collection, None))
    told["listed"] = [[plain(record) for record in page.records] for page in pages]
    told["whole"] = pages[-1].whole
    if can.incremental:
        changed = adapter.read(collection, pages[-1].cursor)
        told["changed"] = [plain(record) for page in changed for record in page.records]
    told["fetched"] = [plain(record) for record in adapter.fetch(collection, [one.id for one in pages[0].records[:2]])]
    if can.create_once:
        told |= write(adapter, collection, schema.title, marker)
    return json.loads(json.dumps(told, default=str))


def write(adapter: Adapter, collection: str, title: str, marker: str) -> dict[str, Any]:
    adapter.prepare(collection)
    ident = adapter.new_ids(collection, 1)[0] if adapter.manifest.can.create_once == "client_id" else None
    made = push(adapter, collection, Change("create", {title: TITLE}, id=ident, marker=marker, key=str(uuid4())))
    told = {"created": plain(made)}
    last = push(adapter, collection, Change("update", {title: RENAMED}, id=made.id, version=made.version, current=made))
    told["updated"] = plain(last)
    if adapter.manifest.can.delete:
        told["deleted"] = plain(push(adapter, collection, Change("delete", id=made.id, version=last.version)))
    return told


def push(adapter: Adapter, collection: str, change: Change) -> Record:
    (result,) = adapter.push(collection, [change])
    if result.record is None:
        raise result.error or AssertionError("neither a record nor an error")
    return result.record


def plain(record: Record) -> dict[str, Any]:
    """Without the provider's own object: that is in the cassette."""
    return {name: value for name, value in asdict(record).items() if name != "raw"}
