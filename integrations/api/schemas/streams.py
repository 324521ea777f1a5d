"""Collections, streams and field mappings as the API shows and takes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.adapters import base
from integrations.api.schemas import Body, Trouble
from integrations.api.schemas.taking_part import Filters
from integrations.models import FieldMapping
from integrations.models import Stream as Row
from integrations.services import health
from integrations.sync.transforms import base as transforms
from values import Type

DIRECTION = Literal["both", "import", "export"]
#: fill: a value goes only where the other side is empty
POLICY = Literal["newest", "local", "remote", "ask", "fill"]
FIRST_POLICY = Literal["", "newest", "local", "remote", "ask"]
MATCHING = Literal["match_or_create", "create_only", "match_only"]
DELETIONS = Literal["ignore", "unlink", "archive", "delete"]
DRIFT = Literal["ask", "apply", "stop"]
KIND = Literal[tuple(kind.value for kind in Type)]  # type: ignore[valid-type]

COLLECTION: dict[str, Any] = {
    "id": "0f6b8c1d-2e3f-4a5b-8c7d-9e0f1a2b3c4d",
    "name": "Contacts",
    "path": ["Acme CRM"],
    "url": "https://www.notion.so/0f6b8c1d2e3f4a5b8c7d9e0f1a2b3c4d",
}
STREAM: dict[str, Any] = {
    "id": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
    "integration": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
    "collection": COLLECTION["id"],
    "collection_name": "Contacts",
    "collection_url": COLLECTION["url"],
    "entity": "contact",
    "direction": "both",
    "policy": "newest",
    "first_policy": "",
    "matching": "match_or_create",
    "match_fields": ["email"],
    "deletions": "archive",
    "on_drift": "ask",
    "drift": [
        {"at": "2026-09-15T09:30:02.900000Z", "kind": "renamed", "field": "iK%7B%3F", "name": "E-mail", "was": "Email"}
    ],
    "brake_deletes": 30,
    "brake_overwrites": 75,
    "settle_seconds": 10,
    "filters": {"here": [], "there": [{"field": "@created", "op": "gte", "value": "2026-09-15"}]},
    "is_active": True,
    "problem_code": "",
    "problem_detail": "",
    "trouble": None,
    "listed_at": "2026-09-15T09:30:02.900000Z",
    "swept_at": "2026-09-15T09:30:02.900000Z",
    "standing": {"in_step": 120, "waiting": 0, "left_out": 0, "set_aside": 1},
}
MAPPING: dict[str, Any] = {
    "remote": "iK%7B%3F",
    "remote_name": "Email",
    "local": "email",
    "direction": "both",
    "policy": "",
    "critical": None,
    "gone": False,
    "options": {},
}


class Collection(Schema):
    """A remote table."""

    model_config = ConfigDict(json_schema_extra={"examples": [COLLECTION]})

    id: str = Field(description="May hold any characters: encode it in an address.")
    name: str
    path: list[str] = Field(description="Where it lives there, outermost first.")
    url: str

    @classmethod
    def of(cls, found: base.Collection) -> Collection:
        return cls(id=found.id, name=found.name, path=list(found.path), url=found.url)


class RemoteField(Schema):
    id: str = Field(description="How mappings name the field.")
    name: str
    type: str
    many: bool
    read_only: bool
    required: bool
    options: list[str]
    creates_options: bool = Field(description="An unknown option is made by writing it.")
    target: str = Field(description="Relations: the other collection's id.")
    max_length: int | None
    note: str = Field(description="Why it is read-only, or what is lost.")


class CollectionSchema(Schema):
    """A collection with its fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "collection": COLLECTION,
                    "title": "title",
                    "fields": [
                        {
                            "id": "iK%7B%3F",
                            "name": "Email",
                            "type": "email",
                            "many": False,
                            "read_only": False,
                            "required": False,
                            "options": [],
                            "creates_options": False,
                            "target": "",
                            "max_length": 200,
                            "note": "",
                        }
                    ],
                }
            ]
        }
    )

    collection: Collection
    title: str = Field(description="The id of the field that names a record.")
    fields: list[RemoteField]

    @classmethod
    def of(cls, found: base.Schema) -> CollectionSchema:
        fields = [
            RemoteField(
                id=f.id,
                name=f.name,
                type=f.type.value,
                many=f.many,
                read_only=f.read_only,
                required=f.required,
                options=list(f.options),
                creates_options=f.creates_options,
                target=f.target,
                max_length=f.max_length,
                note=f.note,
            )
            for f in found.fields
        ]
        return cls(collection=Collection.of(found.collection), title=found.title, fields=fields)


