"""A short wait before an edit here goes out, because somebody may still be typing. Times are the database's.

Only runs that nobody asked for are patient. What waits stays dirty; the run's end plans the next one for when it is over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from integrations.sync.store import Store

PATIENT = ("schedule", "webhook")
LONGEST = 5  # times `settle_seconds`: whoever edits on and on, a script for one, does not hold a record back for ever


def still_typed(store: Store, record_ids: Sequence[str]) -> set[str]:
    """Those of our records that somebody, no stream, changed less than `settle_seconds` ago, and has not for long."""
    if not store.patient or not store.stream.settle_seconds or not record_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT record_id::text FROM crm_change WHERE record_id = ANY(%(ids)s::uuid[]) AND entity = %(entity)s"
            " AND origin = '' AND operation <> 'delete' AND at > clock_timestamp() - make_interval(secs => %(far)s)"
            " GROUP BY record_id HAVING max(at) > clock_timestamp() - make_interval(secs => %(near)s)"
            " AND min(at) > clock_timestamp() - make_interval(secs => %(long)s)",
            {
                "ids": list(record_ids),
                "entity": store.entity.name,
                "near": store.stream.settle_seconds,
                "long": store.stream.settle_seconds * LONGEST,
                "far": store.stream.settle_seconds * LONGEST * 2,
            },
        )
        return {record_id for (record_id,) in cursor.fetchall()}


def settled_at(integration_id: UUID) -> dt.datetime | None:
    """When the last edit that waits so will have waited long enough; None when none does."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(c.at + make_interval(secs => s.settle_seconds)) FROM integrations_stream s
            JOIN integrations_recordlink l ON l.stream_id = s.id AND l.dirty AND l.left_out = ''
            JOIN crm_change c ON c.record_id = l.record_id AND c.entity = s.entity AND c.origin = ''
            WHERE s.integration_id = %s AND s.is_active AND s.direction <> 'import'
              AND c.at > clock_timestamp() - make_interval(secs => s.settle_seconds)
            """,
            [integration_id],
        )
        (found,) = cursor.fetchone()
    return found
