"""Measured agreement: once a day a few pairs of every stream are read on both sides, and the share that agrees is kept.

What does not agree is not mended here, nor what is gone there. It is marked to be read by the next run, which says in its lines
what it did; what does not agree stands in the health lists until then.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from crm import registry
from integrations.adapters import errors
from integrations.models import Agreement, IntegrationInstance, RecordLink, Status, Stream, SyncLog
from integrations.scheduling.models import Priority
from integrations.services import calls, quota
from integrations.services.adapters import NotConnected, ProviderOff, open_adapter
from integrations.sync import agreement
from integrations.sync.agreement import Sample

log = logging.getLogger(__name__)

DAYS = 30
SPARED = 10  # percent of a day's quota that are left to the sync itself


class Writes(Exception):
    """Measuring never writes."""


def due() -> list[Stream]:
    """Streams without a sample of today, of connections that work and are not at work just now."""
    busy = SyncLog.objects.filter(integration=OuterRef("integration"), state=SyncLog.State.RUNNING)
    done = Agreement.objects.filter(stream=OuterRef("pk"), day=calls.today())
    found = Stream.objects.filter(
        ~Exists(busy), ~Exists(done), is_active=True, problem_code="", listed_at__isnull=False
    )
    found = found.filter(integration__status=Status.ACTIVE, integration__failures=0)
    return list(found.select_related("integration").prefetch_related("mappings"))


def measure_due() -> int:
    """Measure what is due in this tenant; answers how many streams. One that cannot be read today is left for later."""
    if not settings.AGREEMENT_SAMPLE:
        return 0
    done = 0
    for stream in due():
        try:
            done += measure(stream) is not None
        except (errors.AdapterError, NotConnected, ProviderOff) as error:
            log.info("agreement of stream %s could not be measured: %s", stream.pk, error)
    return done


def measure(stream: Stream) -> Agreement | None:
    """Look at the next few pairs of this stream; None when there are none, or the day's quota is nearly used."""
    if not _may_ask(stream):
        return None
    last = Agreement.objects.filter(stream=stream).order_by("-day").first()
    ids = agreement.choose(stream, last.upto if last else 0, settings.AGREEMENT_SAMPLE)
    if not ids:
        return None
    with closing(open_adapter(stream.integration, _refuse_writes, Priority.BACKFILL)) as adapter:
        sample = agreement.measure(stream, adapter, ids, _read_at(stream))
    try:
        with transaction.atomic():
            kept = _keep(stream, sample)
            RecordLink.objects.filter(pk__in=[*sample.differ, *sample.gone], stream=stream).update(reread=True)
    except IntegrityError:  # somebody else measured it meanwhile
        return None
    if sample.differ:
        log.warning("%s of %s pairs of stream %s do not agree", len(sample.differ), sample.seen, stream.pk)
    return kept


def _refuse_writes(is_write: bool) -> None:
    if is_write:
        raise Writes


def _may_ask(stream: Stream) -> bool:
    use = quota.usage(stream.integration)
    return not (use.paused or (use.of and use.left is not None and use.left * 100 < use.of * SPARED))


def _read_at(stream: Stream) -> dt.datetime | None:
    """When a run that was carried to its end last began to read."""
    done = SyncLog.objects.filter(integration=stream.integration_id, state=SyncLog.State.DONE, undoes=None)
    return done.order_by("-started_at").values_list("started_at", flat=True).first()


def _keep(stream: Stream, sample: Sample) -> Agreement:
    return Agreement.objects.create(
        stream=stream,
        day=calls.today(),
        seen=sample.seen,
        agree=sample.agree,
        moving=sample.moving,
        differ=[_told(stream, link, names) for link, names in sample.differ.values()],
        upto=sample.upto,
        at=timezone.now(),
    )


def _told(stream: Stream, link: RecordLink, names: list[str]) -> dict[str, Any]:
    title = link.base_local.get(registry.ENTITIES[stream.entity].title)
    return {
        "link": link.pk,
        "record_id": str(link.record_id) if link.record_id else None,
        "remote_id": link.remote_id,
        "title": str(title or ""),
        "fields": names,
    }


# --- what was measured --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """One day's samples of some streams together. compared: those that say something."""

    day: dt.date
    seen: int
    agree: int
    moving: int
    differ: int

    @property
    def compared(self) -> int:
        return self.agree + self.differ

    @property
    def percent(self) -> float | None:
        """None where nothing could be compared: then nobody knows."""
        return 100 * self.agree / self.compared if self.compared else None


def days(integrations: Iterable[UUID], since: dt.date | None = None) -> dict[UUID, list[Day]]:
    """{integration: its days, the oldest first}; those that were never measured are absent. One query."""
    since = since or calls.today() - dt.timedelta(days=DAYS - 1)
    rows = Agreement.objects.filter(stream__integration__in=list(integrations), day__gte=since).order_by("day")
    found: dict[UUID, dict[dt.date, Day]] = {}
    for pk, day, seen, agree, moving in rows.values_list("stream__integration", "day", "seen", "agree", "moving"):
        of_day = found.setdefault(pk, {})
        old = of_day.get(day, Day(day, 0, 0, 0, 0))
        of_day[day] = Day(
            day, old.seen + seen, old.agree + agree, old.moving + moving, old.differ + seen - agree - moving
        )
    return {pk: list(of_day.values()) for pk, of_day in found.items()}


def of_stream(stream: Stream) -> list[Agreement]:
    """The last days, the newest first."""
    return list(Agreement.objects.filter(stream=stream).order_by("-day")[:DAYS])


def of_integration(integration: IntegrationInstance) -> list[Agreement]:
    """All its streams' samples of the last days, the newest first."""
    since = calls.today() - dt.timedelta(days=DAYS - 1)
    return list(Agreement.objects.filter(stream__integration=integration, day__gte=since).order_by("-day", "stream"))


def forget_before(day: dt.date) -> int:
    return Agreement.objects.filter(day__lt=day).delete()[0]
