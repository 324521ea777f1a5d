"""Which records take part, and how each one stands, as the API shows and takes it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.api.schemas import Body
from integrations.models import RecordLink
from integrations.services import filters, health

OP = Literal["is", "is_not", "contains", "in", "gt", "gte", "lt", "lte", "empty", "not_empty"]
CONDITIONS: dict[str, Any] = {
    "here": [{"field": "status", "op": "in", "value": ["Lead", "Customer"]}],
    "there": [{"field": "@created", "op": "gte", "value": "2026-09-15"}],
}
LINK: dict[str, Any] = {
    "id": 4711,
    "stream": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
    "integration": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
    "record_id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
    "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
    "state": "linked",
    "left_out": "",
    "url": "https://www.notion.so/5d6c1f0e2b3a4c5d8e9f0a1b2c3d4e5f",
}
ROW: dict[str, Any] = {
    "link": 4711,
    "record_id": LINK["record_id"],
    "remote_id": LINK["remote_id"],
    "title": "Ada Rossi",
    "field": "",
    "code": "paused",
    "reason": "Somebody paused this record.",
    "url": LINK["url"],
    "since": None,
}


class FilterCondition(Body):
    field: str = Field(description="Here: a field's name. There: a field's id, or `@created` where the tool tells it.")
    op: OP = Field(description="What fits the field's type; see the stream's filters.")
    value: Any = Field(
        None, description="In the form of the field's type; a list for `in`; nothing for `empty` and `not_empty`."
    )


class Filters(Body):
    """All conditions of both sides must hold. An empty list lets everything take part."""

    model_config = ConfigDict(json_schema_extra={"examples": [CONDITIONS]})

    here: list[FilterCondition] = Field(default_factory=list, max_length=filters.MOST)
    there: list[FilterCondition] = Field(default_factory=list, max_length=filters.MOST)


class FilterChoice(Schema):
    field: str
    label: str
    type: str
    ops: list[OP] = Field(description="How the field can be compared.")
    options: list[str] = Field(description="What a choice may be, as far as it is limited.")

    @classmethod
    def of(cls, found: filters.Choice) -> FilterChoice:
        return cls(
            field=found.field,
            label=found.label,
            type=found.type.value,
            ops=list(found.ops),  # type: ignore[arg-type]
            options=list(found.options),
        )


class FilterChoices(Schema):
    here: list[FilterChoice]
    there: list[FilterChoice]


class StreamFilters(Schema):
    """Which records take part, and what may be asked."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "filters": CONDITIONS,
                    "choices": {
                        "here": [
                            {
                                "field": "status",
                                "label": "Status",
                                "type": "select",
                                "ops": ["is", "is_not", "in", "contains", "empty", "not_empty"],
                                "options": ["Lead", "Customer"],
                            }
                        ],
                        "there": [
                            {
                                "field": "@created",
                                "label": "Created at",
                                "type": "datetime",
                                "ops": ["is", "is_not", "gt", "gte", "lt", "lte", "empty", "not_empty"],
                                "options": [],
                            }
                        ],
                    },
                }
            ]
        }
    )

    filters: Filters
    choices: FilterChoices


class LinkedRecord(Schema):
    """One of our records with its partner in a stream."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINK]})

    id: int
    stream: UUID
    integration: UUID
    record_id: UUID | None
    remote_id: str = Field(description="Empty while it waits to be created there.")
    state: Literal["new", "linked", "gone", "left", "unlinked", "lost", "extra"]
    left_out: Literal["", "filter", "no_match", "paused", "ping_pong"] = Field(
        description="Why it does not travel for now; empty when it does. `filter`: it is outside the conditions. `no_match`: it "
        "has no partner, and only pairs are wanted. `paused`: a person paused it. `ping_pong`: two writers keep changing it back "
        "and forth, so it waits until a person has looked."
    )
    url: str

    @classmethod
    def of(cls, row: RecordLink) -> LinkedRecord:
        return cls(
            id=row.pk,
            stream=row.stream_id,
            integration=row.stream.integration_id,
            record_id=row.record_id,
            remote_id=row.remote_id or "",
            state=row.state,  # type: ignore[arg-type]
            left_out=row.left_out,  # type: ignore[arg-type]
            url=row.remote_url,
        )


class StreamHealth(Schema):
    """How many records are in step, on their way, left out, failing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"in_step": 120, "waiting": 0, "left_out": 2, "failing": 1, "is_in_step": False}]
        }
    )

    in_step: int
    waiting: int
    left_out: int
    failing: int
    is_in_step: bool = Field(description="Nothing waits, nothing fails, and the stream itself has no problem.")


class StandingRecord(Schema):
    """One record of a stream, and why it stands in this list."""

    model_config = ConfigDict(json_schema_extra={"examples": [ROW]})

    link: int | None
    record_id: UUID | None
    remote_id: str
    title: str
    field: str = Field(description="The field that it is about; empty for the whole record.")
    code: str
    reason: str
    url: str
    since: dt.datetime | None

    @classmethod
    def of(cls, row: health.Row) -> StandingRecord:
        return cls(
            link=row.link_id,
            record_id=row.record_id,
            remote_id=row.remote_id,
            title=row.title,
            field=row.field,
            code=row.code,
            reason=row.words,
            url=row.url,
            since=row.since,
        )


class Pairing(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"remote_id": LINK["remote_id"], "record_id": LINK["record_id"]}]}
    )

    remote_id: str = Field(min_length=1, max_length=300)
    record_id: UUID


class Apart(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"remote_id": LINK["remote_id"]}]})

    remote_id: str = Field(min_length=1, max_length=300)
