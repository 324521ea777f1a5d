"""Integrations as the API shows and takes them. Credentials go in and never come out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict, model_validator

from integrations.api.schemas import Body
from integrations.api.schemas.runs import RUN, Run
from integrations.models import IntegrationInstance
from integrations.scheduling.models import Due

FREQUENCY = Literal["manual", "5min", "15min", "hourly", "daily", "weekly"]
ACCOUNT: dict[str, Any] = {"id": "8f2c6d0e-acme", "name": "Acme Studio", "may": ["read", "insert", "update"]}
INTEGRATION: dict[str, Any] = {
    "id": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
    "provider": "notion",
    "name": "Team wiki",
    "status": "active",
    "status_code": "",
    "status_detail": "",
    "status_since": "2026-09-15T09:12:40.117002Z",
    "setup_step": "done",
    "frequency": "5min",
    "credentials": "***",
    "account": ACCOUNT,
    "created_by": "Import script",
    "created_at": "2026-09-15T09:10:02.553410Z",
    "activated_at": "2026-09-15T09:12:40.117002Z",
    "next_run_at": "2026-09-15T09:35:00.000000Z",
}


class Account(Schema):
    """Whom the credentials belong to."""

    id: str
    name: str
    may: list[str]


class Integration(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [INTEGRATION]})

    id: UUID
    provider: str
    name: str
    status: Literal["draft", "active", "paused", "attention"]
    status_code: str = Field(description="With `attention`: why it stopped, as a code.")
    status_detail: str
    status_since: dt.datetime
    setup_step: str = Field(description="connect, map, settings, activate or done.")
    frequency: FREQUENCY
    credentials: Literal["***"] | None = Field(description="`***` where there are some. They never come out.")
    account: Account | None
    created_by: str
    created_at: dt.datetime
    activated_at: dt.datetime | None
    next_run_at: dt.datetime | None = Field(description="When it runs next; in the past while it is about to.")

    @classmethod
    def of(cls, row: IntegrationInstance) -> Integration:
        return cls.many([row])[0]

    @classmethod
    def many(cls, rows: Iterable[IntegrationInstance]) -> list[Integration]:
        rows = list(rows)
        due = dict(Due.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", "due_at"))
        return [cls._of(row, due.get(row.pk)) for row in rows]

    @classmethod
    def _of(cls, row: IntegrationInstance, due_at: dt.datetime | None) -> Integration:
        account = Account(id=row.account_id, name=row.account_name, may=row.account_may) if row.account_id else None
        return cls(
            id=row.pk,
            provider=row.provider,
            name=row.name,
            status=row.status,  # type: ignore[arg-type]
            status_code=row.status_code,
            status_detail=row.status_detail,
            status_since=row.status_since,
            setup_step=row.setup_step,
            frequency=row.frequency,  # type: ignore[arg-type]
            credentials="***" if row.credentials else None,
            account=account,
            created_by=row.created_by,
            created_at=row.created_at,
            activated_at=row.activated_at,
            next_run_at=due_at,
        )


class IntegrationCreate(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"provider": "notion", "name": "Team wiki"}]})

    provider: str = Field(description="A provider's `slug`.")
    name: str = Field("", max_length=100, description="Empty: the provider's name.")


class IntegrationChange(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"frequency": "hourly"}]})

    name: str | None = Field(None, max_length=100)
    frequency: FREQUENCY | None = None


class Credentials(Body):
    """The fields that the provider's way to connect asks for, each as text."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"token": "ntn_sandbox_demo"}]})

    another_account: bool = Field(
        False, description="Accept credentials of another account than the one that this integration was made with."
    )

    @model_validator(mode="before")
    @classmethod
    def _texts(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name, value in data.items():
                if name != "another_account" and not (isinstance(value, str) and len(value) <= 5000):
                    raise ValueError(f"{str(name)[:50]} must be text of at most 5000 characters")
        return data

    @property
    def given(self) -> dict[str, str]:
        return dict(self.model_extra or {})


class Checked(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"account": ACCOUNT}]})

    account: Account


class SyncAsk(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"whole": False}]})

    whole: bool = Field(
        False, description="List everything there, which finds deletions that reading only the changes cannot see."
    )


class SyncAnswer(Schema):
    """Asked for. Poll `runs?integration=ID`: the run appears as soon as a worker takes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"state": "waiting", "due_at": "2026-09-15T09:30:00.000000Z", "run": None},
                {"state": "running", "due_at": "2026-09-15T09:30:00.000000Z", "run": RUN},
            ]
        }
    )

    state: Literal["waiting", "running"] = Field(description="`running`: a run works now, and another follows it.")
    due_at: dt.datetime | None
    run: Run | None


class PlanLine(Schema):
    side: Literal["here", "there"]
    action: str = Field(description="created, updated, deleted, restored, linked, set_aside or conflict.")
    title: str
    remote_id: str = Field(description="Empty for what would be created there.")
    record_id: UUID | None = Field(description="null for what would be created here.")
    changes: dict[str, Any] = Field(description="{the field's label: [now, then]}, on `side`.")
    reason: str


class StreamPlan(Schema):
    stream: UUID
    collection_name: str
    entity: str
    counts: dict[str, int]
    samples: list[PlanLine]
    problems: list[str]
    truncated: bool = Field(description="There is more than was looked at; the counts are at least so many.")


class Plan(Schema):
    """What a run would do now, stream by stream. Nothing is written, here or there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "streams": [
                        {
                            "stream": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
                            "collection_name": "Contacts",
                            "entity": "contact",
                            "counts": {"created_here": 120, "linked": 4},
                            "samples": [
                                {
                                    "side": "here",
                                    "action": "created",
                                    "title": "Ada Rossi",
                                    "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
                                    "record_id": None,
                                    "changes": {"Name": [None, "Ada Rossi"], "E-mail": [None, "ada@rossi.example"]},
                                    "reason": "",
                                }
                            ],
                            "problems": [],
                            "truncated": False,
                        }
                    ],
                    "problems": [],
                }
            ]
        }
    )

    streams: list[StreamPlan]
    problems: list[str]
