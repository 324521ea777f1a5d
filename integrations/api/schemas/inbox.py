"""What waits for a person, as the API shows it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.api.schemas import Body
from integrations.models import Conflict as ConflictRow
from integrations.models import SetAside as SetAsideRow
from integrations.services import failures, problems

CONFLICT: dict[str, Any] = {
    "id": "01993f0a-5f91-7253-b6a5-1eaf9a8b7c14",
    "stream": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
    "run": "01993f0a-4e80-7142-a5f4-0d9e8f7a6b13",
    "record_id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
    "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
    "title": "Ada Rossi",
    "field": "phone",
    "base": "+33 1 23 45 67 89",
    "local": "+33 6 11 22 33 44",
    "remote": "+33 6 55 66 77 88",
    "local_at": "2026-09-15T09:20:00.000000Z",
    "remote_at": "2026-09-15T09:21:00.000000Z",
    "local_actor": "grace@acme.example",
    "policy": "ask",
    "winner": "",
    "critical": True,
    "state": "open",
    "settled_by": "",
    "seen_at": None,
    "at": "2026-09-15T09:30:01.000000Z",
}


class Conflict(Schema):
    """A field, or with `field` empty the record itself, that both sides changed since they last agreed."""

    model_config = ConfigDict(json_schema_extra={"examples": [CONFLICT]})

    id: UUID
    stream: UUID
    run: UUID | None
    record_id: UUID
    remote_id: str
    title: str
    field: str
    base: Any = Field(description="What both sides last agreed on.")
    local: Any
    remote: Any
    local_at: dt.datetime | None
    remote_at: dt.datetime | None
    local_actor: str
    policy: str
    winner: str = Field(description="local, remote, or empty while it waits and when it ended by itself.")
    critical: bool = Field(description="People are told of it, also when a rule settled it.")
    state: Literal["open", "settled"]
    settled_by: str = Field(
        description="Who settled it; empty: the policy; `agreed`, `gone` or `unmapped`: it ended by itself."
    )
    seen_at: dt.datetime | None = Field(description="When a person acknowledged it or settled it.")
    at: dt.datetime

    @classmethod
    def of(cls, row: ConflictRow) -> Conflict:
        plain = set(cls.model_fields) - {"stream", "run"}
        return cls(**{name: getattr(row, name) for name in plain}, stream=row.stream_id, run=row.run_id)


class Resolve(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"winner": "local"}]})

    winner: Literal["local", "remote"]


class ResolveMany(Body):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"conflicts": [CONFLICT["id"]], "winner": "local"}]}
    )

    conflicts: list[UUID] = Field(max_length=500)
    winner: Literal["local", "remote"]


class RefusedConflict(Schema):
    id: UUID
    reason: str


class Resolved(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "settled": [CONFLICT | {"state": "settled", "winner": "local", "settled_by": "Script"}],
                    "refused": [
                        {"id": "01993f0a-5f91-7253-b6a5-1eaf9a8b7c99", "reason": "The record is not linked any more."}
                    ],
                }
            ]
        }
    )

    settled: list[Conflict]
    refused: list[RefusedConflict]


class SetAside(Schema):
    """A record, or one field of it, that waits with its reason while the rest goes on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 12,
                    "stream": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
                    "side": "there",
                    "record_id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
                    "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
                    "title": "Ada Rossi",
                    "field": "email",
                    "code": "unfit",
                    "reason": "“ada at rossi” is not an e-mail address",
                    "attempts": 1,
                    "first_at": "2026-09-15T09:30:01.000000Z",
                    "retry_at": None,
                }
            ]
        }
    )

    id: int
    stream: UUID
    side: Literal["here", "there"] = Field(
        description="`here`: our value could not go out; `there`: theirs could not come in."
    )
    record_id: UUID | None
    remote_id: str
    title: str
    field: str
    code: str
    reason: str
    attempts: int
    first_at: dt.datetime
    retry_at: dt.datetime | None

    @classmethod
    def of(cls, row: SetAsideRow) -> SetAside:
        plain = set(cls.model_fields) - {"stream"}
        return cls(**{name: getattr(row, name) for name in plain}, stream=row.stream_id)


