"""Nothing is skipped: the listing, searches that end early and lag, many changes at one moment, archived records."""

from __future__ import annotations

import json

import pytest

from integrations.adapters.hubspot import reading
from integrations.adapters.hubspot.objects import FULL_NAME

NAMES = [FULL_NAME]


def read(hubspot, cursor=None, collection="contacts"):
    """(records by id, the cursor after them)"""
    found = {}
    for page in hubspot.read(collection, cursor, NAMES if collection == "contacts" else None):
        found |= {record.id: record for record in page.records}
        cursor = page.cursor or cursor
    return found, cursor


def searches(control):
    return control.log()["by_route"].get("POST /crm/v3/objects/contacts/search", 0)


def test_more_changes_than_a_search_lists_are_all_told(connect, control):
    _found, cursor = read(connect())
    control.post("search_ceiling", results=300)
    control.shift(400_000)  # seeds lie up to 5,000 minutes back
    control.seed("bulk", contacts=700)
    found, _cursor = read(connect(), cursor)
    assert len([r for r in found.values() if r.values[FULL_NAME].startswith("Contact ")]) == 700
    assert searches(control) < 10


def test_more_changes_at_one_moment_than_a_search_lists_are_all_told(connect, control):
    _found, cursor = read(connect())
    control.post("search_ceiling", results=300)
    control.shift(400_000)  # seeds lie up to 5,000 minutes back
    control.seed("bulk", contacts=900, at_once=650)
    found, _cursor = read(connect(), cursor)
    assert {f"Contact {n}" for n in range(900)} <= {r.values[FULL_NAME] for r in found.values()}


def test_reading_goes_on_from_every_page_of_a_crowd(connect, control):
    _found, cursor = read(connect())
    control.shift(400_000)  # seeds lie up to 5,000 minutes back
    control.seed("bulk", contacts=500, at_once=450)
    seen: set[str] = set()
    everything = set(read(connect(), cursor)[0])
    for page in connect().read("contacts", cursor, NAMES):
        seen |= {record.id for record in page.records}
        if page.cursor:
            assert seen | set(read(connect(), page.cursor)[0]) == everything
    assert seen == everything and len(seen) >= 500


def test_what_the_index_learns_late_is_told_late(connect, control):
    control.freeze("2026-11-01T10:00:00Z")
    known, cursor = read(connect())
    control.post("search_lag", seconds=120)
    control.advance(60)
    ident = next(iter(known))
    made = control.create_row("Contacts", **{"First name": "Late"})["id"]
    control.edit_row(ident, **{"First name": "Edited"})
    found, cursor = read(connect(), cursor)
    assert made not in found and (ident not in found or "Edited" not in found[ident].values[FULL_NAME])
    control.advance(180)
    found, cursor = read(connect(), cursor)
    assert found[made].values[FULL_NAME] == "Late" and "Edited" in found[ident].values[FULL_NAME]


def test_quiet_runs_read_nothing_again_once_the_index_has_surely_caught_up(connect, control):
    control.freeze("2026-11-01T10:00:00Z")
    _found, cursor = read(connect())
    control.create_row("Contacts", **{"First name": "New"})
    for _ in range(3):
        control.advance(reading.LAG.total_seconds() + 1)
        found, cursor = read(connect(), cursor)
    control.clear_log()
    found, _cursor = read(connect(), cursor)
    assert not found and searches(control) == 1


def test_what_is_made_behind_the_listing_is_told_afterwards(connect, control):
    control.reset()
    control.seed("bulk", contacts=250)
    made, cursor, seen = set(), None, {}
    for page in connect().read("contacts", None, NAMES):
        made.add(control.create_row("Contacts", **{"First name": "Made", "Email": f"m{len(made)}@made.example"})["id"])
        seen |= {record.id: record for record in page.records}
        cursor = page.cursor
    assert page.whole
    seen |= read(connect(), cursor)[0]
    assert made <= seen.keys() and len(seen) == 250 + len(made)


def test_archived_records_are_told_as_tombstones(connect, control):
    known, cursor = read(connect())
    gone = list(known)[:2]
    for ident in gone:
        control.trash_row(ident)
    found, cursor = read(connect(), cursor)
    assert {ident for ident, record in found.items() if record.deleted} == set(gone)
    control.shift(7200)
    _found, cursor = read(connect(), cursor)
    found, _cursor = read(connect(), cursor)
    assert not found, "what was archived long before is not told again and again"


def test_long_list_of_archived_records_is_left_to_the_whole_listings(connect, control, monkeypatch):
    known, cursor = read(connect())
    monkeypatch.setattr(reading, "ARCHIVED_PAGES", 1)  # each record is archived by a request of its own
    control.seed("bulk", contacts=120)
    for row in control.rows("Contacts", limit=200):
        if row["title"].startswith("Contact "):
            control.trash_row(row["id"])
    control.clear_log()
    found, _cursor = read(connect(), cursor)
    assert 0 < len([record for record in found.values() if record.deleted]) <= 100
    assert control.log()["by_route"]["GET /crm/v3/objects/contacts"] == 1


def test_record_that_was_restored_is_told(connect, control):
    known, cursor = read(connect())
    ident = next(iter(known))
    control.trash_row(ident)
    _found, cursor = read(connect(), cursor)
    control.restore_row(ident)
    found, _cursor = read(connect(), cursor)
    assert not found[ident].deleted


@pytest.mark.parametrize("collection", ["companies", "deals", "tasks", "2-1001"])
def test_every_type_is_read_by_its_own_time(connect, control, collection):
    known, cursor = read(connect(), collection=collection)
    ident = next(iter(known))
    name = {"companies": "Company name", "deals": "Deal name", "tasks": "Task title", "2-1001": "Project name"}[
        collection
    ]
    control.edit_row(ident, **{name: "Edited"})
    assert ident in read(connect(), cursor, collection)[0]


# --- the arithmetic -----------------------------------------------------------------------------------------------------


def row(ident, at):
    moment = reading.dt.datetime.fromtimestamp(at / 1000, reading.dt.UTC)
    return {"id": str(ident), "properties": {"x": moment.isoformat()}}


def test_results_out_of_order_skip_nothing():
    """The last of a page may be far ahead of its time: the next search begins at the earliest of the last few."""
    rows = [row(n, 1_700_000_000_000 + n) for n in range(3 * reading.SIZE)]

    def search(body):
        bound = int(body["filterGroups"][0]["filters"][0]["value"])
        found = [one for one in rows if reading._ms(reading.changed(one, "x")) >= bound][: reading.SIZE]
        if len(found) == reading.SIZE and bound < 1_700_000_000_000 + 1.5 * reading.SIZE:
            found[-1] = rows[-1]
        return found, None

    seen = {
        one["id"] for some, _cursor in reading.changes(search, "x", reading.Cursor(1_700_000_000_000)) for one in some
    }
    assert len(seen) == len(rows)


def test_cursor_survives_as_text():
    cursor = reading.Cursor(5, 6, 7, "abc")
    assert reading.Cursor.load(cursor.dump()) == cursor
    assert json.loads(reading.Cursor(5).dump()) == {"s": 5}


def test_without_a_clock_what_was_seen_tells():
    at = 1_800_000_000_000
    after = reading.settled(reading.Cursor(0, at), [at, at + 5000])
    assert after == reading.Cursor(at + 5000 - reading._span(reading.LAG))
    assert reading.settled(reading.Cursor(at)) == reading.Cursor(at), "it never goes back"
