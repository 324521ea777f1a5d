"""What somebody has changed in a setup and not saved yet, kept for them alone: leaving and coming back loses nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from integrations.models import Draft, IntegrationInstance

KEPT_DAYS = 30


def keep(integration: IntegrationInstance, user: str, page: str, data: Any, seen: int) -> None:
    """data: JSON of the page's own making, never a secret. seen: as in services/edits.py; that of the first draft stays."""
    held, made = Draft.objects.get_or_create(
        integration=integration, user=user, page=page, defaults={"data": data, "seen": seen}
    )
    if not made:
        held.data = data
        held.save(update_fields=["data", "at"])
    Draft.objects.filter(integration=integration, at__lt=timezone.now() - dt.timedelta(days=KEPT_DAYS)).delete()


def find(integration: IntegrationInstance, user: str, page: str) -> Draft | None:
    return Draft.objects.filter(integration=integration, user=user, page=page).first()


def forget(integration: IntegrationInstance, user: str, page: str) -> None:
    """It was saved, or nobody wants it."""
    Draft.objects.filter(integration=integration, user=user, page=page).delete()
