"""Notion's values in canonical form and back. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.adapters import errors, values
from integrations.adapters.base import Collection
from integrations.adapters.notion import translate, write
from integrations.adapters.values import Type

ADA, GRACE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
ONE = {"type": "number", "number": 1}
MEMBERS = {"ada@acme.example": ADA}


def run(text: str) -> dict[str, Any]:
    return {"type": "text", "plain_text": text, "text": {"content": text}}


def page(**properties: Any) -> dict[str, Any]:
    """A page as Notion answers it; each property's id is its name with "id-" before it."""
    return {
        "object": "page",
        "id": "p1",
        "created_time": "2026-09-15T09:00:00.000Z",
        "last_edited_time": "2026-09-15T09:07:00.000Z",
        "created_by": {"object": "user", "id": GRACE},
        "in_trash": False,
        "url": "https://app.notion.com/p/x",
        "properties": {
            name: {"id": f"id-{name}", "type": kind, kind: value} for name, (kind, value) in properties.items()
        },
    }


def person(user: Any) -> str:
    return {ADA: "ada@acme.example"}.get(user["id"], f"notion:{user['id']}")


def read(kind: str, value: Any) -> Any:
    record, _ = translate.Translator(person).record(page(it=(kind, value)), lambda: "bot")
    return record.values["id-it"] if not record.unfit else record.unfit


@pytest.mark.parametrize(
    ("kind", "value", "canonical"),
    [
        ("title", [], None),
        ("title", [run("Ada"), run(" Lovelace")], "Ada Lovelace"),
        ("rich_text", [run("a\r\nb")], "a\nb"),
        ("rich_text", [run("\x00")], None),
        ("number", None, None),
        ("number", 12, "12"),
        ("number", 12.0, "12"),
        ("number", 0.25, "0.25"),
        ("number", -0.0, "0"),
        ("number", 1e21, "1000000000000000000000"),
        ("number", 1e-7, "0.0000001"),
        ("select", None, None),
        ("select", {"id": "x", "name": "Lead", "color": "red"}, "Lead"),
        ("status", {"id": "x", "name": "Done", "color": "red"}, "Done"),
        ("multi_select", [], None),
        ("multi_select", [{"name": "b"}, {"name": "a"}], ["a", "b"]),
        ("checkbox", False, False),
        ("url", None, None),
        ("email", "Ada@acme.example", "Ada@acme.example"),
        ("phone_number", "+33 1", "+33 1"),
        ("date", None, None),
        ("date", {"start": "2026-09-15", "end": None}, "2026-09-15"),
        ("date", {"start": "2026-09-15T09:00:00.000+00:00", "end": None}, "2026-09-15T09:00:00Z"),
        ("date", {"start": "2026-09-15T09:00:00.000+02:00", "end": None}, "2026-09-15T07:00:00Z"),
        ("date", {"start": "2026-09-15T09:00:00.250Z", "end": None}, "2026-09-15T09:00:00.25Z"),
        ("date", {"start": "2026-09-15T09:00:00", "end": None, "time_zone": "Europe/Rome"}, "2026-09-15T07:00:00Z"),
        ("date", {"start": "2026-09-15T09:00:00", "end": None, "time_zone": None}, "2026-09-15T09:00:00Z"),
        ("people", [], None),
        ("people", [{"id": GRACE}, {"id": ADA}], ["ada@acme.example", f"notion:{GRACE}"]),
        ("relation", [{"id": "b"}, {"id": "a"}], ["a", "b"]),
        ("files", [], None),
        ("unique_id", {"prefix": "CON", "number": 7}, "CON-7"),
        ("unique_id", {"prefix": None, "number": 7}, "7"),
        ("created_time", "2026-09-15T09:00:00.000Z", "2026-09-15T09:00:00Z"),
        ("last_edited_by", {"object": "user", "id": ADA}, "ada@acme.example"),
        ("formula", {"type": "string", "string": "x"}, "x"),
        ("formula", {"type": "string", "string": ""}, None),
        ("formula", {"type": "boolean", "boolean": False}, "false"),
        ("formula", {"type": "number", "number": 2.5}, "2.5"),
        ("formula", {"type": "date", "date": {"start": "2026-09-15", "end": None}}, "2026-09-15"),
        ("rollup", {"type": "number", "number": 3, "function": "count"}, "3"),
        ("rollup", {"type": "array", "array": [{"type": "title", "title": [run("A")]}, ONE], "function": "x"}, "A, 1"),
        ("verification", {"state": "unverified"}, {"state": "unverified"}),
        ("a_type_of_next_year", {"x": 1}, {"x": 1}),
    ],
)  # fmt: skip
def test_each_type_has_its_canonical_form(kind: str, value: Any, canonical: Any) -> None:
    assert read(kind, value) == canonical


