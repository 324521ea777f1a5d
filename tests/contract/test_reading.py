"""What every adapter promises about reading. A test that does not apply is left out, with the capability that it would need."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Adapter, Record
from integrations.adapters.registry import adapters
from integrations.adapters.values import Type
from tests.contract.conftest import brought

MANY = 250  # more than any page


def listing(
    adapter: Adapter, collection: str, cursor: str | None = None, **more: Any
) -> tuple[list[Record], str, bool]:
    pages = list(adapter.read(collection, cursor, **more))
    assert pages and pages[-1].cursor is not None, "the last page carries a cursor, also when nothing changed"
    return [record for page in pages for record in page.records], pages[-1].cursor, pages[-1].whole


def titles(adapter: Adapter, collection: str, records: list[Record]) -> list[str]:
    title = adapter.describe(collection).title
    return sorted(str(record.values[title]) for record in records if not record.deleted)


@pytest.mark.parametrize("slug", sorted(adapters()))
def test_adapter_brings_its_harness(slug):
    assert brought(slug) is not None


# --- account and schema -----------------------------------------------------------------------------------------------


def test_account_is_named_and_stays_the_same(tool):
    first, second = tool.connect().check(), tool.connect().check()
    assert first.id and first.name and first.id == second.id


def test_collection_is_found_and_described(tool, adapter, collection):
    schema = adapter.describe(collection)
    assert (schema.collection.id, schema.collection.name) == (collection, tool.table)
    ids = [field.id for field in schema.fields]
    assert len(ids) == len(set(ids))
    assert schema.title in ids and not schema.field(schema.title).read_only
    assert all(isinstance(field.type, Type) for field in schema.fields)


def test_collection_that_is_not_shared_any_more_is_not_found(tool, adapter, collection):
    known = listing(adapter, collection)[0][0].id
    tool.take_away()
    fresh = tool.connect()
    for ask in (fresh.describe, lambda one: list(fresh.read(one, None)), lambda one: fresh.fetch(one, [known])):
        with pytest.raises(errors.NotFound):
            ask(collection)


# --- listings ---------------------------------------------------------------------------------------------------------


def test_listing_is_whole(tool, adapter):
    tool.reset(MANY)
    collection = tool.collection(adapter)
    pages = list(adapter.read(collection, None))
    assert [page.whole for page in pages] == [False] * (len(pages) - 1) + [True]
    found = list({record.id: record for page in pages for record in page.records}.values())  # twice is harmless
    assert titles(adapter, collection, found) == sorted(tool.titles())


def test_listing_goes_on_from_every_page_after_a_crash(tool, adapter):
    tool.reset(MANY)
    collection = tool.collection(adapter)
    seen: set[str] = set()
    everything = {record.id for record in listing(adapter, collection)[0]}
    for page in adapter.read(collection, None):
        seen |= {record.id for record in page.records}
        if page.cursor is not None:
            rest, _cursor, _whole = listing(tool.connect(), collection, page.cursor)
            assert seen | {record.id for record in rest} == everything
    assert seen == everything and len(seen) == MANY


def test_wanted_fields_are_told(adapter, collection):
    title = adapter.describe(collection).title
    assert [title in record.values for record in listing(adapter, collection, fields=[title])[0]] == [True] * 3


def test_records_say_what_the_engine_needs(adapter, collection, can):
    records = listing(adapter, collection)[0]
    assert len(records) == 3
    for record in records:
        assert record.id and not record.deleted and not record.made_by_us
        assert record.edited_at is None or record.edited_at.tzinfo is not None
        assert record.version or not can.versions
        assert record.created_at or not (can.tells_created or can.create_once == "search")


# --- increments -------------------------------------------------------------------------------------------------------


def test_increment_shows_what_was_made_and_edited(tool, adapter, collection, can, needs):
    needs(can.incremental, "incremental")
    records, cursor, _whole = listing(adapter, collection)
    tool.edit(records[0].id, "Edited")
    made = tool.create("Made")
    changed, cursor, whole = listing(tool.connect(), collection, cursor)
    assert {records[0].id, made} <= {record.id for record in changed} and not whole
    assert {"Edited", "Made"} <= set(titles(adapter, collection, changed))


def test_increment_that_shows_nothing_new_goes_on_in_the_same_place(adapter, collection, can, needs):
    needs(can.incremental, "incremental")
    _records, cursor, _whole = listing(adapter, collection)
    for _ in range(3):
        changed, cursor, _whole = listing(adapter, collection, cursor)
    assert len(changed) <= 3


def test_edits_at_the_same_moment_are_all_shown(tool, adapter, collection, can, needs):
    needs(can.incremental, "incremental")
    records, cursor, _whole = listing(adapter, collection)
    tool.stop_the_clock()
    for number, record in enumerate(records):
        tool.edit(record.id, f"Edited {number}")
        changed, cursor, _whole = listing(tool.connect(), collection, cursor)
        assert f"Edited {number}" in titles(adapter, collection, changed)


def test_what_is_edited_while_it_is_listed_is_shown_in_the_end(tool, adapter, can, needs):
    needs(can.incremental, "incremental")
    tool.reset(MANY)
    collection = tool.collection(adapter)
    everything = listing(adapter, collection)[0]
    seen, cursor = {}, None
    for number, page in enumerate(adapter.read(collection, None)):
        seen |= {record.id: record for record in page.records}
        cursor = page.cursor or cursor
        for record in (everything[number], everything[-1 - number]):
            tool.edit(record.id, f"Edited {number}")
    seen |= {record.id: record for record in listing(adapter, collection, cursor)[0]}
    assert titles(adapter, collection, list(seen.values())) == sorted(tool.titles())


def test_increment_shows_tombstones(tool, adapter, collection, can, needs):
    needs(can.incremental, "incremental")
    needs(can.sees_deletions, "sees_deletions")
    records, cursor, _whole = listing(adapter, collection)
    tool.trash(records[0].id)
    changed, _cursor, _whole = listing(tool.connect(), collection, cursor)
    assert [record.deleted for record in changed if record.id == records[0].id] == [True]


def test_listing_leaves_out_what_lies_in_the_trash(tool, adapter, collection):
    records = listing(adapter, collection)[0]
    tool.trash(records[0].id)
    found = {record.id: record for record in listing(adapter, collection)[0]}
    assert records[0].id not in found or found[records[0].id].deleted


# --- by id ------------------------------------------------------------------------------------------------------------


def test_fetch_tells_trashed_and_leaves_out_what_nobody_knows(tool, adapter, collection):
    one, two, three = [record.id for record in listing(adapter, collection)[0]]
    tool.trash(one)
    tool.erase(two)
    found = {record.id: record.deleted for record in adapter.fetch(collection, [one, two, three])}
    assert found.pop(two, True)  # erased for good; who shows no trash tells both the same
    assert found == {one: True, three: False}


def test_fetch_and_listing_tell_the_same(adapter, collection):
    listed = {record.id: record for record in listing(adapter, collection)[0]}
    fetched = {record.id: record for record in adapter.fetch(collection, list(listed))}

    def told(records: dict[str, Record]) -> dict[str, Any]:
        return {ident: (dict(one.values), one.version, one.edited_at) for ident, one in records.items()}

    assert told(fetched) == told(listed) and len(listed) == 3
