"""Causes for which nothing waits any more, as far as people were told of them: until when, and what had been done.

What is set aside is gone when it is solved; the notices of it stay for a while, and so do the edits of the setup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from integrations.models import Edit, Part, SetAside, Stream, SyncLog
from integrations.notifications.kinds import Kind
from integrations.notifications.models import Notice
from integrations.services.problems import Cause

DAYS = 14
NOTICES = 10  # a notice may tell of several causes
MENDS = (Part.MAPPING, Part.RULES)


@dataclass(frozen=True, slots=True)
class Solved:
    """edit: the last change of this table's setup while records waited; run: without one, the id of the run before the end."""

    cause: Cause
    stream: Stream
    first_at: dt.datetime
    over_at: dt.datetime
    edit: Edit | None
    run: UUID | None


def lately(streams: Mapping[UUID, Stream]) -> list[Solved]:
    """Of these tables, the last one first; without what is there again. Three queries."""
    runs = SyncLog.objects.filter(
        integration=OuterRef("integration"), ended_at__gt=OuterRef("at"), ended_at__lte=OuterRef("over_at")
    )
    since = timezone.now() - dt.timedelta(days=DAYS)
    told = Notice.objects.filter(kind=Kind.SET_ASIDE, over_at__gte=since)
    told = told.filter(integration__in={one.integration_id for one in streams.values()})
    notices = list(
        told.annotate(run=Subquery(runs.order_by("-started_at").values("pk")[:1])).order_by("-over_at")[:NOTICES]
    )
    if not notices:
        return []
    found: dict[Cause, Notice] = {}
    for notice in notices:
        for facts in notice.facts["causes"]:
            found.setdefault(_cause(facts), notice)
    found = {cause: notice for cause, notice in found.items() if cause.stream in streams}
    again = _waiting(found)
    edits = list(
        Edit.objects.filter(
            stream__in={cause.stream for cause in found}, part__in=MENDS, at__gte=min(n.at for n in notices)
        )
    )
    return [
        _solved(cause, notice, streams[cause.stream], edits) for cause, notice in found.items() if cause not in again
    ]


def _cause(facts: Mapping[str, Any]) -> Cause:
    """Of all keys: notices tell causes apart by facts only."""
    return Cause(UUID(facts["stream"]), facts["side"], facts["code"], facts["field"], "")


def _waiting(found: Mapping[Cause, Notice]) -> set[Cause]:
    """Those for which something waits again."""
    asked = Q(pk__in=[])
    for cause in found:
        asked |= Q(stream=cause.stream, side=cause.side, code=cause.code, field=cause.field)
    rows = SetAside.objects.filter(asked).order_by().values_list("stream", "side", "code", "field").distinct()
    return {Cause(*row, "") for row in rows}


def _solved(cause: Cause, notice: Notice, stream: Stream, edits: list[Edit]) -> Solved:
    over_at = notice.over_at or notice.at
    mine = (one for one in edits if one.stream_id == cause.stream and notice.at <= one.at <= over_at)
    edit = next((one for one in mine if _may_mend(one, cause.field)), None)  # the newest stands first
    return Solved(cause, stream, notice.at, over_at, edit, None if edit else notice.run)  # type: ignore[attr-defined]


def _may_mend(edit: Edit, field: str) -> bool:
    """A mapping of other fields has done nothing for this one."""
    if not field or edit.part != Part.MAPPING:
        return True
    before, after = (
        {name: one for name, one in state.items() if one.get("local") == field} for state in (edit.before, edit.after)
    )
    return before != after
