"""The metadata API: bases, tables, and fields made on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.airtable import errors
from integrations.sandbox.airtable.model import COMPUTED, Field, Table, fixed_id, new_id, new_option
from integrations.sandbox.calls import Answer, Routes, json_answer

if TYPE_CHECKING:
    from integrations.sandbox.airtable.api import Asked
    from integrations.sandbox.airtable.world import AirtableWorld

BASES_PER_PAGE = 1000

#: What `options` must hold for a field to be created.
REQUIRED: dict[str, tuple[str, ...]] = {
    "singleLineText": (), "multilineText": (), "richText": (), "email": (), "url": (), "phoneNumber": (),
    "multipleAttachments": (), "singleCollaborator": (), "multipleCollaborators": (), "barcode": (),
    "number": ("precision",),
    "currency": ("precision", "symbol"),
    "percent": ("precision",),
    "checkbox": ("icon", "color"),
    "rating": ("icon", "max", "color"),
    "date": ("dateFormat",),
    "dateTime": ("dateFormat", "timeFormat", "timeZone"),
    "duration": ("durationFormat",),
    "singleSelect": ("choices",),
    "multipleSelects": ("choices",),
    "multipleRecordLinks": ("linkedTableId",),
}  # fmt: skip
PRIMARY = ("singleLineText", "multilineText", "email", "url", "phoneNumber", "number", "currency", "percent",
           "duration", "date", "dateTime", "barcode", "autoNumber", "formula")  # fmt: skip


class FieldsApi:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/v0/meta/bases", self.bases)
        routes.add("GET", "/v0/meta/bases/{base}/tables", self.tables)
        routes.add("POST", "/v0/meta/bases/{base}/tables", self.create_table)
        routes.add("POST", "/v0/meta/bases/{base}/tables/{table}/fields", self.create_field)

    def bases(self, asked: Asked) -> Answer:
        asked.need("schema.bases:read")
        seen = [base for base in self.world.bases.values() if self.world.sees(asked.token, base.id)]
        start = int(asked.call.param("offset") or 0)
        level = asked.token["level"]
        told = [{"id": base.id, "name": base.name, "permissionLevel": level} for base in seen]
        answer: dict[str, Any] = {"bases": told[start : start + BASES_PER_PAGE]}
        if start + BASES_PER_PAGE < len(told):
            answer["offset"] = str(start + BASES_PER_PAGE)
        return json_answer(answer)

    def tables(self, asked: Asked, base: str) -> Answer:
        asked.need("schema.bases:read")
        asked.base(base)
        return json_answer({"tables": [described(table) for table in self.world.tables_of(base)]})

    def create_table(self, asked: Asked, base: str) -> Answer:
        asked.need("schema.bases:write")
        asked.base(base)
        asked.need("schema.bases:write", "create")
        name, fields = asked.body.get("name"), asked.body.get("fields")
        if not isinstance(name, str) or not name or not isinstance(fields, list) or not fields:
            raise errors.bad_request()
        if any(table.name == name for table in self.world.tables_of(base)):
            raise errors.refused("DUPLICATE_TABLE_NAME", f'Table name "{name}" already exists')
        if fields[0].get("type") not in PRIMARY:
            raise errors.refused("UNSUPPORTED_FIELD_TYPE_FOR_PRIMARY_FIELD")
        table = Table(new_id("tbl"), base, name, "", {})
        self.world.tables[table.id] = table
        try:
            for spec in fields:
                made = make_field(self.world, table, spec)
                table.primary = table.primary or made["id"]
        except errors.AirtableError:
            del self.world.tables[table.id]
            raise
        self.world.save(table)
        return json_answer(described(table))

    def create_field(self, asked: Asked, base: str, table: str) -> Answer:
        asked.need("schema.bases:write")
        home = asked.table(base, table)
        asked.need("schema.bases:write", "create")
        made = make_field(self.world, home, asked.body)
        home.born[made["id"]] = self.world.now()
        self.world.save(home)
        self.world.webhooks.fields_changed(home, asked.by, created=[made])
        return json_answer(made)


def described(table: Table) -> dict[str, Any]:
    view = {"id": table.id.replace("tbl", "viw", 1), "name": "Grid view", "type": "grid"}
    told = {"id": table.id, "name": table.name, "primaryFieldId": table.primary}
    return told | {"fields": list(table.fields.values()), "views": [view]}


def make_field(world: AirtableWorld, table: Table, spec: dict[str, Any], computed: bool = False) -> Field:
    """computed: a person may make those, the API may not. Raises AirtableError."""
    name, kind, options = spec.get("name"), spec.get("type"), dict(spec.get("options") or {})
    if not isinstance(name, str) or not name or any(each["name"] == name for each in table.fields.values()):
        raise errors.refused("DUPLICATE_OR_EMPTY_FIELD_NAME", f'Field name "{name}" is empty or taken')
    if kind not in REQUIRED and not (computed and kind in COMPUTED):
        raise errors.refused("UNSUPPORTED_FIELD_TYPE_FOR_CREATE", f"Field type {kind} cannot be created")
    if any(part not in options for part in REQUIRED.get(str(kind), ())):
        raise errors.refused("INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", f"Invalid options for field type {kind}")
    if "choices" in options:
        options["choices"] = [new_option(each["name"]) for each in options["choices"]]
    made: Field = {"id": spec.get("id") or new_id("fld"), "name": name, "type": kind}
    if spec.get("description"):
        made["description"] = spec["description"]
    if kind == "multipleRecordLinks":
        options = _linked(world, table, made["id"], options)
    if options:
        made["options"] = options
    table.fields[made["id"]] = made
    world.save(table)
    return made


def _linked(world: AirtableWorld, table: Table, ident: str, options: dict[str, Any]) -> dict[str, Any]:
    """A link makes its other end in the other table."""
    there = world.tables.get(options["linkedTableId"])
    if there is None or there.base != table.base:
        raise errors.refused("INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", "The linked table does not exist")
    inverse = fixed_id("fld", f"{there.id}/{ident}")
    taken = {each["name"] for each in there.fields.values()}
    name = next(each for each in [table.name, *(f"{table.name} {n}" for n in range(2, 99))] if each not in taken)
    shape = {"isReversed": False, "prefersSingleRecordLink": False}
    there.fields[inverse] = {
        "id": inverse,
        "name": name,
        "type": "multipleRecordLinks",
        "options": shape | {"linkedTableId": table.id, "inverseLinkFieldId": ident},
    }
    world.save(there)
    single = bool(options.get("prefersSingleRecordLink"))
    return shape | {"linkedTableId": there.id, "inverseLinkFieldId": inverse, "prefersSingleRecordLink": single}
