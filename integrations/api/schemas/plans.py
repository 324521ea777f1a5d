"""Plans and their lines as the API shows them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.api.schemas import Trouble
from integrations.models import Plan as Row
from integrations.models import PlanLine as LineRow
from integrations.models import Stream

STREAM_ID = "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11"
COUNTS = {"read": 120, "created_here": 116, "linked": 4}
PLAN: dict[str, Any] = {
    "id": "01993f0a-5b1c-7d02-9e47-3c2b1a0f9e8d",
    "integration": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
    "state": "ready",
    "made_by": "Import script",
    "approved_by": "",
    "asked_at": "2026-09-15T09:30:00.412000Z",
    "made_at": "2026-09-15T09:30:04.020000Z",
    "approved_at": None,
    "ended_at": None,
    "progress": {"stream": "Contacts", "entity": "contact", "phase": "done", "read": 120, "lines": 120},
    "counts": COUNTS,
    "streams": [
        {"stream": STREAM_ID, "collection_name": "Contacts", "entity": "contact", "counts": COUNTS, "problems": []}
    ],
    "error_code": "",
    "trouble": None,
}


class StreamPlan(Schema):
    stream: UUID
    collection_name: str
    entity: str
    counts: dict[str, int] = Field(
        description="read, created_here, created_there, updated_here, updated_there, deleted_here, deleted_there, linked, "
        "conflict, ambiguous, set_aside, skipped; those that are 0 are left out."
    )
    problems: list[str] = Field(description="Why some values would stay behind, or the whole stream.")


class Plan(Schema):
    """What a run would do. Its lines stand under `lines`, also while it is being made."""

    model_config = ConfigDict(json_schema_extra={"examples": [PLAN]})

    id: UUID
    integration: UUID
    state: Literal["making", "ready", "approved", "done", "failed", "discarded"]
    made_by: str
    approved_by: str
    asked_at: dt.datetime
    made_at: dt.datetime | None
    approved_at: dt.datetime | None
    ended_at: dt.datetime | None
    progress: dict[str, Any] = Field(description="While it is made: the stream, what is done with it, and how far.")
    counts: dict[str, int] = Field(description="As in a run, over all streams.")
    streams: list[StreamPlan] = Field(description="Empty while it is made.")
    error_code: str = Field(description="With `failed`: why, as a code of this API.")
    trouble: Trouble | None = Field(description="The same in words, with what to do about it.")

    @classmethod
    def of(cls, row: Row) -> Plan:
        from integrations.services import plans

        names = {str(one.pk): one for one in Stream.objects.filter(integration=row.integration_id)}
        provider = row.integration.provider
        parts = [(names[one["stream"]], one) for one in row.streams if one["stream"] in names]
        plain = set(cls.model_fields) - {"integration", "streams", "trouble", "progress"}
        return cls(
            **{name: getattr(row, name) for name in plain},
            integration=row.integration_id,
            progress={name: value for name, value in row.progress.items() if name not in ("at", "attempts")},
            streams=[
                StreamPlan(
                    stream=stream.pk,
                    collection_name=stream.collection_name,
                    entity=stream.entity,
                    counts=one["counts"],
                    problems=plans.problems(stream, one),
                )
                for stream, one in parts
            ],
            trouble=Trouble.of(row.error_code, row.error_detail, provider) if row.error_code else None,
        )


class PlanLine(Schema):
    """One record that would be touched, and what became of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 4711,
                    "stream": STREAM_ID,
                    "side": "here",
                    "action": "updated",
                    "title": "Ada Rossi",
                    "record_id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
                    "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
                    "changes": {"status": ["Lead", "Customer"]},
                    "rules": {"status": "theirs"},
                    "reason": "",
                    "outcome": "",
                    "outcome_reason": "",
                }
            ]
        }
    )

    id: int
    stream: UUID
    side: Literal["here", "there"]
    action: str = Field(description="created, updated, deleted, restored, linked, unlinked, set_aside or conflict.")
    title: str
    record_id: UUID | None = Field(description="Of what would be created here: the id that it will get.")
    remote_id: str = Field(description="Empty for what would be created there.")
    changes: dict[str, Any] = Field(description="{field: [old, new]}, on `side`.")
    rules: dict[str, str] | None = Field(description="{field: by which rule}.")
    reason: str
    outcome: Literal["", "done", "left_out"] = Field(description="Empty while nothing was done.")
    outcome_reason: str = Field(description="With `left_out`: what moved since the plan was made.")

    @classmethod
    def of(cls, row: LineRow) -> PlanLine:
        plain = set(cls.model_fields) - {"stream"}
        return cls(**{name: getattr(row, name) for name in plain}, stream=row.stream_id)
