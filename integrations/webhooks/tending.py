"""Subscriptions that we ask for: made, prolonged long before they end, made again when they are gone, ended.

Nothing that fails here is fatal: polling goes on, the reason is shown, and it is tried again. A row is claimed before the
provider is asked; who dies in between leaves it claimed for a while, and asking once more for the same address does no
harm (`Adapter.subscribe`).
"""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import closing, suppress
from typing import Any
from uuid import UUID

from django.utils import timezone

from integrations.adapters import base, errors
from integrations.adapters.base import Adapter
from integrations.models import IntegrationInstance, Status
from integrations.secrets import CannotOpen
from integrations.services.adapters import NotConnected, ProviderOff, open_adapter
from integrations.webhooks.addresses import address_of, can_be_called
from integrations.webhooks.models import Subscription

log = logging.getLogger(__name__)

BATCH = 200
#: Who has a row has it for so long; longer than the slowest provider takes to answer.
CLAIM = dt.timedelta(minutes=10)
#: Also what never expires is looked at every day: somebody may have ended it there, or the provider switched it off.
LOOK = dt.timedelta(days=1)
AGAIN = (dt.timedelta(minutes=5), dt.timedelta(minutes=30), dt.timedelta(hours=3), dt.timedelta(hours=12))
#: A person waits while a connection is deleted.
GOODBYE_SECONDS = 10


class NotHttps(Exception):
    """The provider calls https only, and we have no such address."""


def to_tend(limit: int = BATCH) -> list[tuple[str, UUID]]:
    """(schema, integration) with something to do, those that wait longest first."""
    rows = Subscription.objects.filter(tend_at__lte=timezone.now()).order_by("tend_at")
    return list(dict.fromkeys(rows.values_list("tenant__schema_name", "integration_id")[:limit]))


def tend(integration_id: UUID) -> int:
    """Look after the subscriptions of one integration of the present tenant. Answers how many were due."""
    rows = Subscription.objects.filter(integration_id=integration_id)
    integration = IntegrationInstance.objects.filter(pk=integration_id).first()
    if integration is None:
        rows.delete()
        return 0
    if integration.status != Status.ACTIVE:  # no run would come of a call; `wishes.follow` begins again
        rows.filter(is_wanted=True).update(tend_at=None)
    claimed = [row for row in rows.filter(tend_at__lte=timezone.now()) if _claim(row)]
    if not claimed:
        return 0
    try:
        with closing(open_adapter(integration)) as adapter:
            for row in claimed:
                _tend(row, adapter)
    except Exception as error:
        for row in claimed:
            _failed(row, error)
    return len(claimed)


def end_all(integration: IntegrationInstance) -> None:
    """Before an integration goes: end what stands there while its credentials are still ours, as far as the provider answers.

    What is left over there is told that it is over when it next calls, or expires.
    """
    rows = list(Subscription.objects.filter(integration_id=integration.pk).exclude(remote_id=""))
    if not rows:
        return
    until = timezone.now() + dt.timedelta(seconds=GOODBYE_SECONDS)
    try:
        with closing(open_adapter(integration)) as adapter:
            for row in rows:
                if timezone.now() < until:
                    adapter.unsubscribe(row.collection, _known(row))
    except Exception as error:  # whatever it is, it keeps nobody from deleting
        log.warning("webhooks of %s were not all ended: %s", integration.pk, _code(error))


def _claim(row: Subscription) -> bool:
    return bool(Subscription.objects.filter(pk=row.pk, tend_at=row.tend_at).update(tend_at=timezone.now() + CLAIM))


def _tend(row: Subscription, adapter: Adapter) -> None:
    try:
        if not row.is_wanted:
            _end(row, adapter)
        elif can_be_called(row.provider):
            _keep(row, _made(row, adapter))
        else:
            raise NotHttps
    except Exception as error:
        _failed(row, error)


def _made(row: Subscription, adapter: Adapter) -> base.Subscription:
    if row.remote_id and _is_unreadable(row):  # its calls can never be checked: another one in its place
        with suppress(errors.AdapterError):
            adapter.unsubscribe(row.collection, _known(row))
    elif row.remote_id:
        try:
            return adapter.renew(row.collection, _known(row))
        except errors.NotFound:
            pass  # ended there: once more, then
    return adapter.subscribe(row.collection, address_of(row.provider, row.pk))


def _keep(row: Subscription, made: base.Subscription) -> None:
    now = timezone.now()
    half = (made.expires_at - now) / 2 if made.expires_at else LOOK
    row.secret = made.secret or None
    row.remote_id, row.expires_at, row.tend_at = made.id, made.expires_at, now + min(half, LOOK)
    row.failures, row.problem_code, row.problem_detail = 0, "", ""
    row.save(
        update_fields=["secret", "remote_id", "expires_at", "tend_at", "failures", "problem_code", "problem_detail"]
    )


def _end(row: Subscription, adapter: Adapter) -> None:
    if row.remote_id:
        adapter.unsubscribe(row.collection, _known(row))
        _update(row, remote_id="", secret=None, expires_at=None)
    Subscription.objects.filter(pk=row.pk, is_wanted=False).delete()  # wanted again meanwhile: it is made anew


def _failed(row: Subscription, error: Exception) -> None:
    code = _code(error)
    log.log(
        logging.ERROR if code == "internal_error" else logging.INFO,
        "webhook of %s for %s: %s",
        row.integration_id,
        row.collection,
        code,
        exc_info=code == "internal_error",
    )
    if not row.is_wanted and row.failures >= len(AGAIN):  # it expires there, or ends when we answer that it is gone
        Subscription.objects.filter(pk=row.pk, is_wanted=False).delete()
        return
    pause = AGAIN[min(row.failures, len(AGAIN) - 1)]
    _update(
        row,
        failures=row.failures + 1,
        problem_code=code,
        problem_detail=str(error)[:500] if isinstance(error, errors.AdapterError) else "",
        tend_at=timezone.now() + pause,
    )


def _code(error: Exception) -> str:
    match error:
        case errors.AdapterError():
            return error.code
        case ProviderOff():
            return "provider_off"
        case NotConnected():
            return "not_connected"
        case NotHttps():
            return "not_https"
    return "internal_error"


def _known(row: Subscription) -> base.Subscription:
    secret = row.secret.open() if row.secret and not _is_unreadable(row) else ""
    return base.Subscription(row.remote_id, secret, row.expires_at)


def _is_unreadable(row: Subscription) -> bool:
    """What it is signed with was sealed with an encryption key that is not known any more."""
    try:
        if row.secret:
            row.secret.open()
    except CannotOpen:
        return True
    return False


def _update(row: Subscription, **facts: Any) -> None:
    Subscription.objects.filter(pk=row.pk).update(**facts)
