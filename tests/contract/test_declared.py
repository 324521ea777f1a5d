"""What an adapter declares is true, and what it does not declare is not there: capability by capability."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import fields
from typing import Any

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Adapter, Capabilities, Change, NewField, Subscription
from integrations.adapters.values import Type
from tests.contract import test_creates, test_heard, test_midrun, test_reading, test_writing
from tests.contract.harness import FETCH, UPDATE
from tests.contract.wire import Wire

URL = "https://raccord.example/hooks/contract"
WANTED = [
    NewField("Made name", Type.TEXT),
    NewField("Made number", Type.DECIMAL),
    NewField("Made choice", Type.SELECT, ("One", "Two")),
]
#: Where each capability is proven. A new one cannot come without a test.
PROVEN = {
    "write": test_writing.test_update_touches_only_what_it_names,
    "delete": test_writing.test_deleting_puts_away_and_may_be_repeated,
    "restore": test_writing.test_what_was_put_away_is_brought_back_with_new_values,
    "erase": test_writing.test_erasing_leaves_nothing,
    "incremental": test_reading.test_increment_shows_what_was_made_and_edited,
    "sees_deletions": test_reading.test_increment_shows_tombstones,
    "webhooks": test_heard.test_true_call_says_what_changed,
    "create_once": test_creates.test_every_record_stands_there_once,
    "key_seconds": test_writing.test_same_create_again_makes_no_second_record,
    "create_fields": lambda: test_fields_are_made_by_name_and_once,
    "create_collections": lambda: test_collection_is_made_once,
    "tells_created": test_reading.test_records_say_what_the_engine_needs,
    "versions": test_midrun.test_stale_version_of_one_leaves_the_others,
    "batch": lambda: test_batches_are_as_large_as_declared,
    "fetch_batch": lambda: test_batches_are_as_large_as_declared,
    "clock_seconds": lambda: test_times_are_as_fine_as_declared,
    "lag_seconds": test_reading.test_increment_shows_what_was_made_and_edited,  # an allowance: nothing takes longer
}


def test_every_capability_is_proven():
    assert set(PROVEN) == {one.name for one in fields(Capabilities)}


# --- sizes and clocks -------------------------------------------------------------------------------------------------


def test_batches_are_as_large_as_declared(tool, adapter, collection, can):
    records = [record for page in adapter.read(collection, None) for record in page.records]
    tool.control.clear_log()
    adapter.fetch(collection, [record.id for record in records])
    assert tool.asked(FETCH) == math.ceil(len(records) / can.fetch_batch)
    if can.write:
        title = adapter.describe(collection).title
        changes = [Change("update", {title: f"R {n}"}, id=one.id, version=one.version) for n, one in enumerate(records)]
        tool.control.clear_log()
        for at in range(0, len(changes), can.batch):
            assert not [
                result.error for result in adapter.push(collection, changes[at : at + can.batch]) if result.error
            ]
        assert tool.asked(UPDATE) == math.ceil(len(records) / can.batch)


def test_times_are_as_fine_as_declared(adapter, collection, can, needs):
    needs(can.clock_seconds, "clock_seconds")
    times = [record.edited_at for page in adapter.read(collection, None) for record in page.records]
    assert len(times) == 3
    for edited in times:
        assert edited is not None
        microseconds = round(edited.timestamp()) * 10**6 if not edited.microsecond else edited.microsecond
        assert microseconds % round(can.clock_seconds * 10**6) == 0


# --- what is made there -----------------------------------------------------------------------------------------------


def breaks(tool: Any, monkeypatch: Any, at: int) -> tuple[Adapter, Wire]:
    """An adapter to whose `at`-th write no answer comes."""
    adapter = tool.connect()
    wire = Wire(lambda request: not adapter.transport.is_read(request.method, request.url.path))
    wire.install(monkeypatch)
    wire.break_at(at, "answer lost")
    return adapter, wire


def test_fields_are_made_by_name_and_once(tool, adapter, collection, can, needs, monkeypatch):
    needs(can.create_fields, "create_fields")
    unsure, wire = breaks(tool, monkeypatch, 0)
    with pytest.raises((errors.OutcomeUnknown, errors.Unavailable)):
        unsure.create_fields(collection, WANTED)
    wire.mend()
    made = tool.connect().create_fields(collection, WANTED)
    assert tool.connect().create_fields(collection, WANTED) == made == tool.connect().describe(collection)
    count = Counter(field.name for field in made.fields)
    found = {field.name: field for field in made.fields}
    for new in WANTED:
        field = found[new.name]
        assert (count[new.name], field.read_only) == (1, False)
        assert field.type is new.type or (new.type, field.type) == (Type.TEXT, Type.LONG_TEXT)  # one kind for both
        assert set(new.options) <= set(field.options)


@pytest.mark.parametrize("at", range(3))
def test_collection_is_made_once(tool, adapter, can, needs, monkeypatch, at):
    """Also when an answer is lost on the way: it is looked for before it is made again."""
    needs(can.create_collections, "create_collections")
    place = adapter.places()[0].id
    unsure, wire = breaks(tool, monkeypatch, at)
    try:
        unsure.create_collection(place, "Made here", WANTED)
    except (errors.OutcomeUnknown, errors.Unavailable):
        assert wire.count > at
    wire.mend()
    made = tool.connect().create_collection(place, "Made here", WANTED)
    again = tool.connect().create_collection(place, "Made here", WANTED)
    assert made.collection.id == again.collection.id
    assert [one.name for one in tool.connect().collections()].count("Made here") == 1
    assert made.field(made.title).name == "Made name"
    assert {new.name: new.type for new in WANTED} == {
        field.name: field.type for field in made.fields if field.name.startswith("Made")
    }


def test_subscription_is_made_once_prolonged_and_ended(tool, adapter, collection, can, needs):
    hooks = needs(can.webhooks and adapter.manifest.hooks, "webhooks")
    needs(hooks.made == "api", "hooks made by api")
    before = adapter.subscribe(collection, URL)
    standing = tool.connect().subscribe(collection, URL)  # the answer to the one before was lost
    if before.id != standing.id:
        with pytest.raises(errors.NotFound):
            adapter.renew(collection, before)
    renewed = adapter.renew(collection, standing)
    assert renewed.id == standing.id and bool(renewed.expires_at) == bool(hooks.seconds)
    for _ in range(2):
        adapter.unsubscribe(collection, standing)
    with pytest.raises(errors.NotFound):
        adapter.renew(collection, standing)


# --- what is not declared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("create_fields", lambda one, where: one.create_fields(where, [])),
        ("create_collections", lambda one, where: one.places()),
        ("create_collections", lambda one, where: one.create_collection(where, "Made", WANTED)),
        ("webhooks", lambda one, where: one.subscribe(where, URL)),
        ("webhooks", lambda one, where: one.renew(where, Subscription("1"))),
        ("webhooks", lambda one, where: one.unsubscribe(where, Subscription("1"))),
    ],
)
def test_what_is_not_declared_is_not_there(adapter, collection, can, name, ask):
    hooks = adapter.manifest.hooks
    if getattr(can, name) and not (name == "webhooks" and hooks and hooks.made == "app"):
        pytest.skip(f"declares: {name}")
    with pytest.raises(NotImplementedError):
        ask(adapter, collection)
