"""The organisation, its team and its added fields, as the API shows them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from crm.models import BulkAction, CustomField
from tenants import models, team

ROLE: TypeAlias = Literal["owner", "admin", "member", "viewer"]
ORGANISATION: dict[str, Any] = {
    "name": "Acme Studio",
    "url": "https://acme.example.com",
    "timezone": "Europe/Paris",
    "currency": "EUR",
    "language": "en",
    "changed_by": "Ada Lovelace",
    "changed_at": "2026-09-15T09:30:00Z",
}
MEMBER: dict[str, Any] = {
    "id": 7,
    "name": "Grace Hopper",
    "email": "grace@acme.example",
    "role": "member",
    "seen_at": "2026-09-15T09:30:00Z",
}
INVITATION: dict[str, Any] = {
    "id": 3,
    "email": "new@acme.example",
    "role": "viewer",
    "invited_by": "Ada Lovelace",
    "sent_at": "2026-09-15T09:30:00Z",
    "ends_at": "2026-09-22T09:30:00Z",
}
FIELD: dict[str, Any] = {
    "id": 12,
    "name": "custom.tier",
    "label": "Tier",
    "type": "select",
    "options": ["Gold", "Tin"],
}


TOKEN: dict[str, Any] = {
    "id": 5,
    "name": "Import script",
    "prefix": "rac_8xVq1mZ0",
    "role": "member",
    "scopes": ["records.write"],
    "created_by": "Ada Lovelace",
    "created_at": "2026-09-15T09:30:00Z",
    "used_at": "2026-09-15T09:31:00Z",
    "expires_at": None,
}


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Organisation(Schema):
    model_config = _example(ORGANISATION)

    name: str
    url: str
    timezone: str
    currency: str = Field(description="What a new amount starts with.")
    language: str = Field(description="For people who have not chosen their own.")
    changed_by: str
    changed_at: dt.datetime | None

    @classmethod
    def of(cls, row: models.Tenant) -> Organisation:
        return cls(**{name: getattr(row, name) for name in ORGANISATION} | {"timezone": str(row.timezone)})


class OrganisationChange(Schema):
    model_config = _example({"timezone": "Europe/Rome"})

    name: str | None = None
    timezone: str | None = None
    currency: str | None = None
    language: str | None = None


class Member(Schema):
    model_config = _example(MEMBER)

    id: int
    name: str
    email: str
    role: ROLE
    seen_at: dt.datetime | None = Field(description="When they last opened a page, to a few minutes.")

    @classmethod
    def of(cls, row: models.Membership) -> Member:
        return cls(id=row.pk, name=row.user.name, email=row.user.email, role=cast(ROLE, row.role), seen_at=row.seen_at)


class RoleChange(Schema):
    model_config = _example({"role": "admin"})

    role: ROLE


class Invitation(Schema):
    model_config = _example(INVITATION)

    id: int
    email: str
    role: ROLE
    invited_by: str
    sent_at: dt.datetime
    ends_at: dt.datetime = Field(description="When the link of the last mail stops working.")

    @classmethod
    def of(cls, row: models.Invitation) -> Invitation:
        by = str(row.invited_by or "")
        return cls(
            id=row.pk,
            email=row.email,
            role=cast(ROLE, row.role),
            invited_by=by,
            sent_at=row.sent_at,
            ends_at=team.ends_at(row),
        )


class Token(Schema):
    """Without the token itself: only its hash is kept."""

    model_config = _example(TOKEN)

    id: int
    name: str
    prefix: str = Field(description="How it begins, so that it can be recognised.")
    role: ROLE
    scopes: list[str] = Field(description="What it may do; empty: everything that its role may.")
    created_by: str
    created_at: dt.datetime
    used_at: dt.datetime | None = Field(description="To the minute.")
    expires_at: dt.datetime | None = Field(description="Null: it works until it is revoked.")

    @classmethod
    def of(cls, row: models.ApiToken) -> Token:
        known = {name: getattr(row, name) for name in TOKEN}
        return cls(**known | {"created_by": str(row.created_by or "")})


class Invite(Schema):
    model_config = _example({"emails": ["new@acme.example"], "role": "viewer"})

    emails: list[str] = Field(min_length=1, max_length=50)
    role: ROLE


class Invited(Schema):
    model_config = _example({"invited": [INVITATION], "known": ["grace@acme.example"]})

    invited: list[Invitation]
    known: list[str] = Field(description="Who is on the team already.")


class AddedField(Schema):
    """A field that the tenant added to an entity."""

    model_config = _example(FIELD)

    id: int
    name: str = Field(description="How `values` and mappings name it.")
    label: str
    type: str
    options: list[str]
    action: UUID | None = Field(None, description="How the records follow a change; null where none has to.")

    @classmethod
    def of(cls, row: CustomField, action: BulkAction | None = None) -> AddedField:
        name = f"custom.{row.name}"
        done_by = action.pk if action else None
        return cls(id=row.pk, name=name, label=row.label, type=row.type, options=row.options, action=done_by)


class AddedFieldAsk(Schema):
    model_config = _example({"label": "Tier", "type": "select", "options": ["Gold", "Tin"]})

    label: str = Field(min_length=1, max_length=100)
    type: str = Field(
        description="text, long_text, decimal, date, boolean, select, multi_select, url, email, phone or person."
    )
    options: list[str] = Field([], max_length=500, description="Of a select.")


class AddedFieldChange(Schema):
    model_config = _example({"label": "Level"})

    label: str | None = Field(None, min_length=1, max_length=100)
    type: str | None = Field(None, description="Only one that keeps every value, and while the field is not mapped.")
    options: list[str] | None = Field(None, max_length=500)
    renamed: dict[str, str] = Field(
        {}, max_length=500, description="{old option: new}. The records that hold the old ones get the new ones."
    )
    move: Literal["up", "down"] | None = Field(None, description="One place among the added fields of its entity.")


class Removed(Schema):
    model_config = _example({"records": 4, "action": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02"})

    records: int = Field(description="How many had a value in it; their history keeps it.")
    action: UUID = Field(description="Takes the values away, in the background where they are many, and can be undone.")
