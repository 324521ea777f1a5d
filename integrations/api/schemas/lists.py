"""Saved views and bulk actions as the API shows and takes them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from crm.models import BulkAction, SavedView
from integrations.api.schemas import Body

QUERY = "status=Lead&owner=-me&sort=-name"
VIEW: dict[str, Any] = {
    "id": 7,
    "entity": "contact",
    "name": "My leads",
    "query": QUERY,
    "columns": ["name", "email", "owner"],
    "is_shared": True,
    "made_by": "Ada Lovelace",
}


class View(Schema):
    """A list under a name: its search, filters, sort and columns."""

    model_config = ConfigDict(json_schema_extra={"examples": [VIEW]})
    id: int
    entity: str
    name: str
    query: str = Field(description="As in the address of the list: search `q`, filters by field, `sort`.")
    columns: list[str] = Field(description="Empty: those that the entity usually has.")
    is_shared: bool = Field(description="Everybody of the organisation sees it.")
    made_by: str

    @classmethod
    def of(cls, view: SavedView) -> View:
        return cls(
            id=view.pk,
            entity=view.entity,
            name=view.name,
            query=view.query,
            columns=view.columns,
            is_shared=view.is_shared,
            made_by=view.made_by,
        )


class ViewCreate(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "My leads", "query": QUERY, "is_shared": True}]})
    name: str = Field(description="Up to 60 characters.")
    query: str = Field("", max_length=4000, description="What does not belong to a list is passed over.")
    columns: list[str] = Field([], max_length=100)
    is_shared: bool = Field(True, description="A token always shares; a person may keep a view to themselves.")


class ViewChange(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Our leads"}]})
    name: str | None = None
    query: str | None = Field(None, max_length=4000)
    columns: list[str] | None = Field(None, max_length=100)
    is_shared: bool | None = None


class ActionCreate(Body):
    """Which records (`ids`, or all that `query` leaves), and what to do with them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"query": "status=Lead", "kind": "set", "field": "status", "value": "Active"}]}
    )
    ids: list[UUID] | None = Field(None, max_length=1000)
    query: str | None = Field(
        None, max_length=4000, description="As in the address of the list. Empty text: every record. Instead of `ids`."
    )
    kind: Literal["set", "add", "remove", "delete"] = Field(
        description="add and remove: of a field with several values."
    )
    field: str = ""
    value: Any = Field(None, description="In canonical form; null empties the field.")


class Left(Schema):
    """A record that was left as it is."""

    id: str
    title: str
    reason: str


class Action(Schema):
    """One thing done to many records. Ask for it again while it is running or undoing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
                    "entity": "contact",
                    "kind": "set",
                    "field": "status",
                    "value": "Active",
                    "state": "done",
                    "total": 106,
                    "seen": 106,
                    "changed": 104,
                    "left_count": 2,
                    "left": [
                        {"id": "01993f0a-6a3c-7d10-9f5e-2b1c9a7d4e01", "title": "Ada", "reason": "Kept by Notion."}
                    ],
                    "undone": 0,
                    "kept_count": 0,
                    "kept": [],
                    "created_at": "2026-09-15T09:30:12Z",
                }
            ]
        }
    )
    id: UUID
    entity: str
    kind: str = Field(
        description="As asked; of a change of an added field: rename, drop or wrap (one value made a list)."
    )
    field: str
    value: Any
    state: str = Field(description="running, done, undoing, undone or failed.")
    total: int
    seen: int = Field(description="How many it has looked at.")
    changed: int
    left_count: int
    left: list[Left] = Field(description="Those left as they are, with the reason; the first hundred.")
    undone: int
    kept_count: int
    kept: list[Left] = Field(description="What the undo left as it is, because it was changed since.")
    created_at: dt.datetime

    @classmethod
    def of(cls, action: BulkAction) -> Action:
        return cls(**{name: getattr(action, name) for name in cls.model_fields})


def named(query: str) -> list[tuple[str, str]]:
    """The parts of a query that would be filters, empty ones too."""
    return [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in ("q", "sort")]
