"""The right to run one integration now: an expiring claim with a fencing number, on the database's clock.

Every transaction of a run calls `hold` first: it fails when the number is not the row's any more, and keeps the row locked
until the transaction ends, so a worker that slept past its lease cannot write.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection


class LeaseLost(Exception):
    """Another worker runs this integration now: stop without writing."""


@dataclass
class Lease:
    integration_id: UUID
    fence: int
    seconds: int
    priority: int = 2
    trigger: str = "schedule"
    _until: float = 0.0  # monotonic, never later than the database's own time
    usual: int = 0

    def hold(self) -> None:
        """Check and renew, within the caller's transaction or alone. Raises LeaseLost."""
        asked = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE public.scheduling_due SET leased_until = now() + %s * interval '1 second'"
                " WHERE integration_id = %s AND fence = %s AND leased_until > now()",
                [self.seconds, self.integration_id, self.fence],
            )
            if cursor.rowcount != 1:
                raise LeaseLost(str(self.integration_id))
        self._until = asked + self.seconds

    def keep(self) -> None:
        """Renew in time while something long is waited for."""
        if self._until - time.monotonic() < self.seconds / 2:
            self.hold()

    def back_to_normal(self) -> None:
        """What made it longer is over (see `services.runs`: a run whose workers keep dying)."""
        self.seconds = self.usual or self.seconds

    def before_send(self, is_write: bool) -> None:
        """A write goes out only if the lease outlasts its request, so that a successor never meets one of ours."""
        if is_write and self._until - time.monotonic() < settings.PROVIDER_TIMEOUT_SECONDS + MARGIN_SECONDS:
            self.hold()


MARGIN_SECONDS = 5


def claim(integration_id: UUID, seconds: int | None = None) -> Lease | None:
    """Take the lease if the integration is due and nobody holds it; None otherwise."""
    seconds = seconds or settings.LEASE_SECONDS
    asked = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE public.scheduling_due SET fence = fence + 1, holder = %s,"
            " leased_until = now() + %s * interval '1 second', claimed_at = now()"
            " WHERE integration_id = %s AND due_at <= now() AND (leased_until IS NULL OR leased_until <= now())"
            " RETURNING fence, priority, trigger",
            [f"{socket.gethostname()}:{os.getpid()}"[:100], seconds, integration_id],
        )
        row = cursor.fetchone()
    return Lease(integration_id, row[0], seconds, row[1], row[2], asked + seconds, seconds) if row else None


def database_time() -> datetime:
    """Now, on the clock that also says what is due: that of this machine may be wrong, or jump."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def release(
    lease: Lease,
    due_at: datetime | None,
    priority: int,
    trigger: str = "schedule",
    not_before: datetime | None = None,
) -> None:
    """End the run and plan the next one. A request that came meanwhile (a person's "sync now") is kept.

    not_before: a call of the tool does not bring the next run forward to an earlier time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE public.scheduling_due SET leased_until = NULL, holder = '', woken_at = NULL, not_before = %s,"
            " due_at = CASE WHEN asked_at > claimed_at THEN asked_at ELSE %s END,"
            " priority = CASE WHEN asked_at > claimed_at THEN priority ELSE %s END,"
            " trigger = CASE WHEN asked_at > claimed_at THEN trigger ELSE %s END"
            " WHERE integration_id = %s AND fence = %s",
            [not_before, due_at, priority, trigger, lease.integration_id, lease.fence],
        )


#: A worker that is free takes what is due within this time. What has been due for much longer is not going to be taken by
#: anybody (its tenant is gone, say), and nobody shall yield to it for ever.
TAKEN_SECONDS, FORGOTTEN_SECONDS = 1.0, 900.0


def is_waited_for(lease: Lease, priority: int) -> bool:
    """Whether somebody else of at least this urgency is due, and no free worker has taken it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM public.scheduling_due WHERE priority <= %s AND integration_id <> %s"
            " AND due_at BETWEEN now() - %s * interval '1 second' AND now() - %s * interval '1 second'"
            " AND (leased_until IS NULL OR leased_until <= now()))",
            [priority, lease.integration_id, FORGOTTEN_SECONDS, TAKEN_SECONDS],
        )
        return cursor.fetchone()[0]
