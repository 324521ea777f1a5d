"""How far a run has come while it lives: how much is done, how fast, and how long it may take yet, where that can be known.

A first reading is as long as the plan before it was, a whole listing as long as what is paired; how much has changed since the
last run nobody knows before it was read, and then nothing is said of it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.models import Plan, RecordLink, Stream, SyncLog

SENT = ("created_there", "updated_there", "deleted_there")
SURE_AFTER = 3  # seconds, before which a rate says nothing


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the present phase of one table. total: None where nobody can know. rate: records a second; left: seconds."""

    phase: str
    done: int
    total: int | None = None
    rate: float = 0.0
    left: float | None = None


def of(run: SyncLog, now: dt.datetime | None = None) -> Progress:
    """At most two queries."""
    now = now or timezone.now()
    told, begun = run.progress, run.progress.get("begun", {})
    phase = told.get("phase", "")
    names = SENT if phase == "sending" else ("read",)
    done = max(sum(run.counts.get(name, 0) - begun.get(name, 0) for name in names), 0)
    total = _total(run, phase, done)
    since = parse_datetime(told.get("since", "")) or run.started_at
    seconds = (now - since).total_seconds()
    rate = done / seconds if seconds >= SURE_AFTER else 0.0
    left = (total - done) / rate if total is not None and rate and total > done else None
    return Progress(phase, done, total, rate, left)


def _total(run: SyncLog, phase: str, done: int) -> int | None:
    stream = (
        Stream.objects.filter(pk=run.progress.get("id")).defer("schema").first() if run.progress.get("id") else None
    )
    if stream is None:
        return None
    links = RecordLink.objects.filter(stream=stream)
    if phase == "sending":
        return done + links.filter(dirty=True, left_out="").count()
    if phase == "listing" or (phase == "reading" and stream.sweep_cursor):
        known = links.filter(remote_id__isnull=False).count()
    elif phase == "reading" and stream.listed_at is None:
        known = _planned(run, stream)
    else:
        return None
    return known if known > done else None  # there was more than we knew


def _planned(run: SyncLog, stream: Stream) -> int:
    """What the last plan has read of this table."""
    made = Plan.objects.filter(integration=run.integration_id, made_at__isnull=False).order_by("-asked_at")
    streams = made.values_list("streams", flat=True).first() or []
    return next((one["counts"].get("read", 0) for one in streams if one.get("stream") == str(stream.pk)), 0)
