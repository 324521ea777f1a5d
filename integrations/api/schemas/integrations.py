"""Integrations as the API shows and takes them. Credentials go in and never come out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict, model_validator

from integrations.api.schemas import Body, Trouble
from integrations.api.schemas.runs import RUN, Run
from integrations.models import Edit as EditRow
from integrations.models import IntegrationInstance, SyncLog
from integrations.scheduling.models import Due
from integrations.services import lifecycle, waiting
from integrations.webhooks import health

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
    "trouble": None,
    "failures": 0,
    "failing_since": None,
    "warned_at": None,
    "waiting": 0,
    "setup_step": "done",
    "frequency": "5min",
    "credentials": "***",
    "account": ACCOUNT,
    "created_by": "Import script",
    "created_at": "2026-09-15T09:10:02.553410Z",
    "activated_at": "2026-09-15T09:12:40.117002Z",
    "next_run_at": "2026-09-15T09:35:00.000000Z",
    "webhooks": {"state": "on", "heard_at": "2026-09-15T09:31:07.204117Z", "expires_at": None, "code": ""},
}


class Account(Schema):
    """Whom the credentials belong to."""

    id: str
    name: str
    may: list[str]


class Edit(Schema):
    """One saving of a part of the setup."""

    at: dt.datetime
    by: str = Field(description="The person, or the token's name.")
    part: Literal["name", "account", "frequency", "tables", "mapping", "rules"]
    stream: UUID | None = Field(description="Of `mapping` and `rules`.")
    before: dict[str, Any]
    after: dict[str, Any]

    @classmethod
    def of(cls, row: EditRow) -> Edit:
        return cls.model_validate(
            {
                "at": row.at,
                "by": row.by,
                "part": row.part,
                "stream": row.stream_id,
                "before": row.before,
                "after": row.after,
            }
        )


class Webhooks(Schema):
    """How well the provider tells us of changes. Whatever the state, they are also found by the schedule."""

    state: Literal["off", "asked", "failing", "on"] = Field(
        description="`off`: staff have not set it up. `asked`: the provider has not agreed yet. `failing`: see `code`."
    )
    heard_at: dt.datetime | None = Field(description="The last call.")
    expires_at: dt.datetime | None = Field(
        description="When it ends unless it is prolonged, which happens long before."
    )
    code: str


class Integration(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [INTEGRATION]})

    id: UUID
    provider: str
    name: str
    status: Literal["draft", "active", "paused", "attention"]
    status_code: str = Field(description="With `attention`: why it stopped, as a code.")
    status_detail: str
    status_since: dt.datetime
    trouble: Trouble | None = Field(description="With `attention`: why it stopped, in words, and what to do.")
    failures: int = Field(description="Runs in a row that ended in trouble that may pass.")
    failing_since: dt.datetime | None = Field(description="When the first of them ended.")
    warned_at: dt.datetime | None = Field(description="When it had failed for so long that it is going to be paused.")
    waiting: int = Field(description="Records changed here that have not gone out yet, also while it stands still.")
    setup_step: str = Field(description="connect, map, settings, activate or done.")
    frequency: FREQUENCY
    credentials: Literal["***"] | None = Field(description="`***` where there are some. They never come out.")
    account: Account | None
    created_by: str
    created_at: dt.datetime
    activated_at: dt.datetime | None
    next_run_at: dt.datetime | None = Field(description="When it runs next; in the past while it is about to.")
    webhooks: Webhooks | None = Field(description="Of one that was activated, where the provider calls.")

    @classmethod
    def of(cls, row: IntegrationInstance) -> Integration:
        return cls.many([row])[0]

    @classmethod
    def many(cls, rows: Iterable[IntegrationInstance]) -> list[Integration]:
        rows = list(rows)
        ids = [row.pk for row in rows]
        due = dict(Due.objects.filter(pk__in=ids).values_list("pk", "due_at"))
        waits = waiting.counts(ids)
        calls = health.of(rows)
        return [cls._of(row, due.get(row.pk), waits[row.pk], calls.get(row.pk)) for row in rows]

    @classmethod
    def _of(
        cls, row: IntegrationInstance, due_at: dt.datetime | None, waits: int, calls: health.Calls | None
    ) -> Integration:
        account = Account(id=row.account_id, name=row.account_name, may=row.account_may) if row.account_id else None
        return cls(
            id=row.pk,
            provider=row.provider,
            name=row.name,
            status=row.status,  # type: ignore[arg-type]
            status_code=row.status_code,
            status_detail=row.status_detail,
            status_since=row.status_since,
            trouble=Trouble.of(row.status_code, row.status_detail, row.provider),
            failures=row.failures,
            failing_since=row.failing_since,
            warned_at=row.warned_at,
            waiting=waits,
            setup_step=row.setup_step,
            frequency=row.frequency,  # type: ignore[arg-type]
            credentials="***" if row.has_key else None,
            account=account,
            created_by=row.created_by,
            created_at=row.created_at,
            activated_at=row.activated_at,
            next_run_at=due_at,
            webhooks=Webhooks(**{name: getattr(calls, name) for name in Webhooks.model_fields}) if calls else None,
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


class SignIn(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"url": "https://acme.raccord.example/connections/ID/reconnect/?way=oauth2"}]}
    )

    url: str = Field(description="A page of the tenant's own host; it leads on to the provider, and back.")


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

    @classmethod
    def of(cls, row: IntegrationInstance) -> SyncAnswer:
        due = lifecycle.next_run(row)
        run = row.runs.filter(state=SyncLog.State.RUNNING).first()
        state: Literal["waiting", "running"] = "running" if run else "waiting"
        return cls(state=state, due_at=due.due_at if due else None, run=Run.of(run) if run else None)
