"""Lines as CSV that a spreadsheet opens and does not carry out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django_tenants.utils import tenant_context

Row = Sequence[str | Promise]

#: Also in the wide letters of East Asia, which some spreadsheets read as the narrow ones.
SIGNS = "=+\\-@＝＋－＠"
FORMULA = re.compile(f"[{SIGNS}\t\r\n]")
#: Where a cell would begin for a program that takes another separator than the file has, as spreadsheets in Italy and France do:
#: there quotation marks in the middle count for nothing, and lines end within a cell.
INNER = re.compile(f"(?<=[,;|\t\r\n])(?=['\"]*[{SIGNS}])")
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(text(one) for one in value)
    if isinstance(value, dict):
        return " ".join(text(part) for part in value.values() if part)
    return str(value)


def in_parts(columns: Row, part: Callable[[int], tuple[Iterable[Row], int]]) -> Iterator[str]:
    """A file of any length: memory holds one part, and no transaction stays open.

    part: (the rows after a key, the last one's key or 0 when there are none), called in the tenant and the language of now.
    """
    tenant, language = connection.tenant, get_language()  # it is sent when the request's own are forgotten

    def parts() -> Iterator[str]:
        head, last = [columns], 0
        while head or last:
            with tenant_context(tenant), override(language):
                rows, last = part(last)
                text = csv_of([*head, *rows])
            head = []
            if text:
                yield text

    return parts()


def csv_of(rows: Iterable[Row]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([harmless(str(cell)) for cell in row] for row in rows)
    return written.getvalue()


def harmless(cell: str) -> str:
    """A spreadsheet takes what begins like this for a formula, and carries it out; a number is none."""
    if FORMULA.match(cell) and not NUMBER.fullmatch(cell):
        cell = f"'{cell}"
    return inner_harmless(cell)


def inner_harmless(cell: str) -> str:
    """Neither in the middle, whichever separator it is read by."""
    return INNER.sub("'", cell)
