"""Which collections we want to be called for: what an integration's tables say, written down in the same transaction.

Nothing here talks to a provider; `tending` does, later.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from integrations.models import Direction, IntegrationInstance, Status
from integrations.scheduling.tasks import tend_on_commit
from integrations.webhooks.addresses import hooks_of
from integrations.webhooks.models import Subscription

#: What a provider answered for another account means nothing any more.
ANEW = {"remote_id": "", "secret": None, "expires_at": None}
#: Looked after at once, as if nothing had failed before.
SOON = {"failures": 0, "problem_code": "", "problem_detail": ""}


def follow(integration: IntegrationInstance) -> None:
    """Have subscriptions as the tables of an active integration want them. Idempotent. One that is paused keeps its own."""
    hooks = hooks_of(integration.provider)
    if hooks is None or integration.status != Status.ACTIVE:
        return
    asks = hooks.made == "api"
    streams = integration.streams.filter(is_active=True).exclude(direction=Direction.EXPORT)
    wanted = set(streams.values_list("collection", flat=True))
    with transaction.atomic():
        rows = Subscription.objects.filter(integration_id=integration.pk)
        there = set(rows.values_list("collection", flat=True))
        now = timezone.now()
        Subscription.objects.bulk_create(
            [
                Subscription(
                    tenant=connection.tenant,
                    integration_id=integration.pk,
                    provider=integration.provider,
                    account_id=integration.account_id,
                    collection=collection,
                    tend_at=now if asks else None,
                )
                for collection in sorted(wanted - there)
            ],
            ignore_conflicts=True,  # somebody else follows the same tables at this moment
        )
        moved = rows.exclude(account_id=integration.account_id)
        moved.update(account_id=integration.account_id, tend_at=now if asks else None, **ANEW, **SOON)
        surplus = rows.exclude(collection__in=wanted)
        if not asks:
            surplus.delete()
            return
        surplus.filter(is_wanted=True).update(is_wanted=False, tend_at=now, **SOON)
        idle = rows.filter(Q(is_wanted=False) | Q(tend_at=None), collection__in=wanted)
        idle.update(is_wanted=True, tend_at=now, **SOON)
        if rows.filter(tend_at__lte=now).exists():
            tend_on_commit(integration.pk)


def follow_all() -> None:
    """Once a day: also those that began before their provider could call."""
    for integration in IntegrationInstance.objects.filter(status=Status.ACTIVE):
        follow(integration)


def forget(integration: IntegrationInstance) -> None:
    """The integration goes: whoever still calls for it is told that this is over."""
    Subscription.objects.filter(integration_id=integration.pk).delete()
