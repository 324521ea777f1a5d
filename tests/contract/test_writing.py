"""What every adapter that writes promises. A test that does not apply is left out, with the capability that it would need."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Adapter, Change, Record, Result
from integrations.adapters.values import Type, Value

MARKER = "01a1fe78-4335-73c7-b017-948a55b04473"
SAMPLES: dict[Type, Sequence[Value]] = {
    Type.TEXT: ["Ada Łovelace 🙂", "  spaces around  ", None],
    Type.LONG_TEXT: ["First line\nsecond line", "é" * 3000],
    Type.INTEGER: ["0", "-7", "123456789"],
    Type.DECIMAL: ["12.5", "0.1", "-3"],
    Type.MONEY: ["19.99"],
    Type.BOOLEAN: [True, False],
    Type.DATE: ["2026-02-28", "1815-12-10"],
    Type.DATETIME: ["2026-09-15T09:30:00Z", "2026-09-15T09:30:12Z"],
    Type.EMAIL: ["Ada@Example.com"],
    Type.PHONE: ["+33 1 23"],
    Type.URL: ["https://example.com/?a=1"],
}

_keys = itertools.count()


@pytest.fixture(autouse=True)
def _writes(can, needs):
    needs(can.write, "write")


@pytest.fixture
def new(adapter: Adapter, collection: str) -> Any:
    """new(title, marker) -> a change that creates a record as the engine would."""
    title, means = adapter.describe(collection).title, adapter.manifest.can.create_once
    adapter.prepare(collection)

    def make(text: str, marker: str = MARKER, **values: Value) -> Change:
        ident = adapter.new_ids(collection, 1)[0] if means == "client_id" else None
        key = f"contract-{next(_keys)}" if means == "key" else ""
        return Change("create", {title: text, **values}, id=ident, marker=marker, key=key)

    return make


def push(adapter: Adapter, collection: str, *changes: Change) -> list[Result]:
    size = max(1, adapter.manifest.can.batch)
    return [one for at in range(0, len(changes), size) for one in adapter.push(collection, changes[at : at + size])]


def done(adapter: Adapter, collection: str, change: Change) -> Record:
    (result,) = push(adapter, collection, change)
    if result.error:
        raise result.error
    return result.record


def now(adapter: Adapter, collection: str, record_id: str) -> Record:
    (found,) = adapter.fetch(collection, [record_id])
    return found


# --- what is written --------------------------------------------------------------------------------------------------


def test_create_is_answered_with_the_record(tool, adapter, collection, can, needs, new):
    needs(can.create_once, "create_once")
    made = done(adapter, collection, new("New"))
    title = adapter.describe(collection).title
    assert made.id and made.values[title] == "New" and not made.deleted
    assert now(adapter, collection, made.id).values[title] == "New"
    assert tool.titles().count("New") == 1


def test_update_touches_only_what_it_names(adapter, collection):
    before = next(iter(adapter.read(collection, None))).records[0]
    title = adapter.describe(collection).title
    done(adapter, collection, Change("update", {title: "Renamed"}, id=before.id, version=before.version))
    after = now(adapter, collection, before.id)
    writable = [field.id for field in adapter.describe(collection).fields if not field.read_only]
    assert {f: after.values[f] for f in writable} == {f: before.values[f] for f in writable} | {title: "Renamed"}


def test_deleting_puts_away_and_may_be_repeated(tool, adapter, collection, can, needs):
    needs(can.delete, "delete")
    one = next(iter(adapter.read(collection, None))).records[0]
    for _ in range(2):
        version = now(adapter, collection, one.id).version
        assert done(adapter, collection, Change("delete", id=one.id, version=version)).deleted
    assert len(tool.titles()) == 2
    assert [record.deleted for record in adapter.fetch(collection, [one.id])] in ([True], [])


def test_what_was_put_away_is_brought_back_with_new_values(adapter, collection, can, needs):
    needs(can.delete and can.restore, "restore")
    one = next(iter(adapter.read(collection, None))).records[0]
    title = adapter.describe(collection).title
    done(adapter, collection, Change("delete", id=one.id, version=one.version))
    done(adapter, collection, Change("restore", {title: "Back"}, id=one.id))
    after = now(adapter, collection, one.id)
    assert not after.deleted and after.values[title] == "Back"


def test_erasing_leaves_nothing(tool, adapter, collection, can, needs):
    needs(can.erase, "erase")
    one = next(iter(adapter.read(collection, None))).records[0]
    done(adapter, collection, Change("erase", id=one.id, version=one.version))
    assert adapter.fetch(collection, [one.id]) == [] and len(tool.titles()) == 2


def test_results_come_one_for_each_change_in_order(tool, adapter, collection, can, needs, new):
    needs(can.create_once, "create_once")
    field, value = tool.bad_value(adapter.describe(collection))
    markers = [f"01a1fe78-4335-73c7-b017-94{number:010d}" for number in range(4)]
    changes = [new(f"Row {number}", marker) for number, marker in enumerate(markers)]
    bad = new("Bad", markers[-1], **{field: value})
    changes[1:1] = [bad]
    results = push(adapter, collection, *changes)
    assert [result.change for result in results] == changes
    assert [isinstance(result.error, errors.InvalidRecord) for result in results] == [one is bad for one in changes]
    assert sorted(title for title in tool.titles() if title.startswith(("Row", "Bad"))) == [
        f"Row {n}" for n in range(4)
    ]


def test_refused_field_is_named(tool, adapter, collection):
    one = next(iter(adapter.read(collection, None))).records[0]
    field, value = tool.bad_value(adapter.describe(collection))
    with pytest.raises(errors.InvalidRecord) as caught:
        done(adapter, collection, Change("update", {field: value}, id=one.id, version=one.version))
    assert caught.value.field in (field, None) and caught.value.reason


def test_write_to_what_lies_in_the_trash_or_is_gone_makes_the_engine_look(tool, adapter, collection):
    one, two, *_ = next(iter(adapter.read(collection, None))).records
    tool.trash(one.id)
    tool.erase(two.id)
    title = adapter.describe(collection).title
    for record in (one, two):
        with pytest.raises((errors.VersionMismatch, errors.NotFound)):
            done(adapter, collection, Change("update", {title: "x"}, id=record.id, version=record.version))


def test_stale_version_is_refused(tool, adapter, collection, can, needs):
    needs(can.versions, "versions")
    one = next(iter(adapter.read(collection, None))).records[0]
    tool.edit(one.id, "Edited meanwhile")
    title = adapter.describe(collection).title
    with pytest.raises(errors.VersionMismatch):
        done(adapter, collection, Change("update", {title: "x"}, id=one.id, version=one.version))
    assert now(adapter, collection, one.id).values[title] == "Edited meanwhile"


def test_values_read_back_as_declared(tool, adapter, collection):
    """Rounding, trimming and folding is allowed where `reads_back` says so."""
    schema = adapter.describe(collection)
    own = tool.samples(schema)
    one = next(iter(adapter.read(collection, None))).records[0]
    tried = 0
    for field in schema.fields:
        given = own.get(field.id, SAMPLES.get(field.type, ()))
        for value in () if field.read_only else [*given, *field.options[:1]] if field.type is Type.SELECT else given:
            if value is None and field.required:
                continue
            (result,) = push(adapter, collection, Change("update", {field.id: value}, id=one.id))
            if isinstance(result.error, errors.InvalidRecord):
                continue  # honest, too
            assert result.error is None
            declared, read = adapter.reads_back(field, value), now(adapter, collection, one.id).values[field.id]
            assert (read, result.record.values[field.id]) == (declared, declared), f"{field.name}: wrote {value!r}"
            tried += 1
    assert tried > 3


# --- creates happen once ----------------------------------------------------------------------------------------------


def test_new_record_is_known_as_ours(adapter, collection, can, needs, new):
    needs(can.create_once, "create_once")
    change = new("New")
    began = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    for record in (done(adapter, collection, change), now(adapter, collection, adapter_id(adapter, collection))):
        match can.create_once:
            case "marker" | "upsert":
                assert (record.marker, record.made_by_us) == (MARKER, True)
            case "search":
                assert record.made_by_us and record.created_at >= began
            case "client_id":
                assert record.id == change.id
            case "key":  # read before the same request went out again, it must not look like somebody else's
                assert record.made_by_us


def adapter_id(adapter: Adapter, collection: str) -> str:
    """Of the record that was made last."""
    title = adapter.describe(collection).title
    return next(r.id for page in adapter.read(collection, None) for r in page.records if r.values[title] == "New")


def test_new_record_is_found_by_its_marker_only(tool, adapter, collection, can, needs, new):
    needs(can.create_once in ("marker", "upsert"), "create_once by marker or upsert")
    tool.create("Somebody else's")
    made = done(adapter, collection, new("New"))
    assert [record.id for record in adapter.find(collection, [MARKER.upper(), MARKER, "nobody's"])] == [made.id]
    assert adapter.find(collection, [MARKER[:-1], ""]) == []


def test_marker_property_is_made_once_and_hidden(adapter, collection, can, needs):
    needs(can.create_once in ("marker", "upsert"), "create_once by marker or upsert")
    before = adapter.describe(collection).fields
    adapter.prepare(collection)
    adapter.prepare(collection)
    assert adapter.describe(collection).fields == before


def test_same_create_again_makes_no_second_record(tool, adapter, collection, can, needs, new):
    needs(can.create_once in ("client_id", "key", "upsert"), "create_once by id, key or upsert")
    change = new("Once")
    assert done(adapter, collection, change).id == done(tool.connect(), collection, change).id
    assert tool.titles().count("Once") == 1


def test_own_new_records_are_found_by_searching(tool, adapter, collection, can, needs, new):
    needs(can.create_once == "search", "create_once by search")
    began = dt.datetime.now(dt.UTC)
    made = done(adapter, collection, new("New"))
    tool.create("New")
    found = [r for r in adapter.find_created(collection, began - dt.timedelta(minutes=5), new("New")) if r.made_by_us]
    assert [record.id for record in found] == [made.id]


@pytest.mark.parametrize(
    ("means", "ask"),
    [
        (("marker", "upsert"), lambda one, where: one.find(where, [MARKER])),
        (("search",), lambda one, where: one.find_created(where, dt.datetime.now(dt.UTC), Change("create"))),
        (("client_id",), lambda one, where: one.new_ids(where, 1)),
    ],
)
def test_means_that_is_not_declared_is_not_there(adapter, collection, can, means, ask):
    if can.create_once in means:
        pytest.skip(f"declares: create_once {can.create_once}")
    with pytest.raises(NotImplementedError):
        ask(adapter, collection)


def test_declarations_fit_together(can):
    assert can.batch >= 1 and can.fetch_batch >= 1 and can.lag_seconds >= 0
    assert can.key_seconds > 0 or can.create_once != "key"
    assert can.delete or not can.restore, "what cannot be put away cannot be brought back"
    assert can.incremental or not can.sees_deletions