class Standing(Schema):
    """How many records are in step, wait for the next run, are left out, are set aside."""

    in_step: int
    waiting: int
    left_out: int
    set_aside: int


class DriftNews(Schema):
    at: dt.datetime
    kind: Literal["new", "gone", "back", "renamed", "type", "options"]
    field: str = Field(description="The remote field's id.")
    name: str
    was: str = Field(description="The former name or type, or the options that went.")


class Stream(Schema):
    """One collection paired with one entity."""

    model_config = ConfigDict(json_schema_extra={"examples": [STREAM]})

    id: UUID
    integration: UUID
    collection: str
    collection_name: str
    collection_url: str
    entity: str
    direction: DIRECTION
    policy: POLICY = Field(description="Who wins a field that both sides changed.")
    first_policy: FIRST_POLICY = Field(
        description="Who wins a field that holds something else on both sides when two records meet for the first time. "
        "Empty: as `policy`. A field with a policy of its own follows that."
    )
    matching: MATCHING = Field(description="What becomes of records that are not linked yet.")
    match_fields: list[str] = Field(description="Fields that pair records, tried in this order.")
    deletions: DELETIONS = Field(
        description="What a deletion on one side does to the other. `ignore`: nothing, and the pair comes back with the record. "
        "`unlink`: nothing, and the two are parted for good. `archive`: it is put away. `delete`: it is deleted for good."
    )
    on_drift: DRIFT = Field(
        description="When a mapped field is gone there, or holds something else: `ask`: go on without it and say so. `apply`: go "
        "on without it. `stop`: the table stops. A key, a title or a filter's field always stops it."
    )
    drift: list[DriftNews] = Field(description="What changed in the collection's fields, newest first, up to 50.")
    brake_deletes: int = Field(
        description="Per cent of the linked records: a run that would delete more stops and asks. At 30 or above only from 11 on."
    )
    brake_overwrites: int = Field(
        description="The same for records whose values would be overwritten. At 75 or above only from 101 on."
    )
    settle_seconds: int = Field(description="An edit here that is younger waits, because somebody may still be typing.")
    filters: Filters = Field(description="Which records take part.")
    is_active: bool
    problem_code: str = Field(description="Why the stream stopped, as a code; empty while it runs.")
    problem_detail: str
    trouble: Trouble | None = Field(description="The same in words, with what to do about it.")
    listed_at: dt.datetime | None = Field(description="When the collection was read whole for the first time.")
    swept_at: dt.datetime | None = Field(description="When it was last looked through for deletions.")
    standing: Standing

    @classmethod
    def of(cls, row: Row) -> Stream:
        return cls.many([row])[0]

    @classmethod
    def many(cls, rows: Iterable[Row]) -> list[Stream]:
        rows = list(rows)
        counted = health.counts([row.pk for row in rows])
        plain = set(cls.model_fields) - {"integration", "standing", "trouble"}
        return [
            cls(
                **{name: getattr(row, name) for name in plain},
                integration=row.integration_id,
                trouble=Trouble.of(row.problem_code, row.problem_detail, row.integration.provider)
                if row.problem_code
                else None,
                standing=Standing.model_validate(counted[row.pk], from_attributes=True),
            )
            for row in rows
        ]