@pytest.mark.parametrize("kind", ["formula", "rollup"])
def test_a_result_that_notion_does_not_tell_is_unfit_and_not_empty(kind: str) -> None:
    record, _ = translate.Translator(person).record(page(it=(kind, {"type": "unsupported"})), lambda: "bot")
    assert record.values == {}
    assert "does not tell" in record.unfit["id-it"]


def test_the_end_of_a_range_is_a_field_of_its_own() -> None:
    span = {"start": "2026-09-15", "end": "2026-09-17", "time_zone": None}
    record, _ = translate.Translator(person).record(page(When=("date", span)), lambda: "bot")
    assert record.values == {"id-When": "2026-09-15", "id-When:end": "2026-09-17"}


def test_the_signature_of_a_hosted_file_is_not_part_of_its_value() -> None:
    hosted = {
        "name": "a.pdf",
        "type": "file",
        "file": {"url": "https://files.example/a.pdf?X-Sig=1", "expiry_time": "x"},
    }
    linked = {"name": "b", "type": "external", "external": {"url": "https://b.example/?id=1"}}
    assert read("files", [hosted, linked]) == [
        {"name": "a.pdf", "url": "https://files.example/a.pdf"},
        {"name": "b", "url": "https://b.example/?id=1"},
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("files", [{"name": "a\x00.pdf", "type": "external", "external": {"url": "https://b.example/"}}]),
        ("verification", {"state": ["\x00"]}),
        ("a_type_of_next_year", {"\x00": 1}),
    ],
)
def test_what_cannot_be_stored_is_unfit_and_says_what_to_do(kind: str, value: Any) -> None:
    record, _ = translate.Translator(person).record(page(it=(kind, value), Name=("title", [run("Ada")])), lambda: "bot")
    assert record.values == {"id-Name": "Ada"}
    assert "take it out" in record.unfit["id-it"]


def test_the_marker_is_read_and_kept_from_the_fields() -> None:
    translator = translate.Translator(person)
    properties = {"Name": ("title", []), translate.MARKER: ("rich_text", [run("m-1")])}
    record, _ = translator.record(page(**properties), lambda: GRACE)
    assert (record.marker, record.made_by_us, set(record.values)) == ("m-1", True, {"id-Name"})
    duplicate, _ = translator.record(page(**properties), lambda: "somebody else")
    assert duplicate.made_by_us is False


def test_a_swap_of_two_names_while_reading_does_not_swap_their_values() -> None:
    translator = translate.Translator(person)
    one = page(A=("number", 1), B=("number", 2))
    translator.record(one, lambda: "bot")
    two = page(A=("number", 2), B=("number", 1))
    two["properties"]["A"]["id"], two["properties"]["B"]["id"] = "id-B", "id-A"
    assert translator.record(two, lambda: "bot")[0].values == {"id-A": "1", "id-B": "2"}


def test_a_changed_type_while_reading_is_noticed() -> None:
    translator = translate.Translator(person)
    translator.record(page(A=("number", 1)), lambda: "bot")
    assert translator.record(page(A=("rich_text", [run("1")])), lambda: "bot")[0].values == {"id-A": "1"}


def test_a_field_that_was_asked_for_and_is_gone_is_a_changed_schema() -> None:
    with pytest.raises(errors.SchemaChanged) as caught:
        translate.Translator(person, ["id-A", "id-Gone:end"]).record(page(A=("number", 1)), lambda: "bot")
    assert caught.value.fields == ("id-Gone",)


