"""The practice tool's own ways: nearly none, for it keeps canonical values. What it is told is checked all the same."""

from __future__ import annotations

import datetime as dt

import pytest

from integrations.adapters import errors
from integrations.adapters.practice import translate
from integrations.adapters.values import Type, Unfit, canonical

TABLE = {
    "id": "people",
    "name": "People",
    "fields": [
        {"id": "name", "name": "Name", "type": "text", "required": True},
        {"id": "score", "name": "Score", "type": "decimal"},
        {"id": "vip", "name": "VIP", "type": "boolean"},
        {"id": "stage", "name": "Stage", "type": "select", "options": ["Lead"]},
        {"id": "firm", "name": "Firm", "type": "relation", "target": "companies"},
        {"id": "map", "name": "Map", "type": "hologram"},
    ],
}
RECORD = {
    "id": "p01",
    "fields": {"name": "Ada", "score": "12.50", "vip": False, "stage": "Lead", "firm": ["c01"], "map": None},
    "version": 3,
    "created_at": "2026-05-04T10:00:00+00:00",
    "edited_at": "2026-05-04T10:00:01+00:00",
    "edited_by": "Grace",
    "deleted": False,
    "external_id": None,
}


@pytest.fixture
def schema():
    return translate.to_schema(TABLE)


def test_table_is_described(schema):
    assert (schema.title, schema.field("name").required, schema.field("stage").creates_options) == ("name", True, True)
    assert (schema.field("firm").target, schema.field("firm").many) == ("companies", False)
    unknown = schema.field("map")
    assert (unknown.type, unknown.read_only) == (Type.JSON, True)


def test_row_becomes_a_record(schema):
    record = translate.to_record(RECORD, schema)
    assert record.values == {
        "name": "Ada",
        "score": "12.5",
        "vip": False,
        "stage": "Lead",
        "firm": ["c01"],
        "map": None,
    }
    assert (record.version, record.made_by_us, record.edited_by) == ("3", False, "Grace")
    assert record.edited_at == dt.datetime(2026, 5, 4, 10, 0, 1, tzinfo=dt.UTC)


def test_row_that_we_made_is_known(schema):
    record = translate.to_record(RECORD | {"external_id": "ours"}, schema)
    assert (record.marker, record.made_by_us) == ("ours", True)


def test_cell_that_is_not_told_is_not_empty(schema):
    assert "score" not in translate.to_record(RECORD | {"fields": {"name": "Ada"}}, schema).values


def test_cell_without_canonical_form_says_why(schema):
    record = translate.to_record(RECORD | {"fields": {"score": "many"}}, schema)
    assert "score" not in record.values and "many" in record.unfit["score"]


@pytest.mark.parametrize("broken", [{}, {**RECORD, "edited_at": "yesterday"}, {**RECORD, "fields": None}])
def test_answer_that_is_not_as_documented_is_told(broken, schema):
    with pytest.raises(errors.SchemaChanged):
        translate.to_record(broken, schema)


def test_value_that_the_field_cannot_hold_is_refused(schema):
    with pytest.raises(errors.InvalidRecord) as caught:
        translate.to_cell(schema.field("score"), "many")
    assert caught.value.field == "score"


def test_column_that_is_gone_stops_the_stream():
    with pytest.raises(errors.SchemaChanged):
        translate.to_cell(None, "x")


@pytest.mark.parametrize(
    ("field", "value", "read"), [("vip", None, False), ("score", "3.0", "3"), ("score", "many", "many")]
)
def test_what_is_written_reads_back_in_its_canonical_form(schema, field, value, read):
    assert translate.reads_back(schema.field(field), value) == read


@pytest.mark.parametrize(("kind", "value"), [("file", [{"name": "a\x00", "url": ""}]), ("json", {"a": [{"\x00": 1}]})])
def test_what_cannot_be_stored_is_unfit_and_the_rest_of_the_row_is_read(kind, value):
    schema = translate.to_schema(TABLE | {"fields": [*TABLE["fields"], {"id": "odd", "name": "Odd", "type": kind}]})
    record = translate.to_record(RECORD | {"fields": RECORD["fields"] | {"odd": value}}, schema)
    assert "take it out" in record.unfit["odd"]
    assert record.values["name"] == "Ada" and "odd" not in record.values


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (Type.PERSON, "Ada@x\x00.example", "ada@x.example"),
        (Type.PERSON, ["\x00", "b@x.example"], ["b@x.example"]),
        (Type.MONEY, {"amount": 1, "currency": "E\x00"}, None),
        (Type.FILE, [], None),
        (Type.JSON, {"a": "\\u0000"}, {"a": "\\u0000"}),
    ],
)
def test_no_canonical_value_holds_what_no_database_stores(kind, value, kept):
    if kept is None and value:
        with pytest.raises(Unfit):
            canonical(kind, value)
    else:
        assert canonical(kind, value) == kept
