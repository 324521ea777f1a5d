"""Entities and records as the API shows and takes them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from crm import registry
from crm.records import Item
from integrations.api.schemas import Body

VERSION = "2026-09-15T09:30:12.480133+00:00"
VALUES: dict[str, Any] = {
    "name": "Ada Rossi",
    "email": "ada@rossi.example",
    "phone": None,
    "status": "Lead",
    "company": ["01993f0a-6a3c-7d10-9f5e-2b1c9a7d4e01"],
    "owner": "grace@acme.example",
    "tags": ["Trade fair", "VIP"],
    "newsletter": False,
    "birthday": "1990-12-10",
    "score": "12.5",
}
RECORD: dict[str, Any] = {
    "id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
    "entity": "contact",
    "title": "Ada Rossi",
    "values": VALUES,
    "version": VERSION,
}


class EntityField(Schema):
    name: str = Field(description="How `values` and mappings name the field. The tenant's own begin with `custom.`.")
    label: str
    type: str = Field(description="The form of its values; see “Values” in the guide.")
    many: bool = Field(description="Relations: holds several records.")
    read_only: bool = Field(description="Kept by Raccord: cannot be set.")
    required: bool
    options: list[str] = Field(description="What a choice may be, as far as it is limited.")
    target: str = Field(description="Relations: the other entity.")
    max_length: int | None
    critical: bool = Field(description="A conflict in this field is told to people even when it is settled by rule.")


class Entity(Schema):
    """A kind of record, with the fields that this tenant has."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "contact",
                    "label": "Contact",
                    "plural": "Contacts",
                    "title": "name",
                    "keys": ["email", "name", "phone"],
                    "fields": [
                        {
                            "name": "email",
                            "label": "E-mail",
                            "type": "email",
                            "many": False,
                            "read_only": False,
                            "required": False,
                            "options": [],
                            "target": "",
                            "max_length": 254,
                            "critical": True,
                        }
                    ],
                }
            ]
        }
    )

    name: str
    label: str
    plural: str
    title: str = Field(description="The field that names a record.")
    keys: list[str] = Field(description="Fields that may pair records at a first meeting, best first.")
    fields: list[EntityField]

    @classmethod
    def of(cls, entity: registry.Entity) -> Entity:
        fields = [
            EntityField(
                name=f.name,
                label=f.label,
                type=f.type.value,
                many=f.many,
                read_only=f.read_only,
                required=f.required,
                options=list(f.options),
                target=f.target,
                max_length=f.max_length,
                critical=f.critical,
            )
            for f in entity.fields.values()
        ]
        return cls(
            name=entity.name,
            label=entity.label,
            plural=entity.plural,
            title=entity.title,
            keys=list(entity.keys),
            fields=fields,
        )


class Record(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [RECORD]})

    id: UUID
    entity: str
    title: str
    values: dict[str, Any] = Field(description="Every field of the entity by name; null where it is empty.")
    version: str = Field(description="Changes with every change. Send it back to change only what you have seen.")

    @classmethod
    def of(cls, item: Item) -> Record:
        return cls(id=item.id, entity=item.entity, title=item.title, values=item.values, version=item.version)  # type: ignore[arg-type]


class RecordCreate(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"values": {"name": "Ada Rossi", "email": "ada@rossi.example", "tags": ["VIP"]}}]
        },
    )

    values: dict[str, Any] = Field(description="Fields by name; those left out stay empty.")


class RecordChange(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"values": {"status": "Customer"}, "version": VERSION}]})

    values: dict[str, Any] = Field(description="The fields to set; the others stay as they are. null empties a field.")
    version: str = Field(
        "", description="Refuse with `moved` when the record is not at this version. `If-Match` does the same."
    )


class BulkItem(Body):
    action: Literal["create", "update", "delete"]
    id: UUID | None = Field(None, description="Which record; not for `create`.")
    values: dict[str, Any] = Field(default_factory=dict)
    version: str = ""


class Bulk(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"action": "create", "values": {"name": "Ada Rossi", "email": "ada@rossi.example"}},
                        {"action": "update", "id": RECORD["id"], "values": {"status": "Customer"}},
                        {"action": "delete", "id": "01993f0a-9c3e-7b21-b7a4-0e6f5a4d3c03"},
                    ]
                }
            ]
        },
    )

    items: list[BulkItem] = Field(min_length=1, max_length=500)


class FieldError(Schema):
    field: str
    detail: str


class BulkProblem(Schema):
    code: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list)


class BulkOutcome(Schema):
    status: int = Field(description="What the same call alone would have answered: 201, 200, 204, 404, 409 or 422.")
    record: Record | None = None
    problem: BulkProblem | None = None


class BulkAnswer(Schema):
    """One outcome for each item, in the order of the request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"status": 201, "record": RECORD, "problem": None},
                        {
                            "status": 409,
                            "record": None,
                            "problem": {
                                "code": "read_only",
                                "status": 409,
                                "detail": "Kept by Notion · Contacts. Change it there.",
                                "errors": [],
                            },
                        },
                        {"status": 204, "record": None, "problem": None},
                    ]
                }
            ]
        }
    )

    items: list[BulkOutcome]


class Actor(Schema):
    kind: str = Field("", description="`user`, `api`, `run` or `system`; empty for who wrote past the application.")
    id: str = ""
    label: str = ""


class Change(Schema):
    """One change of a record, from the change feed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 4711,
                    "at": "2026-09-15T09:30:12.480133Z",
                    "operation": "update",
                    "actor": {"kind": "api", "id": "3", "label": "Import script"},
                    "origin": "",
                    "changes": {"status": ["Lead", "Customer"]},
                }
            ]
        }
    )

    id: int
    at: dt.datetime
    operation: Literal["insert", "update", "delete"]
    actor: Actor
    origin: str = Field(description="`stream:ID` for what a sync brought in, otherwise empty.")
    changes: dict[str, list[Any]] = Field(description="{field: [before, after]}")


class Earlier(Schema):
    value: Any
    at: dt.datetime | None = Field(description="Since when it stood; null where that is no longer known.")
    who: str


class Origin(Schema):
    """Where the present value of a field comes from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "field": "phone",
                    "label": "Phone",
                    "value": "+33 6 55 66 77 88",
                    "kind": "run",
                    "who": "Team wiki",
                    "run": "01993f0a-4e80-7142-a5f4-0d9e8f7a6b13",
                    "integration": "Team wiki",
                    "stream": "Contacts",
                    "at": "2026-09-15T09:30:01.000000Z",
                    "rule": "newest",
                    "words": "both sides had changed it, and the edit in Team wiki was the newest",
                    "earlier": [
                        {
                            "value": "+33 6 11 22 33 44",
                            "at": "2026-09-15T09:20:00.000000Z",
                            "who": "grace@acme.example",
                        }
                    ],
                }
            ]
        }
    )

    field: str
    label: str
    value: Any
    kind: Literal["user", "api", "run", "system", ""] = Field(description="Empty where nobody knows any more.")
    who: str
    run: UUID | None = Field(description="The run that brought it in; null for people, and when it is no longer kept.")
    integration: str
    stream: str
    at: dt.datetime | None
    rule: str = Field(
        description="created, restored, edited, theirs, first_meeting, newest, remote, fill, person, undo, or empty."
    )
    words: str = Field(description="The rule in words.")
    earlier: list[Earlier] = Field(description="The values before, the newest first.")

    @classmethod
    def of(cls, origin: Any) -> Origin:
        return cls.model_validate(origin, from_attributes=True)