def test_an_undocumented_page_is_a_changed_schema() -> None:
    with pytest.raises(errors.SchemaChanged):
        translate.Translator(person).record({"object": "page", "id": "x"}, lambda: "bot")


def test_lists_that_are_shown_in_part_are_named() -> None:
    full = {"has_more": True, "id": "id-R", "type": "relation", "relation": [{"id": "a"}]}
    shown = page(P=("people", [{"object": "user", "id": str(n)} for n in range(25)]), Q=("people", []))
    shown["properties"]["R"] = full
    _, partial = translate.Translator(person).record(shown, lambda: "bot")
    assert sorted(partial) == [("id-P", "people"), ("id-R", "relation")]


KINDS = [
    *"title rich_text number select multi_select status date checkbox url email phone_number people relation".split(),
    *"files formula rollup created_time last_edited_time created_by last_edited_by unique_id button".split(),
    *"verification place of_next_year".split(),
]


def test_every_type_is_described_and_computed_ones_are_read_only() -> None:
    properties = {kind: {"id": f"id-{kind}", "type": kind, kind: {}} for kind in KINDS}
    properties[translate.MARKER] = {"id": "m", "type": "rich_text", "rich_text": {}}
    schema = translate.to_schema(Collection("c", "C"), properties)
    read_only = {field.name for field in schema.fields if field.read_only}
    assert read_only == set(KINDS[KINDS.index("formula") :])
    assert all(field.note for field in schema.fields if field.read_only)
    assert schema.title == "id-title"
    assert schema.field("id-date:end") is not None
    assert schema.field("m") is None


# --- writing ------------------------------------------------------------------------------------------------------


