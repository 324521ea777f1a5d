"""Between the practice tool's JSON and canonical values, both ways. No calls here.

It keeps each of our types in its canonical form, so little is left to translate; what it is told is checked all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from integrations.adapters import errors
from integrations.adapters.base import Collection, Field, Record, Schema
from integrations.adapters.values import Type, Unfit, Value, canonical

MOST = {Type.TEXT: 1000, Type.LONG_TEXT: 20_000}
SELECTS = (Type.SELECT, Type.MULTI_SELECT)


def to_schema(table: Mapping[str, Any]) -> Schema:
    """A table as it is told; its first field names a row. Raises SchemaChanged."""
    try:
        fields = tuple(to_field(raw) for raw in table["fields"])
        return Schema(Collection(table["id"], table["name"]), fields, title=fields[0].id if fields else "")
    except (KeyError, TypeError) as error:
        raise errors.SchemaChanged(f"a table is not as documented: {error!r}") from error


def to_field(raw: Mapping[str, Any]) -> Field:
    """A field of a type that we do not know is shown as it comes, and never written."""
    known = raw["type"] in list(Type)
    kind = Type(raw["type"]) if known else Type.JSON
    return Field(
        raw["id"],
        raw["name"],
        kind,
        many=bool(raw.get("many")),
        read_only=not known,
        required=bool(raw.get("required")),
        options=tuple(raw.get("options") or ()) if kind in SELECTS else (),
        creates_options=kind in SELECTS,
        target=raw.get("target") or "" if kind is Type.RELATION else "",
        max_length=MOST.get(kind),
    )


def to_record(raw: Mapping[str, Any], schema: Schema) -> Record:
    """A row as it is told: times are ISO 8601 in UTC, an empty cell is null. Raises SchemaChanged."""
    values: dict[str, Value] = {}
    unfit: dict[str, str] = {}
    try:
        for field in schema.fields:
            if field.id not in raw["fields"]:
                continue  # not told: not the same as empty
            try:
                values[field.id] = canonical(field.type, raw["fields"][field.id])
            except Unfit as error:
                unfit[field.id] = str(error)
        return Record(
            raw["id"],
            values,
            edited_at=dt.datetime.fromisoformat(raw["edited_at"]),
            version=str(raw["version"]),
            deleted=raw["deleted"],
            marker=raw["external_id"],
            made_by_us=raw["external_id"] is not None,
            edited_by=raw["edited_by"],
            created_at=dt.datetime.fromisoformat(raw["created_at"]),
            unfit=unfit,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise errors.SchemaChanged(f"a row is not as documented: {error!r}") from error


def to_cell(field: Field | None, value: Value) -> Any:
    """What is sent for a canonical value; None empties. Raises InvalidRecord for what the field cannot hold."""
    if field is None:
        raise errors.SchemaChanged("a column is written that the table does not have any more")
    try:
        return canonical(field.type, value)
    except Unfit as error:
        raise errors.InvalidRecord(str(error), field.id) from error


def reads_back(field: Field, value: Value) -> Value:
    """A box is ticked or not; everything else is kept in its canonical form."""
    try:
        kept = canonical(field.type, value)
    except Unfit:
        return value
    return bool(kept) if field.type is Type.BOOLEAN else kept
