"""Airtable's values in canonical form and back. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters import errors
from integrations.adapters.airtable import translate, write
from integrations.adapters.base import Change, Collection, NewField
from integrations.adapters.values import Type
from tests.adapters.airtable.conftest import EXAMPLES

HERE = "appAAAAAAAAAAAAAA/tblAAAAAAAAAAAAAA"
CELLS: dict[str, Any] = EXAMPLES["cells"]
EUROS = {"precision": 2, "symbol": "€"}
CHOICES = {"choices": [{"id": "sel1", "name": "Todo"}, {"id": "sel2", "name": "Done"}]}


def field(kind: str, **options: Any) -> dict[str, Any]:
    return {"id": "fldX", "name": "It", "type": kind, "options": options}


def result(kind: str, of: str) -> dict[str, Any]:
    return field(kind, result={"type": of})


def table(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"id": "tblAAAAAAAAAAAAAA", "name": "T", "primaryFieldId": fields[0]["id"], "fields": list(fields)}


def record(raw: dict[str, Any], value: Any) -> Any:
    row = {"id": "recAAAAAAAAAAAAAA", "createdTime": "2026-02-01T09:11:12.000Z", "fields": {}}
    if value is not None:
        row["fields"] = {raw["id"]: value}
    return translate.Translator(HERE, table(raw)).record(row)


def read(raw: dict[str, Any], value: Any) -> Any:
    return record(raw, value).values["fldX"]


@pytest.mark.parametrize(
    ("raw", "value", "canonical"),
    [
        (field("singleLineText"), CELLS["singleLineText"], "abc"),
        (field("multilineText"), CELLS["multilineText"], "a\nb"),
        (field("richText"), CELLS["richText"], "- item"),
        (field("richText"), "\n", None),
        (field("email"), CELLS["email"], "a@b.com"),
        (field("url"), CELLS["url"], "https://a.b"),
        (field("phoneNumber"), CELLS["phoneNumber"], "+39 011 0"),
        (field("number", precision=0), CELLS["number"], "12.5"),
        (field("number", precision=0), 0, "0"),
        (field("currency", **EUROS), CELLS["currency"], {"amount": "10.99", "currency": "EUR"}),
        (field("currency", precision=2, symbol="$"), 5, {"amount": "5", "currency": None}),
        (field("percent"), CELLS["percent"], "0.123"),
        (field("duration"), CELLS["duration"], "5400"),
        (field("rating", max=5), CELLS["rating"], 3),
        (field("checkbox"), CELLS["checkbox"], True),
        (field("checkbox"), None, False),
        (field("singleLineText"), None, None),
        (field("date"), CELLS["date"], "2026-02-01"),
        (field("dateTime"), CELLS["dateTime"], "2026-02-01T09:11:12Z"),
        (field("singleSelect", **CHOICES), CELLS["singleSelect"], "Todo"),
        (field("multipleSelects", **CHOICES), CELLS["multipleSelects"], ["One", "Two"]),
        (field("singleCollaborator"), CELLS["singleCollaborator"], "foo@bar.com"),
        (field("singleCollaborator"), {"id": "usrL2PNC5o3H4lBEi", "name": "Foo"}, "airtable:usrL2PNC5o3H4lBEi"),
        (field("multipleCollaborators"), CELLS["multipleCollaborators"], ["foo@bar.com"]),
        (field("multipleRecordLinks", linkedTableId="tblB"), CELLS["multipleRecordLinks"], ["rec560UJdUtocSouk"]),
        (
            field("multipleAttachments"),
            CELLS["multipleAttachments"],
            [{"name": "plan.pdf", "url": f"https://airtable.com/{HERE}/recAAAAAAAAAAAAAA/fldX/attOzTl4a1kZ3uX5B"}],
        ),
        (field("barcode"), CELLS["barcode"], "1234567890"),
        (result("formula", "singleLineText"), CELLS["formula_text"], "ADA / Client"),
        (result("formula", "number"), 3, "3"),
        (result("formula", "date"), "2026-02-01", "2026-02-01"),
        (field("formula"), "whatever", "whatever"),
        (result("multipleLookupValues", "email"), CELLS["multipleLookupValues"], "a@b.com"),
        (result("multipleLookupValues", "number"), [1, 2.5], "1, 2.5"),
        (result("multipleLookupValues", "singleCollaborator"), [CELLS["singleCollaborator"]], "Foo Bar"),
        (result("rollup", "number"), CELLS["rollup"], "3"),
        (result("rollup", "number"), [3], "3"),
        (field("count"), CELLS["count"], 2),
        (field("autoNumber"), CELLS["autoNumber"], 7),
        (result("createdTime", "dateTime"), CELLS["createdTime"], "2026-02-01T09:11:12Z"),
        (result("createdTime", "date"), "2026-02-01", "2026-02-01"),
        (result("lastModifiedTime", "dateTime"), CELLS["lastModifiedTime"], "2026-02-01T09:11:12Z"),
        (field("createdBy"), CELLS["createdBy"], "foo@bar.com"),
        (field("button"), CELLS["button"], "https://a.b"),
        (field("aiText"), CELLS["aiText"], "text"),
        (field("externalSyncSource"), "One", "One"),
        (field("somethingNew"), {"any": ["thing"]}, {"any": ["thing"]}),
    ],
)
def test_every_kind_of_cell_is_read(raw: dict[str, Any], value: Any, canonical: Any) -> None:
    assert read(raw, value) == canonical


@pytest.mark.parametrize("value", [CELLS["formula_error"], CELLS["formula_nan"], CELLS["formula_infinity"]])
def test_what_could_not_be_computed_is_unfit_and_not_empty(value: Any) -> None:
    one = record(result("formula", "number"), value)
    assert "fldX" not in one.values and "could not compute" in one.unfit["fldX"]


def test_what_cannot_be_stored_is_unfit_and_says_what_to_do() -> None:
    told = record(field("multipleAttachments"), [{"id": "att1", "filename": "a\x00.pdf", "url": "https://a.example"}])
    assert (dict(told.values), "take it out" in told.unfit["fldX"]) == ({}, True)
    assert read(result("formula", "singleLineText"), ["a\x00", "b"]) == "a, b"


def test_several_values_where_one_is_expected_are_unfit() -> None:
    assert "fldX" in record(result("rollup", "number"), [1, 2]).unfit


@pytest.mark.parametrize("kind", sorted(EXAMPLES["fields"]))
def test_every_recorded_field_is_described(kind: str) -> None:
    raw = EXAMPLES["fields"][kind]
    here = Collection(HERE, "T")
    (described,) = translate.to_schema(here, table(raw), "appAAAAAAAAAAAAAA", True).fields
    assert (described.id, described.name) == (raw["id"], raw["name"])
    assert described.read_only is (raw["type"] not in write.WRITERS)
    assert described.note or not described.read_only


def test_selects_and_links_are_described_with_what_they_may_hold() -> None:
    fields = EXAMPLES["fields"]
    here = Collection(HERE, "T")
    select, link = translate.to_schema(
        here, table(fields["SingleSelect"], fields["MultipleRecordLinks"]), "appB", True
    ).fields
    assert (select.options, select.creates_options) == (("Todo", "In progress", "Done"), True)
    assert (link.target, link.many) == ("appB/tblFgcHgyO7LlhgUe", True)
    (locked,) = translate.to_schema(here, table(fields["SingleSelect"]), "appB", False).fields
    assert locked.read_only and not locked.creates_options


def test_a_field_that_is_gone_is_a_changed_schema_and_not_empty() -> None:
    with pytest.raises(errors.SchemaChanged) as caught:
        translate.Translator(HERE, table(field("number")), ["fldX", "fldGone"])
    assert caught.value.fields == ("fldGone",)


def test_an_answer_to_a_write_says_nothing_of_absent_cells_that_were_not_sent() -> None:
    raw = [{**field("number"), "id": "fldA"}, {**field("number"), "id": "fldB"}, {**field("number"), "id": "fldC"}]
    row = {"id": "recA", "createdTime": "2026-02-01T09:11:12.000Z", "fields": {"fldA": 1}}
    assert translate.Translator(HERE, table(*raw)).record(row, told=["fldB"]).values == {"fldA": "1", "fldB": None}


@pytest.mark.parametrize(
    ("raw", "value", "sent"),
    [
        (field("singleLineText"), "abc", "abc"),
        (field("singleLineText"), None, None),
        (field("number"), "12.5", 12.5),
        (field("number"), "-7", -7),
        (field("currency", **EUROS), {"amount": "10.99", "currency": "EUR"}, 10.99),
        (field("currency", **EUROS), {"amount": "10.99", "currency": None}, 10.99),
        (field("rating", max=5), 3, 3),
        (field("checkbox"), None, False),
        (field("checkbox"), True, True),
        (field("date"), "2026-02-01", "2026-02-01"),
        (field("dateTime"), "2026-02-01T09:11:12Z", "2026-02-01T09:11:12Z"),
        (field("multipleSelects", **CHOICES), ["Done", "Todo"], ["Done", "Todo"]),
        (field("singleCollaborator"), "foo@bar.com", {"email": "foo@bar.com"}),
        (field("singleCollaborator"), "airtable:usrX", {"id": "usrX"}),
        (field("multipleCollaborators"), ["foo@bar.com"], [{"email": "foo@bar.com"}]),
        (field("multipleRecordLinks"), ["rec1"], ["rec1"]),
        (
            field("multipleAttachments"),
            [
                {"name": "kept.pdf", "url": f"https://airtable.com/{HERE}/recB/fldX/attOzTl4a1kZ3uX5B"},
                {"name": "new.pdf", "url": "https://files.example/new.pdf"},
            ],
            [{"id": "attOzTl4a1kZ3uX5B"}, {"url": "https://files.example/new.pdf", "filename": "new.pdf"}],
        ),
        (field("barcode"), "123", {"text": "123"}),
    ],
)
def test_every_kind_of_value_is_written(raw: dict[str, Any], value: Any, sent: Any) -> None:
    assert write.to_cells(Change("update", {"fldX": value}), {"fldX": raw}) == {"fldX": sent}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (field("number"), "many"),
        (field("number"), "0.12345678901234567"),
        (field("singleLineText"), "x" * 100_001),
        (field("rating", max=5), 6),
        (field("rating", max=5), 0),
        (field("currency", **EUROS), {"amount": "1", "currency": "USD"}),
        (field("singleCollaborator"), ["a@b.c", "d@e.f"]),
        (result("formula", "number"), "1"),
        (field("somethingNew"), "1"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(raw: dict[str, Any], value: Any) -> None:
    with pytest.raises(errors.InvalidRecord) as caught:
        write.to_cells(Change("update", {"fldX": value}), {"fldX": raw})
    assert caught.value.field == "fldX"


def test_typecast_is_for_options_that_were_asked_for_only() -> None:
    fields = {"fldX": field("singleSelect", **CHOICES), "fldY": {**field("multipleSelects", **CHOICES), "id": "fldY"}}

    def change(x: str, y: list[str], *new: str) -> Change:
        return Change("update", {"fldX": x, "fldY": y}, new_options=frozenset(new))

    assert not write.makes_options(change("Todo", ["Done"], "fldX"), fields)
    assert not write.makes_options(change("New", ["Done"]), fields)
    assert write.makes_options(change("New", ["Done"], "fldX"), fields)
    assert write.makes_options(change("Todo", ["Done", "New"], "fldY"), fields)
    with pytest.raises(errors.InvalidRecord) as caught:  # it would be made, too
        write.to_cells(change("New", ["Also new"], "fldX"), fields)
    assert caught.value.field == "fldY"


@pytest.mark.parametrize("kind", list(Type))
def test_a_field_of_every_type_can_be_made(kind: Type) -> None:
    made = write.to_field(NewField("New", kind, ("A",), "appB/tblC"))
    assert made["name"] == "New" and made["type"] in write.WRITERS
    assert made.get("options", {}).get("linkedTableId", "tblC") == "tblC"
