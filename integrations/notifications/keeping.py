"""Once a day: what is silent is noticed, what is old is forgotten, and so is whoever left."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import connection

from integrations.notifications import delivery, preferences, watch
from integrations.notifications.bell import rings
from integrations.notifications.bell.models import FailedMail
from integrations.notifications.models import Delivery, Mail, Notice, Preference

BATCH = 2000


def keep(now: dt.datetime) -> int:
    """Answers how many notices were forgotten. What people know of a subject stays, or it would be told again."""
    watch.look_for_silence()
    rings.ring()  # whatever nobody rang for, such as a table that was removed
    left = set(Preference.objects.values_list("user_id", flat=True)) | set(
        Delivery.objects.values_list("user_id", flat=True).distinct()
    )
    preferences.forget(sorted(left - delivery.members().keys()))
    before = now - dt.timedelta(days=settings.KEEP_NOTICES_DAYS)
    FailedMail.objects.filter(tenant=connection.tenant, failed_at__lt=before).delete()
    Mail.objects.filter(made_at__lt=before).exclude(state__in=(Mail.State.WAITING, Mail.State.SENDING)).delete()
    total = 0
    while some := list(Notice.objects.filter(at__lt=before).values_list("pk", flat=True)[:BATCH]):
        total += Notice.objects.filter(pk__in=some).delete()[1].get("notifications.Notice", 0)
    return total