def body(kind: str, value: Any, *, current: Any = None, **config: Any) -> Any:
    properties = {"f": {"id": "f", "name": "F", "type": kind, kind: config}}
    now = {"properties": {"F": {"id": "f", "type": kind, kind: current}}} if current is not None else None
    return write.to_properties({"f": value}, properties, now, MEMBERS.get)["f"][kind]


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("title", None, []),
        ("number", "12", 12),
        ("number", "0.1", 0.1),
        ("number", None, None),
        ("checkbox", None, False),
        ("url", None, None),
        ("email", "", None),
        ("select", "Lead", {"name": "Lead"}),
        ("select", None, None),
        ("multi_select", ["a"], [{"name": "a"}]),
        ("multi_select", None, []),
        ("date", "2026-09-15", {"start": "2026-09-15"}),
        ("date", "2026-09-15T09:00:00Z", {"start": "2026-09-15T09:00:00Z"}),
        ("date", None, None),
        ("people", ["ada@acme.example"], [{"object": "user", "id": ADA}]),
        ("relation", ["a"], [{"id": "a"}]),
        ("files", [{"name": "b", "url": "https://b.example"}], [{"name": "b", "type": "external", "external": {"url": "https://b.example"}}]),
    ],
)  # fmt: skip
def test_each_type_is_written_as_notion_takes_it(kind: str, value: Any, sent: Any) -> None:
    assert body(kind, value) == sent


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("number", "9007199254740993", "more digits"),
        ("number", "1e400", "more digits"),
        ("number", "many", "not a number"),
        ("checkbox", "yes", "neither"),
        ("url", "https://x.example/" + "x" * 2000, "2,000"),
        ("email", "x" * 101, "100"),
        ("phone_number", "1" * 101, "100"),
        ("select", "a, b", "comma"),
        ("multi_select", ["a", "b,c"], "comma"),
        ("multi_select", [str(n) for n in range(101)], "100"),
        ("select", "x" * 101, "100"),
        ("people", ["nobody@acme.example"], "not a member of this Notion workspace"),
        ("relation", [str(n) for n in range(101)], "100"),
        ("title", "x" * 200_001, "200,000"),
        ("formula", "x", "read-only"),
        ("files", [{"name": "a", "url": "https://prod-files-secure.s3.us-west-2.amazonaws.com/a"}], "kept by Notion"),
    ],
)
def test_what_notion_would_refuse_or_spoil_is_refused_with_its_field(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(errors.InvalidRecord) as caught:
        body(kind, value)
    assert reason in caught.value.reason
    assert caught.value.field == "f"


def test_an_unknown_status_is_refused_and_a_known_one_is_not() -> None:
    options = [{"name": "To do"}, {"name": "Done"}]
    assert body("status", "Done", options=options) == {"name": "Done"}
    with pytest.raises(errors.InvalidRecord, match="To do, Done"):
        body("status", "Lost", options=options)


def test_a_person_without_an_address_is_written_back_by_id() -> None:
    properties = {"f": {"id": "f", "name": "F", "type": "people", "people": {}}}
    sent = write.to_properties({"f": [f"notion:{GRACE}"]}, properties, None, lambda name: name.removeprefix("notion:"))
    assert sent["f"] == {"people": [{"object": "user", "id": GRACE}]}


def test_a_hosted_file_is_kept_by_sending_it_back() -> None:
    hosted = {"name": "a.pdf", "type": "file", "file": {"url": "https://files.example/a.pdf?sig=1", "expiry_time": "t"}}
    kept = body("files", [{"name": "a.pdf", "url": "https://files.example/a.pdf"}], current=[hosted])
    assert kept == [{"name": "a.pdf", "type": "file", "file": hosted["file"]}]


SPAN = {"start": "2026-09-15", "end": "2026-09-17"}


@pytest.mark.parametrize(
    ("changed", "sent"),
    [
        ({"f": "2026-09-16"}, {"start": "2026-09-16", "end": "2026-09-17"}),
        ({"f:end": "2026-09-20"}, {"start": "2026-09-15", "end": "2026-09-20"}),
        ({"f:end": None}, {"start": "2026-09-15"}),
        ({"f": None}, None),
        ({"f": "2027-01-01", "f:end": "2027-01-02"}, {"start": "2027-01-01", "end": "2027-01-02"}),
    ],
)
def test_writing_half_of_a_range_keeps_the_other_half(changed: dict[str, Any], sent: Any) -> None:
    properties = {"f": {"id": "f", "name": "F", "type": "date", "date": {}}}
    now = {"properties": {"F": {"id": "f", "type": "date", "date": SPAN}}}
    assert write.to_properties(changed, properties, now, MEMBERS.get) == {"f": {"date": sent}}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"f": "2026-10-01"}, "f"),
        ({"f": "2026-09-15T09:00:00Z"}, "f"),
        ({"f": None, "f:end": "2026-10-01"}, "f:end"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(changed: dict[str, Any], field: str) -> None:
    properties = {"f": {"id": "f", "name": "F", "type": "date", "date": {}}}
    now = {"properties": {"F": {"id": "f", "type": "date", "date": SPAN}}}
    with pytest.raises(errors.InvalidRecord) as caught:
        write.to_properties(changed, properties, now, MEMBERS.get)
    assert caught.value.field == field


def test_a_field_that_is_gone_is_a_changed_schema() -> None:
    with pytest.raises(errors.SchemaChanged) as caught:
        write.to_properties({"gone": "x"}, {}, None, MEMBERS.get)
    assert caught.value.fields == ("gone",)


def test_2001_characters_are_two_runs() -> None:
    assert [len(piece) for piece in write.runs("x" * 2001)] == [2000, 1]


def test_an_emoji_is_never_cut() -> None:
    pieces = write.runs("x" * 1999 + "🙂" + "y")
    assert pieces == ["x" * 1999, "🙂y"]


@given(st.text(alphabet=st.sampled_from("a🙂é\n𝄞")).map(lambda text: text * 400))
def test_runs_are_short_enough_and_join_to_the_text(text: str) -> None:
    pieces = write.runs(text)
    assert "".join(pieces) == text
    assert all(0 < len(piece.encode("utf-16-le")) // 2 <= write.RUN_UNITS for piece in pieces)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_the_way_there_and_back(number: float) -> None:
    canonical = translate.number(number)
    assert canonical == values.canonical(Type.DECIMAL, canonical)
    assert translate.number(body("number", canonical)) == canonical


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_survives_too(number: int) -> None:
    assert translate.number(body("number", str(number))) == str(number)