class RetryOne(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"group": True}]})

    group: bool = Field(False, description="Also everything else with the same field, code and reason.")


class RetryMany(Body):
    """What is left out does not narrow."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"stream": CONFLICT["stream"], "field": "email"}]}
    )

    integration: UUID | None = None
    stream: UUID | None = None
    side: Literal["here", "there"] | None = None
    field: str | None = None
    code: str | None = None

    @property
    def wanted(self) -> dict[str, Any]:
        given = self.model_dump(exclude_none=True)
        return {"stream__integration" if name == "integration" else name: value for name, value in given.items()}


class Asked(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"number": 12}]})

    number: int = Field(description="How many are tried again. What only a person can decide is passed over.")


WAY = Literal["retry", "add_options", "one_way", "stop_field"]


class Mend(Body):
    """A cause as it was listed, and what to do about all of it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "stream": CONFLICT["stream"],
                    "side": "here",
                    "code": "invalid_record",
                    "field": "phone",
                    "key": "5b1c2d3e4f5a6b7c",
                    "way": "retry",
                }
            ]
        },
    )

    stream: UUID
    side: Literal["here", "there"]
    code: str = Field(max_length=50)
    field: str = Field("", max_length=60)
    key: str = Field("", max_length=16)
    way: WAY = Field(
        description="`retry`: try all again with a run at once. As an admin: `add_options`: have options made there that the tool"
        " lacks; `one_way`: let the field flow only in the direction that works; `stop_field`: no longer keep it in step."
    )

    @property
    def cause(self) -> problems.Cause:
        return problems.Cause(self.stream, self.side, self.code, self.field, self.key)


class Cause(Schema):
    """Records set aside for one cause. `code`, `field` and `key` tell causes apart; the texts are for people and may change."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "integration": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
                    "stream": CONFLICT["stream"],
                    "side": "here",
                    "code": "invalid_record",
                    "field": "phone",
                    "key": "5b1c2d3e4f5a6b7c",
                    "count": 37,
                    "reason": "… is not a phone number",
                    "title": "HubSpot refuses a value",
                    "happened": "It does not fit the rules of the field there.",
                    "todo": "Correct the value on either side; it is tried again by itself.",
                    "first_at": "2026-09-15T09:30:01.000000Z",
                    "last_at": "2026-09-15T11:02:44.000000Z",
                    "ways": ["retry", "one_way", "stop_field"],
                }
            ]
        }
    )

    integration: UUID
    stream: UUID
    side: Literal["here", "there"]
    code: str
    field: str
    key: str
    count: int
    reason: str = Field(description="As it was told, with dots where each record has its own value.")
    title: str
    happened: str
    todo: str
    first_at: dt.datetime
    last_at: dt.datetime
    ways: list[WAY] = Field(description="What `mend` can do about it now, the mildest first.")

    @classmethod
    def of(cls, row: problems.Problem, tool: str) -> Cause:
        told, cause = failures.tell(row.cause.code, tool=tool), row.cause
        facts: dict[str, Any] = {name: getattr(cause, name) for name in ("stream", "side", "code", "field", "key")}
        facts |= {name: getattr(row, name) for name in ("count", "reason", "first_at", "last_at")}
        facts |= {name: getattr(told, name) for name in ("title", "happened", "todo")}
        facts |= {"integration": row.stream.integration_id, "ways": problems.ways(row)}
        return cls(**facts)


class Incident(Schema):
    """A tool of yours that has trouble for many at once. Changes wait meanwhile, and go by themselves."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"provider": "hubspot", "code": "unavailable", "since": "2026-09-15T09:30:01.000000Z", "note": ""}
            ]
        }
    )

    provider: str
    code: str
    since: dt.datetime
    note: str = Field(description="From our staff.")
