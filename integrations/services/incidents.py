"""When a tool fails for many tenants: one incident for staff and a calm word for tenants, in place of an alarm for each.

The runs that meet the trouble open it and keep it open; the first ones that get through again end it.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable

from django.db import connection
from django.db.models import Count, F, Min, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest, Now

from integrations.catalog.models import Incident, Unanswered
from integrations.models import IntegrationInstance
from integrations.services import failures
from integrations.services.adapters import breaker_of

log = logging.getLogger(__name__)

TENANTS = 3  # so many who fail at the same time do not fail by themselves
TOGETHER = dt.timedelta(minutes=15)
#: Longer than the longest wait between two tries of a run: whoever met it has stopped trying, so nobody knows any more.
QUIET = dt.timedelta(hours=2)


def open_of(providers: Iterable[str]) -> dict[str, Incident]:
    """{slug: the incident that lasts}, of these providers, in one query."""
    lasting = Incident.objects.filter(provider__in=list(providers), ended_at=None, seen_at__gte=Now() - QUIET)
    return {incident.provider: incident for incident in lasting}


def failed(integration: IntegrationInstance, code: str) -> bool:
    """A run has failed. Whether that is part of an incident of several tenants: then it is no alarm of this one's own.

    Opens the incident when enough tenants failed together, or when the provider's circuit breaker is open.
    """
    if not failures.of(code).is_shared:
        return False
    slug = integration.provider
    facts = {"tenant_id": connection.tenant.pk, "provider": slug, "at": Now()}
    Unanswered.objects.update_or_create(integration_id=integration.pk, defaults=facts)
    incident = open_of([slug]).get(slug)
    met = _met(slug, incident.began_at if incident else Now() - TOGETHER)
    if incident is None:
        if met["tenants"] < TENANTS and breaker_of(slug).look().state == "closed":
            return False
        incident = _open(slug, code, met["first"])
    most = {name: Greatest(F(name), met[name]) for name in ("tenants", "connections")}
    Incident.objects.filter(pk=incident.pk).update(seen_at=Now(), **most)
    return max(incident.tenants, met["tenants"]) > 1


def worked(integration: IntegrationInstance) -> None:
    """A run got through: what it met before is over, and the incident, too, unless many others still meet it."""
    slug = integration.provider
    if integration.failures:
        Unanswered.objects.filter(pk=integration.pk).delete()
    incident = open_of([slug]).get(slug)
    if incident is None or _met(slug, Now() - TOGETHER)["tenants"] >= TENANTS:
        return
    if breaker_of(slug).look().state == "closed":
        Incident.objects.filter(pk=incident.pk, ended_at=None).update(ended_at=Now())
        log.warning("%s works again: the incident since %s is over", slug, incident.began_at)


def forget(before: dt.datetime) -> None:
    """Incidents that ended before then, and what no run has met for a day."""
    _end_quiet(Incident.objects.all())
    Incident.objects.filter(ended_at__lt=before).delete()
    Unanswered.objects.filter(at__lt=Now() - dt.timedelta(days=1)).delete()


def _met(slug: str, since: dt.datetime | Combinable) -> dict:
    """{"first", "tenants", "connections"}: who has failed since then, and not got through."""
    since_then = Unanswered.objects.filter(provider=slug, at__gte=since)
    return since_then.aggregate(first=Min("at"), tenants=Count("tenant", distinct=True), connections=Count("pk"))


def _open(slug: str, code: str, began: dt.datetime) -> Incident:
    _end_quiet(Incident.objects.filter(provider=slug))
    facts = {"kind": code, "began_at": began, "seen_at": Now()}
    incident, is_new = Incident.objects.get_or_create(provider=slug, ended_at=None, defaults=facts)
    if is_new:
        log.error("%s fails for many (%s): an incident is open in the staff admin", slug, code)
    return incident


def _end_quiet(incidents: QuerySet[Incident]) -> None:
    incidents.filter(ended_at=None, seen_at__lt=Now() - QUIET).update(ended_at=F("seen_at"))
