"""The conditions of a filter as rows of a form, on both sides, and in words."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from crm import present
from integrations.models import Stream
from integrations.services import filters
from integrations.services.filters import MOST, SIDES
from integrations.sync.filters import EMPTY, ORDER, operand
from integrations.ui.status import plural
from integrations.ui.tools import tool
from values import Type, Unfit

NUMBERS = (Type.INTEGER, Type.DECIMAL, Type.MONEY)
TIMES = (Type.DATE, Type.DATETIME)


@dataclasses.dataclass(slots=True)
class Row:
    """One condition as it stands in the form. values: as typed; several for "one of"."""

    field: str
    op: str = ""
    values: list[str] = dataclasses.field(default_factory=list)
    error: str = ""


class Conditions:
    """Both sides' conditions while a person edits them."""

    def __init__(self, stream: Stream, rows: dict[str, list[Row]]) -> None:
        self.stream = stream
        described = filters.describe(stream)
        self.choices = {side: {one.field: one for one in described[side]} for side in SIDES}
        self.rows = {side: [row for row in rows.get(side, []) if row.field] for side in SIDES}
        for side in SIDES:
            for row in self.rows[side]:
                self._fit(side, row)

    @classmethod
    def of(cls, stream: Stream) -> Conditions:
        """As they are saved."""
        return cls.given(stream, stream.filters or {})

    @classmethod
    def given(cls, stream: Stream, saved: Mapping[str, Any]) -> Conditions:
        """As Stream.filters holds them."""
        return cls(
            stream,
            {
                side: [Row(one["field"], one["op"], _typed(one.get("value"))) for one in saved.get(side, [])]
                for side in SIDES
            },
        )

    @classmethod
    def posted(cls, stream: Stream, data: QueryDict) -> Conditions:
        """As they stand in the form."""
        rows: dict[str, list[Row]] = {}
        for side in SIDES:
            for number in data.getlist(side)[:MOST]:
                at = f"{side}-{number}"
                typed = [text.strip() for text in data.getlist(f"{at}-value") if text.strip()]
                rows.setdefault(side, []).append(Row(data.get(f"{at}-field", ""), data.get(f"{at}-op", ""), typed))
        return cls(stream, rows)

    def do(self, verb: str, target: str) -> None:
        """add:<side>, remove:<side>-<number>; anything else only draws anew."""
        side, _dash, number = target.partition("-")
        if side not in SIDES:
            return
        if verb == "add" and self.choices[side] and len(self.rows[side]) < MOST:
            row = Row(next(iter(self.choices[side])))
            self._fit(side, row)
            self.rows[side].append(row)
        elif verb == "remove" and number.isdecimal() and int(number) < len(self.rows[side]):
            del self.rows[side][int(number)]

    def _fit(self, side: str, row: Row) -> None:
        """An operator that the field does not have becomes its first."""
        if (known := self.choices[side].get(row.field)) and row.op not in known.ops:
            row.op = known.ops[0]

    # --- what is saved --------------------------------------------------------------------------------------------

    @property
    def has_errors(self) -> bool:
        return any(row.error for rows in self.rows.values() for row in rows)

    def wanted(self) -> dict[str, list[dict[str, Any]]]:
        """For `filters.change`; what cannot be read stands as `error` at its row."""
        return {
            side: [found for row in self.rows[side] if (found := self._condition(side, row))]
            for side in SIDES
            if self.rows[side]
        }

    def _condition(self, side: str, row: Row) -> dict[str, Any] | None:
        known = self.choices[side].get(row.field)
        if known is None:
            row.error = _("This field is gone. Remove the condition, or choose another field.")
            return None
        try:
            value = operand(known.type, row.op, _canonical(known.type, row.op, row.values))
        except (Unfit, ValueError, InvalidOperation):
            is_number = known.type in NUMBERS and row.values
            row.error = _("Write a number.") if is_number else _("This condition needs a value.")
            return None
        found = {"field": row.field, "op": row.op}
        return found if row.op in EMPTY else found | {"value": value}

    # --- what the page shows ----------------------------------------------------------------------------------------

    def context(self) -> list[dict[str, Any]]:
        """For integrations/_conditions.html."""
        name = tool(self.stream.integration.provider).name
        return [
            {
                "side": side,
                "tool": name,
                "rows": [self._row(side, number, row) for number, row in enumerate(self.rows[side])],
                "sentence": self._sentence(side, name),
                "may_add": bool(self.choices[side]) and len(self.rows[side]) < MOST,
            }
            for side in SIDES
        ]

    def _row(self, side: str, number: int, row: Row) -> dict[str, Any]:
        known = self.choices[side].get(row.field)
        return {
            "number": number,
            "at": f"{side}-{number}",
            "fields": [
                {"value": one.field, "label": one.label, "chosen": one.field == row.field}
                for one in self.choices[side].values()
            ],
            "gone": row.field if known is None else "",
            "ops": [{"value": op, "label": op_words(known.type, op), "chosen": op == row.op} for op in known.ops]
            if known
            else [],
            "input": _input(known.type, row.op, known.options) if known else "none",
            "options": [{"value": one, "chosen": one in row.values} for one in known.options] if known else [],
            "values": row.values,
            "value": ", ".join(row.values),
            "error": row.error,
        }

    def _sentence(self, side: str, name: str) -> str:
        place = {"records": plural(self.stream.entity).lower(), "tool": name, "conditions": self._parts(side)}
        if not place["conditions"]:
            return {
                "here": _("All %(records)s here take part."),
                "there": _("All records of the table in %(tool)s take part."),
            }[side] % place
        return {
            "here": _("Only %(records)s here take part whose %(conditions)s."),
            "there": _("Only records in %(tool)s take part whose %(conditions)s."),
        }[side] % place

    def _parts(self, side: str) -> str:
        parts = [self._words(side, row) for row in self.rows[side]]
        return pgettext("between conditions that all hold", " and ").join(part for part in parts if part)

    def _words(self, side: str, row: Row) -> str:
        known = self.choices[side].get(row.field)
        if known is None:
            return ""
        values = [_shown(known.type, text) for text in row.values]
        return " ".join(part for part in (known.label, op_words(known.type, row.op), ", ".join(values)) if part)


