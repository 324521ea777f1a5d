"""What is forgotten, and when: a day's work for the beat, in small transactions that hold up nobody.

Never forgotten: links, conflicts, what is set aside, the last change of every record, and changes that a stream has not looked
at yet, however long it has stood still.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils import timezone

from crm import feed
from crm.registry import ENTITIES
from integrations.models import Direction, IntegrationInstance, Stream, SweptRecord, SyncLog
from integrations.outgoing import turns
from integrations.services import agreement, calls

log = logging.getLogger(__name__)

BATCH = 5000


def prune(now: dt.datetime | None = None) -> dict[str, int]:
    """Forget what is old in this tenant; answers how much of what."""
    now = now or timezone.now()
    forgotten = {
        "lines": _whole(_lines, now - dt.timedelta(days=settings.KEEP_LINES_DAYS)),
        "exchanges": _exchanges(now - dt.timedelta(days=settings.KEEP_EXCHANGES_DAYS)),
        "runs": _runs(now - dt.timedelta(days=settings.KEEP_RUNS_DAYS)),
        "changes": _changes(now - dt.timedelta(days=settings.KEEP_CHANGES_DAYS)),
        "swept": _swept(),
        "deliveries": turns.forget(now - dt.timedelta(days=settings.KEEP_DELIVERIES_DAYS)),
        "calls": calls.forget_before((now - dt.timedelta(days=settings.KEEP_RUNS_DAYS)).date()),
        "agreement": agreement.forget_before((now - dt.timedelta(days=settings.KEEP_RUNS_DAYS)).date()),
    }
    if any(forgotten.values()):
        log.info("forgotten: %s", forgotten)
    return forgotten


def _whole(part: Callable[[dt.datetime], int], before: dt.datetime) -> int:
    total = 0
    while number := part(before):
        total += number
    return total


def _lines(before: dt.datetime) -> int:
    """The lowest ids are the oldest lines, near enough: a part with nothing old in it ends the work."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM integrations_synclogline WHERE at < %s"
            " AND id IN (SELECT id FROM integrations_synclogline ORDER BY id LIMIT %s)",
            [before, BATCH],
        )
        return cursor.rowcount


def _exchanges(before: dt.datetime) -> int:
    return SyncLog.objects.filter(started_at__lt=before).exclude(exchanges=[]).update(exchanges=[])


def _runs(before: dt.datetime) -> int:
    """Older than that, and not among the last ones of their integration either."""
    total = 0
    for integration in IntegrationInstance.objects.values_list("pk", flat=True):
        ended = SyncLog.objects.filter(integration=integration, ended_at__isnull=False).order_by("-started_at")
        oldest_kept = ended.values_list("started_at", flat=True)[settings.KEEP_RUNS - 1 : settings.KEEP_RUNS].first()
        if oldest_kept is None:
            continue
        old = ended.filter(started_at__lt=min(before, oldest_kept))
        while some := list(old.values_list("pk", flat=True)[:200]):
            total += SyncLog.objects.filter(pk__in=some).delete()[1].get("integrations.SyncLog", 0)
    return total


def _changes(before: dt.datetime) -> int:
    total = 0
    for entity in ENTITIES:
        upto = _looked_at(entity)
        after: int | None = 0
        while after is not None:
            forgotten, after = feed.prune(entity, before, upto, after, BATCH)
            total += forgotten
    return total


def _looked_at(entity: str) -> feed.Position | None:
    """How far every stream of these records has looked through the feed; None when no stream looks at all.

    One that only brings in does not. Should it send out one day, everything is looked at anew.
    """
    looking = Stream.objects.filter(entity=entity, feed_txid__gt=0).exclude(direction=Direction.IMPORT)
    places = looking.order_by("feed_txid", "feed_id")
    place = places.values_list("feed_txid", "feed_id").first()
    return feed.Position(*place) if place else None


def _swept() -> int:
    """Left over from listings that were given up. The run of a plan keeps its place in the listing elsewhere."""
    at_work = SyncLog.objects.filter(state=SyncLog.State.RUNNING, integration=OuterRef("stream__integration"))
    return SweptRecord.objects.filter(~Exists(at_work), stream__sweep_cursor="").delete()[0]
