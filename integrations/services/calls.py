"""What integrations ask of their tools: added up by day, to be shown beside what the tools allow."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from integrations.catalog.models import Calls
from integrations.models import IntegrationInstance
from integrations.transport.stats import Stats

log = logging.getLogger(__name__)

ADD = """
INSERT INTO public.catalog_calls AS old
    (integration_id, tenant_id, provider, day, requests, retries, refused, waited, "left", "of", at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())
ON CONFLICT (integration_id, day) DO UPDATE SET
    requests = old.requests + excluded.requests, retries = old.retries + excluded.retries,
    refused = old.refused + excluded.refused, waited = old.waited + excluded.waited,
    "left" = coalesce(excluded."left", old."left"), "of" = coalesce(excluded."of", old."of"), at = now()
"""


def today() -> dt.date:
    """The day in the tenant's zone."""
    return timezone.localdate(timezone=connection.tenant.timezone)


def add(integration: IntegrationInstance, stats: Stats) -> None:
    """What a run, a preview or a check has asked, in one statement. Its loss would be no reason to fail."""
    if not (stats.requests or stats.waited):
        return
    daily = next((quota for quota in stats.told if quota.is_daily), None)
    left, of = (daily.left, daily.of or None) if daily else (None, None)
    counted = [stats.requests, stats.retries, stats.refused, stats.waited]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                ADD, [integration.pk, connection.tenant.pk, integration.provider, today(), *counted, left, of]
            )
    except DatabaseError:
        log.warning("calls of %s could not be added up", integration.pk, exc_info=True)


def of_today(integration: IntegrationInstance) -> Calls:
    """An empty row before the first call."""
    found = Calls.objects.filter(integration_id=integration.pk, day=today()).first()
    return found or Calls(integration_id=integration.pk, provider=integration.provider, day=today())


def forget(integration_id: UUID) -> None:
    Calls.objects.filter(integration_id=integration_id).delete()


def forget_before(day: dt.date) -> int:
    """Those of this tenant."""
    return Calls.objects.filter(tenant=connection.tenant, day__lt=day).delete()[0]
