"""Between what a person types into a cell and the value that it keeps, both ways."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from practice.cells import Unacceptable
from values import Type, Value

#: The kind of field in which a cell is edited; others are plain text.
EDITORS = {
    Type.LONG_TEXT: "area",
    Type.JSON: "area",
    Type.FILE: "area",
    Type.EMAIL: "email",
    Type.PHONE: "tel",
    Type.DATE: "date",
    Type.DATETIME: "datetime-local",
    Type.BOOLEAN: "select",
    Type.SELECT: "select",
    Type.RELATION: "select",
    Type.MULTI_SELECT: "several",
}
NUMBERS = (Type.INTEGER, Type.DECIMAL)


def editor(field: dict[str, Any]) -> str:
    kind = EDITORS.get(Type(field["type"]), "text")
    return "several" if kind == "select" and field.get("many") else kind


def read(field: dict[str, Any], entered: Any) -> Any:
    """What is to be kept; `cells.checked` has the last word. entered: text, or a list of texts. Raises Unacceptable."""
    kind = Type(field["type"])
    if isinstance(entered, list):
        return [one for one in entered if one] or None
    text = entered if kind in (Type.TEXT, Type.LONG_TEXT) else entered.strip()
    if kind is Type.BOOLEAN:
        return text == "yes"
    if not text:
        return None
    if kind in NUMBERS:
        return text.replace("\u202f", "").replace("\xa0", "").replace(" ", "").replace(",", ".")
    if kind is Type.MONEY:
        return _money(field, text)
    if kind is Type.DATETIME:
        return _moment(field, text)
    if kind in (Type.JSON, Type.FILE):
        try:
            return json.loads(text)
        except ValueError as error:
            raise Unacceptable(_("This is not JSON."), field["id"]) from error
    return [text] if kind is Type.RELATION else text


def _money(field: dict[str, Any], text: str) -> Any:
    found = re.fullmatch(r"([\d\s.,'’-]+?)\s*([A-Za-z]{3})?", text)
    if found is None:
        raise Unacceptable(_("Enter an amount and a currency, such as 1200 EUR."), field["id"])
    return {"amount": re.sub(r"[\s'’]", "", found[1]).replace(",", "."), "currency": (found[2] or "EUR").upper()}


def _moment(field: dict[str, Any], text: str) -> dt.datetime:
    try:
        return timezone.make_aware(dt.datetime.fromisoformat(text))
    except ValueError as error:
        raise Unacceptable(_("Enter a day and a time."), field["id"]) from error


def write(field: dict[str, Any], value: Value) -> Any:
    """What stands in the editor: text, or a list of texts."""
    kind = Type(field["type"])
    if kind is Type.BOOLEAN:
        return "yes" if value else "no"
    if editor(field) == "several":
        return value or []
    if value is None:
        return ""
    if kind is Type.MONEY:
        return f"{value['amount']} {value['currency'] or ''}".strip()
    if kind is Type.DATETIME:
        return timezone.localtime(dt.datetime.fromisoformat(value)).strftime("%Y-%m-%dT%H:%M")
    if kind in (Type.JSON, Type.FILE):
        return json.dumps(value, ensure_ascii=False)
    return value[0] if kind is Type.RELATION and isinstance(value, list) else str(value)


def words(field: dict[str, Any], value: Value, titles: dict[str, str] | None = None) -> str:
    """For a person. titles: {row id: its name}, for relations."""
    kind = Type(field["type"])
    if kind is Type.BOOLEAN:
        return _("Yes") if value else _("No")
    if value is None:
        return ""
    if kind in NUMBERS:
        return formats.number_format(value)
    if kind is Type.MONEY:
        return f"{formats.number_format(value['amount'])} {value['currency'] or ''}".strip()
    if kind is Type.DATE:
        return formats.date_format(dt.date.fromisoformat(value), "SHORT_DATE_FORMAT")
    if kind is Type.DATETIME:
        return formats.date_format(timezone.localtime(dt.datetime.fromisoformat(value)), "SHORT_DATETIME_FORMAT")
    if kind is Type.RELATION:
        return ", ".join((titles or {}).get(one, one) for one in value)
    if kind is Type.FILE:
        return ", ".join(str(one.get("name") or one.get("url")) for one in value if isinstance(one, dict))
    if kind is Type.JSON:
        return json.dumps(value, ensure_ascii=False)
    return ", ".join(value) if isinstance(value, list) else str(value)
