"""Imports and their rows as the API shows them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, cast
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.api.schemas import Body
from integrations.files.models import Import as Row
from integrations.files.models import ImportRow as LineRow

COLUMNS = [
    {"id": "c0", "name": "Name", "type": "text", "seen": ["Ada Rossi", "Bo Berg"]},
    {"id": "c1", "name": "Mail", "type": "text", "seen": ["ada@rossi.example"]},
]
MAPPING: list[dict[str, Any]] = [
    {"column": "c0", "field": "name", "options": {}, "reason": "same name"},
    {"column": "c1", "field": "email", "options": {}, "reason": "“Mail” means the same as “E-mail”"},
]
MATCHING = {"how": "both", "keys": ["email", "name"], "empty": "keep"}
IMPORT: dict[str, Any] = {
    "id": "01993f0a-5b1c-7d02-9e47-3c2b1a0f9e8d",
    "entity": "contact",
    "name": "contacts.csv",
    "state": "draft",
    "version": 1,
    "layout": {"encoding": "utf-8", "delimiter": ",", "sheet": "", "sheets": [], "header": 1},
    "columns": COLUMNS,
    "mapping": MAPPING,
    "matching": MATCHING,
    "rows": 0,
    "counts": {},
    "new_options": {},
    "problem": "",
    "imported_before": None,
    "made_by": "Import script",
    "approved_by": "",
    "created_at": "2026-09-15T09:30:00.412000Z",
    "began_at": None,
    "ended_at": None,
}


class Layout(Schema):
    """How the file is read."""

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sheets: list[str] = []
    header: int = Field(1, description="Number of the row with the names of the columns.")


class Column(Schema):
    id: str
    name: str
    type: str = Field(description="text, or decimal, date, datetime, boolean where all cells of an Excel column are.")
    seen: list[str] = Field(description="Some of its cells.")


class ColumnMapping(Schema):
    column: str
    field: str = Field("", description="Empty: the column is left out.")
    options: dict[str, Any] = Field(
        {},
        description="`transforms` as in mappings; `adds: true` makes options that are missing here (admins); "
        "`lenient: true` leaves the field as it is where a cell names a record that is not here, "
        "`creates: true` makes that record.",
    )
    reason: str = Field("", description="Why it was suggested.")


class ImportMatching(Schema):
    how: Literal["both", "create", "match"] = "both"
    keys: list[str] = Field(
        [], description="Fields that tell which record a row is about, the strongest first; `id` too."
    )
    empty: Literal["keep", "clear"] = Field("keep", description="What an empty cell does to the field.")


class Import(Schema):
    """A file on its way in. Poll it while `state` is planning, running or undoing."""

    model_config = ConfigDict(json_schema_extra={"examples": [IMPORT]})

    id: UUID
    entity: str
    name: str
    state: Literal["draft", "planning", "ready", "running", "done", "undoing", "undone", "failed", "discarded"]
    version: int
    layout: Layout
    columns: list[Column]
    mapping: list[ColumnMapping]
    matching: ImportMatching
    rows: int = Field(description="Rows read by the preview so far.")
    counts: dict[str, int] = Field(
        description="created, updated, same, refused, ambiguous: what would happen; created_done, updated_done, left: what did; "
        "undone, kept; related, related_done, related_undone, related_kept: records that rows point to and that are made "
        "with them. Those that are 0 are left out."
    )
    new_options: dict[str, list[str]] = Field(description="Options that the import makes, by field.")
    problem: str
    imported_before: UUID | None = Field(None, description="The import of the very same file, if there was one.")
    made_by: str
    approved_by: str
    created_at: dt.datetime
    began_at: dt.datetime | None
    ended_at: dt.datetime | None

    @classmethod
    def of(cls, job: Row, before: Row | None = None) -> Import:
        return cls(
            id=job.pk, entity=job.entity, name=job.name, state=cast(Any, job.state), version=job.version,
            layout=Layout(**job.layout), columns=[Column(**one) for one in job.columns],
            mapping=[ColumnMapping(**one) for one in job.mapping],
            matching=ImportMatching(**job.matching), rows=job.rows, counts=job.counts, new_options=job.new_options,
            problem=job.problem, imported_before=before.pk if before else None, made_by=job.by,
            approved_by=job.approved_by, created_at=job.created_at, began_at=job.began_at, ended_at=job.ended_at,
        )  # fmt: skip


class LayoutAsk(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"delimiter": ";", "header": 2}]})

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header: int | None = None


class ColumnAsk(Body):
    column: str
    field: str = ""
    options: dict[str, Any] = {}


class MatchingAsk(Body):
    how: Literal["both", "create", "match"]
    keys: list[str] = []
    empty: Literal["keep", "clear"] = "keep"


class ImportChange(Body):
    """What is given is changed; a preview that was made is void then. A new layout suggests the mapping anew."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"mapping": [{"column": "c0", "field": "name"}, {"column": "c1", "field": "email"}],
                          "matching": {"how": "both", "keys": ["email"]}}]
        },
    )  # fmt: skip

    layout: LayoutAsk | None = None
    mapping: list[ColumnAsk] | None = None
    matching: MatchingAsk | None = None
    version: int | None = Field(None, description="The version you have seen: 409 if somebody changed it meanwhile.")


class Approval(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"version": 4}]})

    version: int = Field(
        description="Of the import in its state `ready`, whose rows you have seen: 409 if it moved since."
    )


class ImportRow(Schema):
    """What is done with one row of the file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"number": 2, "action": "updated", "record": "01993f0a-7a1e-7b10-8c2d-5e6f7a8b9c0d", "title": "Ada Rossi",
                 "changes": {"phone": [None, "+39 055 1"]}, "reason": "", "outcome": "done"}
            ]
        }
    )  # fmt: skip

    number: int = Field(description="As a spreadsheet counts.")
    action: Literal["created", "updated", "same", "refused", "ambiguous"]
    record: UUID | None
    title: str
    changes: dict[str, list[Any]] = Field(description="{field: [before, after]}")
    reason: str
    outcome: Literal["waiting", "done", "left", "undone", "kept"]

    @classmethod
    def of(cls, line: LineRow) -> ImportRow:
        return cls(
            number=line.number, action=cast(Any, line.action), record=line.record_id, title=line.title, changes=line.changes,
            reason=line.reason, outcome=cast(Any, line.outcome or "waiting"),
        )  # fmt: skip
