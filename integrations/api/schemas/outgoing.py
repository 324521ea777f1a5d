"""Webhooks that Raccord sends, as the API shows them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.outgoing import models
from integrations.outgoing.events import body_of

ENDPOINT: dict[str, Any] = {
    "id": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e77",
    "url": "https://example.com/raccord",
    "note": "Our data warehouse",
    "events": ["run.failed", "conflict.opened"],
    "off": "",
    "off_at": None,
    "failing_since": None,
    "delivered_at": "2026-09-15T09:30:03.020000Z",
    "created_at": "2026-09-01T08:00:00Z",
}
DELIVERY: dict[str, Any] = {
    "id": "01993f0a-4e80-7142-a5f4-0d9e8f7a6b88",
    "event": "01993f0a-4e80-7142-a5f4-0d9e8f7a6b99",
    "type": "run.failed",
    "state": "delivered",
    "at": "2026-09-15T09:30:02.020000Z",
    "sent_at": "2026-09-15T09:30:02.500000Z",
    "next_at": None,
    "attempts": 1,
    "status": 204,
    "error": "",
    "milliseconds": 120,
}


class EndpointAsk(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{name: ENDPOINT[name] for name in ("url", "events", "note")}]}
    )

    url: str = Field(max_length=2000, description="https, at a public address.")
    events: list[str] = Field(description="What it is told; docs/webhooks.md lists them.")
    note: str = Field("", max_length=100, description="What it is for.")


class EndpointChange(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"on": False}]})

    url: str | None = Field(None, max_length=2000)
    events: list[str] | None = None
    note: str | None = Field(None, max_length=100)
    on: bool | None = Field(None, description="Switch it off, or on again.")


class Endpoint(Schema):
    """An address that is told what happens."""

    model_config = ConfigDict(json_schema_extra={"examples": [ENDPOINT]})

    id: UUID
    url: str
    note: str
    events: list[str]
    off: Literal["", "person", "gone", "failing"] = Field(
        description="Why it is off: somebody switched it off, it answered 410, or it took nothing for days; empty while it is on."
    )
    off_at: dt.datetime | None
    failing_since: dt.datetime | None
    delivered_at: dt.datetime | None = Field(description="When it last took something.")
    created_at: dt.datetime

    @classmethod
    def of(cls, row: models.Endpoint) -> Endpoint:
        return cls(**{name: getattr(row, name) for name in ENDPOINT})


class NewEndpoint(Endpoint):
    """With its secret, shown this once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [ENDPOINT | {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}]}
    )

    secret: str


class Secret(Schema):
    """The new secret, shown this once; the one before signs too for a day."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "old_signs_until": "2026-09-16T09:30:00Z"}
            ]
        }
    )

    secret: str
    old_signs_until: dt.datetime


class Delivery(Schema):
    """One event for one endpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [DELIVERY]})

    id: UUID
    event: UUID = Field(description="The header webhook-id.")
    type: str
    state: Literal["waiting", "delivered", "failed"]
    at: dt.datetime = Field(description="When it happened.")
    sent_at: dt.datetime | None
    next_at: dt.datetime | None = Field(description="When it is tried again.")
    attempts: int
    status: int | None = Field(description="Of the last answer; null when there was none.")
    error: str = Field(
        description="Why there was no answer: private_address, unreachable, timeout, tls, broken, no_secret; else empty."
    )
    milliseconds: int | None

    @classmethod
    def of(cls, row: models.Delivery) -> Delivery:
        return cls(**_facts(row))


class DeliveryDetail(Delivery):
    """With what was sent and the beginning of the answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [DELIVERY | {"body": '{"type":"run.failed"}', "answer": "ok", "tries": [{"status": 204}]}]
        }
    )

    body: str
    answer: str = Field(description="Its first 4 kB.")
    tries: list[dict[str, Any]] = Field(description="The last ten: at, status, error, ms.")

    @classmethod
    def detailed(cls, row: models.Delivery) -> DeliveryDetail:
        return cls(**_facts(row), body=body_of(row.event), answer=row.answer, tries=row.tries)


class Resent(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"number": 3}]})

    number: int = Field(description="How many are sent again.")


def _facts(row: models.Delivery) -> dict[str, Any]:
    same = ("id", "state", "at", "sent_at", "next_at", "attempts", "status", "error")
    known = {name: getattr(row, name) for name in same}
    return known | {"event": row.event_id, "type": row.event.type, "milliseconds": row.ms}
