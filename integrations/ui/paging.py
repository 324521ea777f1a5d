"""Keyset pages: the next one begins after the last row shown, so the hundredth costs what the first does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet


@dataclass(frozen=True, slots=True)
class Page:
    """next: the cursor of the page after this one, or ""."""

    items: Sequence[Any]
    next: str


def newest_first(found: QuerySet[Any], field: str, cursor: str, size: int) -> Page:
    """By a time, newest first. A cursor that means nothing is the first page."""
    at, _tilde, pk = cursor.partition("~")
    try:
        if pk:
            moment = dt.datetime.fromisoformat(at)
            found = found.filter(Q(**{f"{field}__lt": moment}) | Q(**{field: moment, "pk__lt": pk}))
        rows = list(found.order_by(f"-{field}", "-pk")[: size + 1])
    except (ValueError, ValidationError):
        return newest_first(found, field, "", size)
    more = rows[size - 1] if len(rows) > size else None
    return Page(rows[:size], f"{getattr(more, field).isoformat()}~{more.pk}" if more else "")


def by_id(found: QuerySet[Any], cursor: str, size: int) -> Page:
    """By a growing number, first to last."""
    if cursor.isdecimal() and len(cursor) < 19:
        found = found.filter(pk__gt=int(cursor))
    rows = list(found.order_by("pk")[: size + 1])
    return Page(rows[:size], str(rows[size - 1].pk) if len(rows) > size else "")