class StreamCreate(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"collection": COLLECTION["id"], "entity": "contact", "direction": "both"}],
        },
    )

    collection: str
    entity: str
    direction: DIRECTION | None = None
    policy: POLICY | None = None
    first_policy: FIRST_POLICY | None = None
    matching: MATCHING | None = None
    match_fields: list[str] | None = None
    deletions: DELETIONS | None = None
    on_drift: DRIFT | None = None
    brake_deletes: int | None = Field(None, ge=1, le=100)
    brake_overwrites: int | None = Field(None, ge=1, le=100)

    @property
    def choices(self) -> dict[str, Any]:
        return self.model_dump(exclude={"collection", "entity"}, exclude_none=True)


class StreamChange(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"policy": "remote", "match_fields": ["email", "name"]}]})

    direction: DIRECTION | None = None
    policy: POLICY | None = None
    first_policy: FIRST_POLICY | None = None
    matching: MATCHING | None = None
    match_fields: list[str] | None = None
    deletions: DELETIONS | None = None
    on_drift: DRIFT | None = None
    brake_deletes: int | None = Field(None, ge=1, le=100)
    brake_overwrites: int | None = Field(None, ge=1, le=100)
    settle_seconds: int | None = Field(None, ge=0, le=600)
    filters: Filters | None = Field(None, description="Which records take part. Left out: as they are.")
    is_active: bool | None = None

    @property
    def choices(self) -> dict[str, Any]:
        return self.model_dump(exclude={"filters"}, exclude_none=True)


class Mapping(Schema):
    """One remote field with one local field."""

    model_config = ConfigDict(json_schema_extra={"examples": [MAPPING]})

    remote: str
    remote_name: str
    local: str
    direction: DIRECTION
    policy: Literal["", POLICY] = Field(description="Empty: the stream's.")
    critical: bool | None = Field(description="Every conflict of it alerts people. null: as the local field says.")
    gone: bool = Field(
        description="The remote field is gone or holds something else: it takes no part until it is back."
    )
    options: dict[str, Any]

    @classmethod
    def of(cls, row: FieldMapping) -> Mapping:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class MappingWanted(Body):
    remote: str = Field(description="The remote field's id.")
    local: str = Field(description="The local field's name.")
    direction: DIRECTION | None = Field(None, description="Left out: as far as the two fields allow.")
    policy: Literal["", POLICY] = Field(
        "", description="`fill`: a value goes only where the other side is empty. Empty: the stream's."
    )
    critical: bool | None = Field(None, description="Alert people of every conflict. null: as the local field says.")
    options: dict[str, Any] = Field(
        default_factory=dict,
        description='`{"transforms": [{"name": "number", "decimal": ","}]}`: the steps of `GET /transforms`, in the order in '
        'which a value comes in. `{"values": {remote option: local option}}` is short for a list of values before all others. '
        '`"currency": "EUR"`: of bare numbers that become money. `"options_there": "add"`: options that are missing there are '
        "made; else such a value is set aside.",
    )


