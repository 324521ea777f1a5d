"""Runs and their lines as the API shows them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.api.schemas import Trouble
from integrations.models import SyncLog, SyncLogLine
from integrations.sync.tally import Line
from integrations.sync.undo import Preview

STATE = Literal["asked", "running", "done", "failed", "cancelled"]
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
    "trouble": None,
    "cancel_asked": False,
    "undoes": None,
}


class Run(Schema):
    """One execution of an integration's sync."""

    model_config = ConfigDict(json_schema_extra={"examples": [RUN]})

    id: UUID
    integration: UUID
    trigger: str = Field(description="Who asked: person, api, schedule or webhook; or what for: plan, undo.")
    state: STATE = Field(description="asked: it starts as soon as the integration is free.")
    started_at: dt.datetime
    ended_at: dt.datetime | None
    worked_seconds: float
    counts: dict[str, Any] = Field(
        description="read, created_here, created_there, updated_here, updated_there, deleted_here, deleted_there, "
        "linked, unlinked, skipped, set_aside, left_out, conflict, requests; those that are 0 may be left out."
    )
    progress: dict[str, Any] = Field(description="While it runs: the stream and what is done with it.")
    error_code: str = Field(description="With `failed`: why, as a code of this API.")
    error_detail: str
    trouble: Trouble | None = Field(description="The same in words, with what to do about it.")
    cancel_asked: bool
    undoes: UUID | None = Field(description="The run that this one takes back.")

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
    plain = set(Run.model_fields) - {"integration", "counts", "trouble", "undoes"}
    trouble = Trouble.of(row.error_code, row.error_detail, row.integration.provider) if row.error_code else None
    others = {"integration": row.integration_id, "counts": row.told_counts, "trouble": trouble, "undoes": row.undoes_id}
    return {name: getattr(row, name) for name in plain} | others


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
                    "rules": {"status": "theirs"},
                    "reason": "",
                    "at": "2026-09-15T09:30:01.204000Z",
                }
            ]
        }
    )

    id: int
    stream: UUID
    side: str = Field(description="Where it was done: `here` or `there`.")
    action: str = Field(
        description="created, updated, deleted, restored, linked, unlinked, set_aside or conflict; left_out: an undo, or an "
        "approved plan, left it as it is, for the reason given."
    )
    title: str
    record_id: UUID | None
    remote_id: str
    changes: dict[str, Any] = Field(description="{field: [old, new]}")
    rules: dict[str, str] | None = Field(
        description="{field: why it went that way}: theirs, ours (only that side changed), first_meeting, newest, local, "
        "remote, fill (decided a conflict), person, undo. null where nothing was to be decided."
    )
    reason: str
    at: dt.datetime

    @classmethod
    def of(cls, row: SyncLogLine) -> RunLine:
        plain = set(cls.model_fields) - {"stream"}
        return cls(**{name: getattr(row, name) for name in plain}, stream=row.stream_id)


class UndoAsk(Schema):
    """How much of a run to take back: nothing given, all of it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"record_id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02", "field": "status"}]},
    )

    record_id: UUID | None = Field(None, description="Only this record.")
    field: str = Field("", max_length=60, description="Only this field.")


EFFECT: dict[str, Any] = {
    "stream": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
    "side": "here",
    "action": "updated",
    "title": "Ada Rossi",
    "record_id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
    "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
    "changes": {"status": ["Customer", "Lead"]},
    "reason": "",
}


class UndoEffect(Schema):
    """One record that an undo would touch, or leave as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [EFFECT]})

    stream: UUID
    side: str = Field(description="Where it would be done: `here` or `there`. What goes back here goes out, too.")
    action: str = Field(description="updated, deleted, restored, linked, unlinked or left_out.")
    title: str
    record_id: UUID | None
    remote_id: str
    changes: dict[str, Any] = Field(description="{field: [now, then]}")
    reason: str

    @classmethod
    def of(cls, stream: UUID, line: Line) -> UndoEffect:
        plain = set(cls.model_fields) - {"stream"}
        return cls(**{name: getattr(line, name) for name in plain}, stream=stream)


class UndoPreview(Schema):
    """What an undo would do, from what stands here now. The tool is asked when it is carried out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "counts": {"records": 1, "undone": 1, "left_out": 0, "as_before": 0},
                    "whole": True,
                    "undone": [EFFECT],
                    "left_out": [],
                }
            ]
        }
    )

    counts: dict[str, int] = Field(
        description="records: looked at. undone: something of them goes back. left_out: something of them stays. "
        "as_before: nothing to do."
    )
    whole: bool = Field(description="False: the run is long, and this is about a part of it.")
    undone: list[UndoEffect] = Field(description="Up to 100.")
    left_out: list[UndoEffect] = Field(description="Up to 100, each with its reason.")

    @classmethod
    def of(cls, preview: Preview) -> UndoPreview:
        effects = {name: [UndoEffect.of(*one) for one in getattr(preview, name)] for name in ("undone", "left_out")}
        return cls(counts=preview.counts, whole=preview.whole, **effects)
