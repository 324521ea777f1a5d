"""The short connector endpoints' bodies: one answer per provider, for the tenant's one integration of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.api.schemas import Body, Trouble
from integrations.api.schemas.integrations import FREQUENCY, Account, Credentials, Integration
from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance, SyncLog

TABLE: dict[str, Any] = {
    "id": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
    "collection": "Contacts",
    "entity": "contact",
    "direction": "both",
}
CONNECTOR: dict[str, Any] = {
    "provider": "notion",
    "name": "Notion",
    "integrations": 1,
    "integration": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
    "status": "active",
    "trouble": None,
    "frequency": "5min",
    "credentials": "***",
    "account": {"id": "8f2c6d0e-acme", "name": "Acme Studio", "may": ["read", "insert", "update"]},
    "streams": [TABLE],
    "next_run_at": "2026-09-15T09:35:00.000000Z",
}
LOG: dict[str, Any] = {
    "run": "01993f0a-4e80-7142-a5f4-0d9e8f7a6b13",
    "provider": "notion",
    "integration": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
    "state": "done",
    "trigger": "api",
    "started_at": "2026-09-15T09:30:00.412000Z",
    "ended_at": "2026-09-15T09:30:03.020000Z",
    "counts": {"read": 120, "created_here": 116, "linked": 4, "requests": 9},
    "trouble": None,
}


class Table(Schema):
    id: UUID
    collection: str
    entity: str
    direction: str


class Connector(Schema):
    """A provider and how the tenant is connected to it."""

    model_config = ConfigDict(json_schema_extra={"examples": [CONNECTOR]})

    provider: str
    name: str
    integrations: int = Field(description="How many the tenant has of this provider; the rest is told where it is one.")
    integration: UUID | None
    status: str | None = Field(description="draft, active, paused or attention.")
    trouble: Trouble | None = Field(description="With `attention`: why it stopped, in words, and what to do.")
    frequency: FREQUENCY | None
    credentials: str | None = Field(description="`***` where there are some. They never come out.")
    account: Account | None
    streams: list[Table]
    next_run_at: dt.datetime | None

    @classmethod
    def many(cls, providers: Iterable[Provider], rows: Iterable[IntegrationInstance]) -> list[Connector]:
        """rows: with their streams fetched."""
        of: dict[str, list[IntegrationInstance]] = {}
        for row in rows:
            of.setdefault(row.provider, []).append(row)
        told = {one.id: one for one in Integration.many(row for some in of.values() for row in some)}
        return [cls._of(provider, of.get(provider.slug, []), told) for provider in providers]

    @classmethod
    def _of(cls, provider: Provider, rows: list[IntegrationInstance], told: dict[UUID, Integration]) -> Connector:
        one = told[rows[0].pk] if len(rows) == 1 else None
        tables = [
            Table(id=stream.pk, collection=stream.collection_name, entity=stream.entity, direction=stream.direction)
            for stream in (rows[0].streams.all() if one else ())
        ]
        about = ("status", "trouble", "frequency", "credentials", "account", "next_run_at")
        facts: dict[str, Any] = {name: getattr(one, name, None) for name in about}
        return cls(
            provider=provider.slug,
            name=provider.name,
            integrations=len(rows),
            integration=one.id if one else None,
            streams=tables,
            **facts,
        )


class Connectors(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"connectors": [CONNECTOR]}]})

    connectors: list[Connector]


class ConnectorChange(Body):
    """What is given is changed; the integration is begun where there is none yet."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"credentials": {"token": "ntn_sandbox_demo"}, "frequency": "hourly"}]},
    )

    credentials: Credentials | None = None
    name: str | None = Field(None, max_length=100)
    frequency: FREQUENCY | None = None
    active: bool | None = Field(None, description="true: sync, once tables are mapped. false: pause.")


class ConnectorTest(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})

    credentials: Credentials | None = Field(None, description="Try these and keep nothing; else those that are kept.")


class Log(Schema):
    """One run."""

    model_config = ConfigDict(json_schema_extra={"examples": [LOG]})

    run: UUID
    provider: str
    integration: UUID
    state: str
    trigger: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    counts: dict[str, Any]
    trouble: Trouble | None

    @classmethod
    def of(cls, row: SyncLog) -> Log:
        provider = row.integration.provider
        return cls(
            run=row.pk,
            provider=provider,
            integration=row.integration_id,
            state=row.state,
            trigger=row.trigger,
            started_at=row.started_at,
            ended_at=row.ended_at,
            counts=row.told_counts,
            trouble=Trouble.of(row.error_code, row.error_detail, provider),
        )
