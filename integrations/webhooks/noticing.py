"""From calls to runs: what was called for becomes due, once it rests.

The intake only marks a row of its own, so it never waits for a run's transaction; the dispatcher calls `notice` before it looks
for what is due. A mark stays until a run that begins after the call is certain: while the integration runs, or is in the middle
of a long reading, it waits. Many calls become one run.
"""

from __future__ import annotations

from django.db import connection

from integrations.adapters.registry import adapters
from integrations.scheduling.models import Priority

BATCH = 500
#: A change can be read `lag` seconds after we were told of it (Capabilities.lag_seconds): what was heard later than that keeps
#: its mark. An integration for which nothing is planned (paused, stopped, manual) is left alone, and one whose last run failed
#: is not tried before its time.
NOTICE = """
    WITH ripe AS (
        SELECT s.id, s.integration_id, s.heard_at + lag.seconds * interval '1 second' AS readable_at
        FROM public.webhooks_subscription s
        JOIN unnest(%(providers)s::text[], %(lags)s::float8[]) AS lag(provider, seconds) ON lag.provider = s.provider
        JOIN public.scheduling_due d ON d.integration_id = s.integration_id
        WHERE s.called_at <= now() - lag.seconds * interval '1 second'
          AND (d.leased_until IS NULL OR d.leased_until <= now()) AND d.priority <> %(backfill)s
        ORDER BY s.called_at LIMIT %(limit)s FOR UPDATE OF s, d SKIP LOCKED
    ), asked AS (
        UPDATE public.scheduling_due d SET due_at = least(d.due_at, greatest(now(), d.not_before)), woken_at = NULL,
            trigger = CASE WHEN d.priority > %(webhook)s THEN 'webhook' ELSE d.trigger END,
            priority = least(d.priority, %(webhook)s)
        FROM ripe WHERE d.integration_id = ripe.integration_id AND d.due_at IS NOT NULL
    )
    UPDATE public.webhooks_subscription s SET called_at = CASE WHEN ripe.readable_at > now() THEN s.heard_at END
    FROM ripe WHERE s.id = ripe.id
"""


def notice(limit: int = BATCH) -> int:
    """Make due what was called for; answers how many marks were looked at."""
    lags = {slug: float(cls.manifest.can.lag_seconds) for slug, cls in adapters().items() if cls.manifest.hooks}
    with connection.cursor() as cursor:
        cursor.execute(
            NOTICE,
            {
                "providers": list(lags),
                "lags": list(lags.values()),
                "backfill": Priority.BACKFILL,
                "webhook": Priority.WEBHOOK,
                "limit": limit,
            },
        )
        return cursor.rowcount