class Mappings(Body):
    """All mappings of the stream: what is left out is mapped no more."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "mappings": [
                        {"remote": "title", "local": "name"},
                        {"remote": "iK%7B%3F", "local": "email", "direction": "both"},
                        {"remote": "z%5DaF", "local": "status", "options": {"values": {"Prospect": "Lead"}}},
                    ]
                }
            ]
        },
    )

    mappings: list[MappingWanted] = Field(max_length=500)

    @property
    def wanted(self) -> list[dict[str, Any]]:
        return [one.model_dump(exclude_none=True) for one in self.mappings]


class Suggestion(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "remote": "iK%7B%3F",
                    "remote_name": "Email",
                    "local": "email",
                    "direction": "both",
                    "score": 1.0,
                    "reason": "same name, same kind of value",
                    "options": {},
                }
            ]
        }
    )

    remote: str
    remote_name: str
    local: str
    direction: DIRECTION
    score: float = Field(description="How sure, from 0 to 1.")
    reason: str
    options: dict[str, Any] = Field(description="Of the mapping: the transforms that make the values fit.")


class Setting(Schema):
    """One setting of a transform."""

    name: str
    label: str
    kind: Literal["text", "number", "yes", "choice", "separator", "value", "currency", "zone", "pairs"]
    default: Any
    choices: list[str] = Field(description="Of a choice or a separator.")
    help: str
    least: int = Field(description="Of a number.")
    most: int


class Transform(Schema):
    """A step that a mapping may hold."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "split",
                    "label": "Split into several",
                    "help": "“red, green” becomes the two options “green” and “red”.",
                    "takes": ["long_text", "select", "text"],
                    "directions": ["both", "import", "export"],
                    "why_one_way": "",
                    "settings": [
                        {
                            "name": "separator",
                            "label": "Separated by",
                            "kind": "separator",
                            "default": ",",
                            "choices": [",", ";", "/", "|", "\n"],
                            "help": "",
                            "least": 0,
                            "most": 0,
                        }
                    ],
                }
            ]
        }
    )

    name: str
    label: str
    help: str
    takes: list[str] = Field(description="The types that may come before it.")
    directions: list[DIRECTION] = Field(description="Without `both`, the mapping flows one way only.")
    why_one_way: str
    settings: list[Setting]

    @classmethod
    def of(cls, one: transforms.Transform) -> Transform:
        return cls(
            name=one.name,
            label=str(one.label),
            help=str(one.help),
            takes=sorted(kind.value for kind in one.takes),
            directions=list(one.ways),  # type: ignore[arg-type]
            why_one_way=str(one.why),
            settings=[
                Setting(
                    name=parameter.name,
                    label=str(parameter.label),
                    kind=parameter.kind,
                    default=parameter.default,
                    choices=[value for value, _label in parameter.choices],
                    help=str(parameter.help),
                    least=parameter.least,
                    most=parameter.most,
                )
                for parameter in one.parameters
            ],
        )


class Pair(Schema):
    """A remote field with one local field: which directions are possible, and why not others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "remote": "fX%40y",
                    "local": "name",
                    "directions": ["import"],
                    "reason": "“Full label” is computed by the tool and only flows in.",
                    "options": {},
                }
            ]
        }
    )

    remote: str
    local: str
    directions: list[DIRECTION]
    reason: str
    options: dict[str, Any] = Field(
        description="Of a pair that is impossible as it is: the transform that makes it possible."
    )


class PreviewCell(Schema):
    local: str
    there: Any = Field(description="The value there.")
    here: Any = Field(description="How it will look here.")
    back: Any = Field(description="How that would read there after the way back.")
    survives: bool = Field(description="The way there and back changes nothing.")
    waits: bool = Field(description="A relation whose other end is not here yet.")
    problem: str = Field(description="Why the value does not fit; empty when it does.")


class PreviewRow(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
                    "url": "https://www.notion.so/5d6c1f0e2b3a4c5d8e9f0a1b2c3d4e5f",
                    "cells": [
                        {
                            "local": "name",
                            "there": "Ada Rossi",
                            "here": "Ada Rossi",
                            "back": "Ada Rossi",
                            "survives": True,
                            "waits": False,
                            "problem": "",
                        }
                    ],
                }
            ]
        }
    )

    remote_id: str
    url: str
    cells: list[PreviewCell]


class Loss(Schema):
    """A value that would not come back from the other side as it was."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "local": "score",
                    "side": "there",
                    "record": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
                    "before": "1,50",
                    "between": "1.5",
                    "after": "1,5",
                    "problem": "",
                }
            ]
        }
    )

    local: str
    side: Literal["there", "here"] = Field(description="Where it began.")
    record: str = Field(description="The record's id on that side.")
    before: Any
    between: Any = Field(description="What it is on the other side.")
    after: Any
    problem: str = Field(description="Why it cannot get there at all; empty when it can.")


class NewField(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Priority", "type": "select", "options": ["Low", "Normal", "High"]}],
        },
    )

    name: str = Field(min_length=1, max_length=200)
    type: KIND  # type: ignore[valid-type]
    options: list[str] = Field(default_factory=list, max_length=100)


class Link(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"link": "https://www.notion.so/0f6b8c1d2e3f4a5b8c7d9e0f1a2b3c4d"}]},
    )

    link: str = Field(min_length=1, max_length=2000, description="The address of a table there, or its id.")
