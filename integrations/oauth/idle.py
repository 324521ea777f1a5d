"""Grants that nobody uses lapse after some time: they are renewed when half of it is over."""

from __future__ import annotations

import datetime as dt
import logging

from integrations.adapters import errors
from integrations.models import Grant, Status
from integrations.oauth import grants
from integrations.services.connect import mark

log = logging.getLogger(__name__)


def renew_idle(now: dt.datetime) -> int:
    """Renew those of this tenant; answers how many were. One that the provider takes no more needs a person: it says so."""
    renewed = 0
    for grant in Grant.objects.filter(renew_by__lt=now, ended_at=None).select_related("integration"):
        try:
            renewed += grants.renew(grant.pk, is_idle=True).renewed_at > grant.renewed_at
        except errors.AuthenticationFailed as error:
            if grant.integration.status == Status.ACTIVE:
                mark(grant.integration, Status.ATTENTION, error.code, str(error)[:2000])
        except errors.AdapterError as error:
            log.info("the idle grant of %s was not renewed: %s", grant.pk, error)
    return renewed
