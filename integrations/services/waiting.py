"""How many changes of ours wait to go out, also while a connection stands still."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

#: What a run has already found to send, and what the change feed holds beyond where the stream has looked. Each record once.
WAITING = """
    SELECT integration_id, count(*) FROM (
        SELECT s.integration_id, l.stream_id, l.record_id
        FROM integrations_recordlink l JOIN integrations_stream s ON s.id = l.stream_id
        WHERE l.dirty AND l.left_out = '' AND s.integration_id = ANY(%(wanted)s::uuid[]) AND s.direction <> 'import'
        UNION
        SELECT s.integration_id, s.id, c.record_id
        FROM integrations_stream s
        JOIN crm_change c ON c.entity = s.entity AND (c.txid, c.id) > (s.feed_txid, s.feed_id)
        WHERE s.integration_id = ANY(%(wanted)s::uuid[]) AND s.direction <> 'import' AND s.feed_txid > 0
          AND c.origin <> 'stream:' || s.id
          AND NOT EXISTS (SELECT 1 FROM integrations_recordlink o
                          WHERE o.stream_id = s.id AND o.record_id = c.record_id AND o.left_out <> '')
    ) waits GROUP BY integration_id
"""


def counts(integrations: Iterable[UUID]) -> dict[UUID, int]:
    """{integration: records of ours that changed and have not gone out}, in one query. Paused records do not count."""
    wanted = list(integrations)
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"wanted": [str(pk) for pk in wanted]})
        found = dict(cursor.fetchall())
    return {pk: found.get(pk, 0) for pk in wanted}


def count(integration_id: UUID) -> int:
    return counts([integration_id])[integration_id]