def op_words(kind: Type, op: str) -> str:
    if kind in TIMES and op in ORDER:
        return {
            "gt": pgettext("a date", "is after"),
            "gte": pgettext("a date", "is on or after"),
            "lt": pgettext("a date", "is before"),
            "lte": pgettext("a date", "is on or before"),
        }[op]
    return {
        "is": _("is"),
        "is_not": _("is not"),
        "contains": _("contains"),
        "in": _("is one of"),
        "empty": _("is empty"),
        "not_empty": _("is not empty"),
        "gt": _("is above"),
        "gte": _("is at least"),
        "lt": _("is below"),
        "lte": _("is at most"),
    }[op]


def _input(kind: Type, op: str, options: Sequence[str]) -> str:
    """Which control asks for the value: none, boolean, options, option, number, date or text."""
    if op in EMPTY:
        return "none"
    if kind is Type.BOOLEAN:
        return "boolean"
    if options and op in ("is", "is_not", "in", "contains"):
        return "options" if op == "in" else "option"
    if kind in NUMBERS and op != "in":
        return "number"
    return "date" if kind in TIMES else "text"


def _canonical(kind: Type, op: str, typed: list[str]) -> Any:
    if op == "in":
        parts = [part.strip() for text in typed for part in text.split(",")]
        return [_canonical(kind, "is", [part]) for part in parts if part]
    text = typed[0] if typed else None
    if text is None:
        return None
    if kind is Type.BOOLEAN:
        return text == "yes"
    if kind in NUMBERS:
        number = Decimal(
            text.replace("\u00a0", "").replace("\u202f", "").replace(" ", "").replace("'", "").replace(",", ".")
        )
        return int(number) if kind is Type.INTEGER else format(number.normalize(), "f")
    return text


def _typed(value: Any) -> list[str]:
    """A saved value as it was typed."""
    if isinstance(value, list):
        return [text for one in value for text in _typed(one)]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return [] if value is None else [str(value)]


def _shown(kind: Type, text: str) -> str:
    if kind is Type.BOOLEAN:
        return _("Yes") if text == "yes" else _("No")
    try:
        if kind in NUMBERS:
            return present.number(_canonical(kind, "is", [text]))
        if kind in TIMES:
            return formats.date_format(dt.date.fromisoformat(text[:10]), "DATE_FORMAT")
    except (ValueError, InvalidOperation):
        pass
    return f"“{text}”" if kind in (Type.TEXT, Type.LONG_TEXT) else text
