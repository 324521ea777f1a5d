"""Grants that nobody uses lapse after some time: they are renewed when half of it is over."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction

from integrations.adapters import errors
from integrations.models import Grant, IntegrationInstance, Status
from integrations.oauth import grants
from integrations.services.connect import mark

log = logging.getLogger(__name__)


def renew_idle(now: dt.datetime) -> int:
    """Renew those of this tenant; answers how many were. One that the provider takes no more needs a person: it says so."""
    renewed = 0
    for grant in Grant.objects.filter(renew_by__lt=now, ended_at=None):
        try:
            renewed += grants.renew(grant.pk, is_idle=True).renewed_at > grant.renewed_at
        except errors.AuthenticationFailed as error:
            _stop(grant.pk, error)
        except errors.AdapterError as error:
            log.info("the idle grant of %s was not renewed: %s", grant.pk, error)
    return renewed


def _stop(integration_id: UUID, error: errors.AuthenticationFailed) -> None:
    """A person may have paused or deleted it while the tool was asked."""
    with transaction.atomic():
        active = IntegrationInstance.objects.select_for_update().filter(pk=integration_id, status=Status.ACTIVE)
        if found := active.first():
            mark(found, Status.ATTENTION, error.code, str(error)[:2000])
