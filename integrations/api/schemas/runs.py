"""Runs and their lines as the API shows them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.models import SyncLog, SyncLogLine

STATE = Literal["running", "done", "failed", "cancelled"]
RUN: dict[str, Any] = {
    "id": "01993f0a-4e80-7142-a5f4-0d9e8f7a6b13",
    "integration": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
    "trigger": "api",
    "state": "done",
    "started_at": "2026-09-15T09:30:00.412000Z",
    "ended_at": "2026-09-15T09:30:03.020000Z",
    "worked_seconds": 2.6,
    "counts": {"read": 120, "created_here": 116, "linked": 4, "requests": 9},
    "progress": {},
    "error_code": "",
    "error_detail": "",
    "cancel_asked": False,
}


class Run(Schema):
    """One execution of an integration's sync."""

    model_config = ConfigDict(json_schema_extra={"examples": [RUN]})

    id: UUID
    integration: UUID
    trigger: str = Field(description="Who asked: person, api, schedule or webhook.")
    state: STATE
    started_at: dt.datetime
    ended_at: dt.datetime | None
    worked_seconds: float
    counts: dict[str, Any] = Field(
        description="read, created_here, created_there, updated_here, updated_there, deleted_here, deleted_there, "
        "linked, skipped, set_aside, conflicts, requests; those that are 0 may be left out."
    )
    progress: dict[str, Any] = Field(description="While it runs: the stream and what is done with it.")
    error_code: str = Field(description="With `failed`: why, as a code of this API.")
    error_detail: str
    cancel_asked: bool

    @classmethod
    def of(cls, row: SyncLog) -> Run:
        return cls(**_facts(row))


class RunDetail(Run):
    """A run with the last exchanges with the provider that failed, secrets removed."""

    model_config = ConfigDict(json_schema_extra={"examples": [RUN | {"exchanges": []}]})

    exchanges: list[dict[str, Any]] = Field(description="For admins; empty for others.")

    @classmethod
    def detailed(cls, row: SyncLog, with_exchanges: bool) -> RunDetail:
        return cls(**_facts(row), exchanges=row.exchanges if with_exchanges else [])


def _facts(row: SyncLog) -> dict[str, Any]:
    plain = set(Run.model_fields) - {"integration"}
    return {name: getattr(row, name) for name in plain} | {"integration": row.integration_id}


class RunLine(Schema):
    """One record that a run touched."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 981,
                    "stream": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
                    "side": "here",
                    "action": "updated",
                    "title": "Ada Rossi",
                    "record_id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
                    "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
                    "changes": {"status": ["Lead", "Customer"]},
                    "reason": "",
                    "at": "2026-09-15T09:30:01.204000Z",
                }
            ]
        }
    )

    id: int
    stream: UUID
    side: str = Field(description="Where it was done: `here` or `there`.")
    action: str = Field(description="created, updated, deleted, restored, linked, set_aside or conflict.")
    title: str
    record_id: UUID | None
    remote_id: str
    changes: dict[str, Any] = Field(description="{field: [old, new]}")
    reason: str
    at: dt.datetime

    @classmethod
    def of(cls, row: SyncLogLine) -> RunLine:
        plain = set(cls.model_fields) - {"stream"}
        return cls(**{name: getattr(row, name) for name in plain}, stream=row.stream_id)
