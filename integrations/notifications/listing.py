"""What the app shows one person: their notices in pages, how many are unread, and reading them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from integrations.notifications import words
from integrations.notifications.models import Delivery

PAGE = 30
MOST = 99  # more unread ones are not counted


@dataclass(frozen=True, slots=True)
class Listed:
    """days: [{"day": words, "rows": [{"delivery", "notice", "said"}]}]. next: the cursor of the page after this one, or ""."""

    days: Sequence[dict[str, Any]]
    next: str


def mine(user_id: int) -> QuerySet[Delivery]:
    """What the app shows this person, newest first."""
    shown = Delivery.objects.filter(user_id=user_id, in_app=True)
    return shown.select_related("notice__integration").defer("notice__integration__credentials").order_by("-id")


def page(user_id: int, role: str, cursor: str = "", unread: bool = False, size: int = PAGE) -> Listed:
    found = mine(user_id).filter(read_at=None) if unread else mine(user_id)
    if cursor.isdecimal() and len(cursor) < 19:
        found = found.filter(pk__lt=int(cursor))
    rows = list(found[: size + 1])
    entities = words.Entities()
    shown = [
        {"delivery": one, "notice": one.notice, "said": words.say(one.notice, role, entities)} for one in rows[:size]
    ]
    return Listed(_by_day(shown), str(rows[size - 1].pk) if len(rows) > size else "")


def _by_day(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    def date(row: dict[str, Any]) -> dt.date:
        return timezone.localtime(row["notice"].at).date()

    return [{"day": words.day(day), "rows": list(some)} for day, some in groupby(rows, key=date)]


def unread(user_id: int) -> int:
    """At most MOST + 1."""
    return Delivery.objects.filter(user_id=user_id, in_app=True, read_at=None).order_by()[: MOST + 1].count()


def read(user_id: int, delivery_id: int, is_read: bool = True) -> Delivery:
    """Mark one as read, or as unread again. Raises Delivery.DoesNotExist, also for somebody else's."""
    found = mine(user_id).get(pk=delivery_id)
    if is_read != (found.read_at is not None):
        found.read_at = timezone.now() if is_read else None
        found.save(update_fields=["read_at"])
    return found


def read_all(user_id: int) -> int:
    return Delivery.objects.filter(user_id=user_id, in_app=True, read_at=None).update(read_at=timezone.now())
