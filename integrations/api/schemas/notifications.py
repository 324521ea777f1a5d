"""What a person was told, and how they want to be told, as the API shows it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.api.schemas import Body
from integrations.notifications import words
from integrations.notifications.kinds import Kind
from integrations.notifications.models import Delivery
from integrations.notifications.preferences import Wishes
from tenants.models import Tenant

KINDS = Literal["critical", "warning", "recovered", "conflicts", "set_aside", "volumes", "webhook", "export"]
BY_MAIL = Literal["now", "digest", "never"]
RHYTHM = Literal["daily", "weekly", "never"]

NOTIFICATION: dict[str, Any] = {
    "id": 41,
    "kind": "critical",
    "code": "authentication_failed",
    "title": "Notion does not accept the key any more",
    "text": "It was revoked, replaced, or has expired. Reconnect. Mappings and paired records are kept.",
    "integration": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10",
    "label": "Reconnect",
    "url": "https://acme.raccord.example/connections/01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10/reconnect/",
    "at": "2026-09-15T09:30:01.000000Z",
    "over_at": None,
    "read_at": None,
}


class Notification(Schema):
    """One change that the person was told. Its words are in the caller's language."""

    model_config = ConfigDict(json_schema_extra={"examples": [NOTIFICATION]})

    id: int
    kind: KINDS
    code: str = Field(description="Of the trouble, or empty.")
    title: str
    text: str
    integration: UUID | None = Field(
        description="Null for what is no connection's own: trouble that concerns many, a webhook, an export."
    )
    label: str = Field(description="What the button says.")
    url: str = Field(description="The page where one sees to it.")
    at: dt.datetime
    over_at: dt.datetime | None = Field(description="When what it tells of was over; it counts as read then.")
    read_at: dt.datetime | None

    @classmethod
    def of(cls, row: Delivery, role: str, tenant: Tenant, entities: words.Entities | None = None) -> Notification:
        notice, said = row.notice, words.say(row.notice, role, entities)
        kind: Any = notice.kind
        return cls(
            id=row.pk,
            kind=kind,
            code=notice.code,
            title=said.title,
            text=said.text,
            integration=notice.integration_id,
            label=said.label,
            url=f"{tenant.url}{said.path}",
            at=notice.at,
            over_at=notice.over_at,
            read_at=row.read_at,
        )


class Read(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"read": True}]})

    read: bool = Field(True, description="False: as unread again.")


class ReadAll(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"number": 3}]})

    number: int = Field(description="How many were unread.")


CHOICES: dict[str, Any] = {
    kind: {"in_app": True, "by_mail": "now" if kind in (Kind.CRITICAL, Kind.WEBHOOK, Kind.EXPORT) else "digest"}
    for kind in Kind.values
}


class KindChoice(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CHOICES["critical"]]})

    in_app: bool
    by_mail: BY_MAIL


class Preferences(Body):
    """How a person wants to be told here. With PUT, kinds that are left out stay as they are."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"kinds": CHOICES, "digest": "daily", "hour": 8, "weekday": 0}]},
    )

    kinds: dict[KINDS, KindChoice]
    digest: RHYTHM
    hour: int = Field(ge=0, le=23, description="When the digest comes, by the person's clock.")
    weekday: int = Field(ge=0, le=6, description="Of a weekly digest; 0 is Monday.")

    @classmethod
    def of(cls, wishes: Wishes) -> Preferences:
        return cls.model_validate(
            {
                "kinds": {kind: {"in_app": one[0], "by_mail": str(one[1])} for kind, one in wishes.choices.items()},
                "digest": str(wishes.digest),
                "hour": wishes.hour,
                "weekday": wishes.weekday,
            }
        )

    def over(self, known: Wishes) -> Wishes:
        chosen = {kind: (one.in_app, one.by_mail) for kind, one in self.kinds.items()}
        return Wishes(dict(known.choices) | chosen, self.digest, self.hour, self.weekday, known.zone)
