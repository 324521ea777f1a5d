"""Cells as they are written, told and used in formulas."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.sandbox.airtable import errors
from integrations.sandbox.airtable.model import (
    COMPUTED,
    NUMBERS,
    TEXTS,
    Field,
    Row,
    Table,
    new_id,
    new_option,
    option_by_id,
    option_by_name,
)
from integrations.sandbox.clock import iso, parse_ms

if TYPE_CHECKING:
    from integrations.sandbox.airtable.world import AirtableWorld

MOST_TEXT = 100_000
HOUR_MS = 3_600_000


class Cells:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world

    # Telling

    def told(self, row: Row, field: Field) -> Any:
        """The value as the API tells it; None where the cell is empty, and absent in the answer."""
        kind, value = field["type"], row.cells.get(field["id"])
        if kind in COMPUTED:
            return self._computed(row, field)
        if value in (None, "", [], False):
            return None
        if kind == "singleSelect":
            option = option_by_id(field["options"], value)
            return option["name"] if option else None
        if kind == "multipleSelects":
            return [found["name"] for each in value if (found := option_by_id(field["options"], each))] or None
        if kind == "singleCollaborator":
            return self.world.users.get(value)
        if kind == "multipleCollaborators":
            return [self.world.users[each] for each in value if each in self.world.users] or None
        if kind == "multipleRecordLinks":
            return [each for each in value if self.world.alive(each)] or None
        if kind == "multipleAttachments":
            return [self._attachment(each) for each in value]
        return value

    def _attachment(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Its link holds for two hours, so it is another one at every look."""
        until = (self.world.now() // HOUR_MS + 2) * HOUR_MS
        return {**kept, "url": f"https://v5.airtableusercontent.com/v3/u/{until}/{kept['id']}"}

    def _computed(self, row: Row, field: Field) -> Any:
        options = field.get("options") or {}
        match field["type"]:
            case "autoNumber":
                return row.number
            case "createdTime":
                return iso(row.created // 1000 * 1000)
            case "lastModifiedTime":
                return iso(self.world.modified_time(row))
            case "createdBy":
                return self.world.users.get(row.author)
            case "lastModifiedBy":
                return self.world.users.get(row.editor)
            case "count":
                links = self.told(row, self._table(row).fields[options["recordLinkFieldId"]])
                return len(links or [])
            case "multipleLookupValues":
                return self._looked_up(row, options)
            case "formula":
                return self._formula(row, options["formula"])
        return row.cells.get(field["id"])

    def _looked_up(self, row: Row, options: Mapping[str, Any]) -> Any:
        link = self._table(row).fields[options["recordLinkFieldId"]]
        there = self.world.tables[link["options"]["linkedTableId"]].fields[options["fieldIdInLinkedTable"]]
        found: list[Any] = []
        for ident in self.told(row, link) or []:
            value = self.told(self.world.rows[ident], there)
            found += value if isinstance(value, list) else [] if value is None else [value]
        return found or None

    def _formula(self, row: Row, text: str) -> Any:
        """Joined fields and texts, as in `{fld1} & " / " & {fld2}`; `1/0` is an error."""
        if text == "1/0":
            return {"error": "#ERROR!"}
        table = self._table(row)
        parts = []
        for part in re.split(r"\s*&\s*", text):
            field = table.field(part[1:-1]) if part.startswith("{") else None
            parts.append(str(self.in_formula(row, field) or "") if field else part.strip('"'))
        return "".join(parts) or None

    def in_formula(self, row: Row, field: Field) -> Any:
        """A link shows the primary values of what it links, not ids."""
        value = self.told(row, field)
        if field["type"] == "multipleRecordLinks":
            return ", ".join(self.title(self.world.rows[each]) for each in value or [])
        if isinstance(value, list):
            return ", ".join(str(each.get("name") if isinstance(each, dict) else each) for each in value)
        if isinstance(value, dict):
            return value.get("name", "")
        return value

    def title(self, row: Row) -> str:
        table = self._table(row)
        value = self.in_formula(row, table.fields[table.primary])
        return "" if value is None else str(value)

    def _table(self, row: Row) -> Table:
        return self.world.tables[row.table]

    # Writing

    def written(self, table: Table, field: Field, value: Any, typecast: bool, pending: list[tuple[Field, Any]]) -> Any:
        """The compact value. pending: options that this write makes, should all of it be good. Raises AirtableError."""
        kind = field["type"]
        if kind in COMPUTED:
            raise errors.cannot_accept(field, "a value because the field is computed")
        if value is None or value in ("", []):
            return None
        if kind in TEXTS:
            return self._text(field, str(value) if typecast and not isinstance(value, str) else value)
        if kind in NUMBERS or kind == "rating":
            return self._number(field, value, typecast)
        match kind:
            case "checkbox" if isinstance(value, bool):
                return value or None
            case "date":
                return _day(field, value)
            case "dateTime":
                return _moment(field, value)
            case "singleSelect":
                return self._option(field, value, typecast, pending)
            case "multipleSelects" if isinstance(value, list):
                return list(dict.fromkeys(self._option(field, each, typecast, pending) for each in value))
            case "singleCollaborator":
                return self._user(field, value, typecast)
            case "multipleCollaborators" if isinstance(value, list):
                return [self._user(field, each, typecast) for each in value]
            case "multipleRecordLinks" if isinstance(value, list):
                return [self._linked(field, each, typecast) for each in value]
            case "multipleAttachments" if isinstance(value, list):
                return [self._attached(table, field, each) for each in value]
            case "barcode" if isinstance(value, dict) and isinstance(value.get("text"), str):
                return {"text": value["text"]}
        raise errors.cannot_accept(field)

    def _text(self, field: Field, value: Any) -> str:
        if not isinstance(value, str) or len(value) > MOST_TEXT:
            raise errors.cannot_accept(field)
        if field["type"] == "richText":
            return re.sub(r"(?m)^(\s*)\* ", r"\1- ", value.rstrip("\n")) + "\n"
        return value

    def _number(self, field: Field, value: Any, typecast: bool) -> float:
        if typecast and isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise errors.cannot_accept(field) from None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise errors.cannot_accept(field)
        if field["type"] == "rating" and not (isinstance(value, int) and 1 <= value <= field["options"]["max"]):
            raise errors.cannot_accept(field)
        return value

    def _option(self, field: Field, value: Any, typecast: bool, pending: list[tuple[Field, Any]]) -> str:
        if not isinstance(value, str):
            raise errors.cannot_accept(field)
        made = next((option for owner, option in pending if owner is field and option["name"] == value), None)
        found = option_by_name(field["options"], value) or made
        if found is None and not typecast:
            message = f'Insufficient permissions to create new select option ""{value}""'
            raise errors.refused("INVALID_MULTIPLE_CHOICE_OPTIONS", message)
        if found is None:
            found = new_option(value)
            pending.append((field, found))
        return str(found["id"])

    def _user(self, field: Field, value: Any, typecast: bool) -> str:
        wanted = value if isinstance(value, dict) else {"email": value} if typecast else {}
        for user in self.world.users.values():
            if user["id"] == wanted.get("id") or (wanted.get("email") and user["email"] == wanted["email"].lower()):
                return str(user["id"])
        raise errors.cannot_accept(field)

    def _linked(self, field: Field, value: Any, typecast: bool) -> str:
        there = field["options"]["linkedTableId"]
        row = self.world.rows.get(value) if isinstance(value, str) else None
        if row is not None and row.table == there and not row.trashed:
            return row.id
        if typecast and isinstance(value, str) and not value.startswith("rec"):
            same = (each for each in self.world.rows_of(there) if self.title(each) == value)
            if found := next(same, None):
                return found.id
        raise errors.no_row(str(value)) if isinstance(value, str) else errors.cannot_accept(field)

    def _attached(self, table: Table, field: Field, value: Any) -> dict[str, Any]:
        if isinstance(value, dict) and str(value.get("url", "")).startswith(("http://", "https://")):
            name = value.get("filename") or value["url"].rpartition("/")[2] or "file"
            return {"id": new_id("att"), "filename": name, "size": 1024, "type": "application/pdf"}
        for row in self.world.rows_of(table.id) if isinstance(value, dict) and value.get("id") else ():
            for kept in row.cells.get(field["id"]) or []:
                if kept["id"] == value["id"]:
                    return dict(kept)
        raise errors.refused("INVALID_ATTACHMENT_OBJECT", f'Invalid attachment for field "{field["name"]}"')


def _day(field: Field, value: Any) -> str:
    try:
        return dt.date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise errors.cannot_accept(field) from None


def _moment(field: Field, value: Any) -> str:
    try:
        return iso(int(value) if isinstance(value, int | float) else parse_ms(str(value)))
    except (ValueError, OverflowError):
        raise errors.cannot_accept(field) from None
