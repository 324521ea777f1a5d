"""What staff see first: how much there is, what runs, what waits. Counts only, of the public schema only."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from integrations.catalog.models import Provider
from integrations.scheduling.models import Due
from tenants.models import Tenant, User

SHOWN = 10


def staff_home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of templates/admin/index.html; unfold calls it."""
    now = timezone.now()
    late = Q(due_at__lte=now) & (Q(leased_until=None) | Q(leased_until__lte=now))
    work = Due.objects.aggregate(all=Count("pk"), running=Count("pk", Q(leased_until__gt=now)), late=Count("pk", late))
    due = reverse("admin:scheduling_due_changelist")
    return context | {
        "cards": [
            _card(
                _("Tenants"), Tenant.objects.exclude(schema_name="public").count(), "admin:tenants_tenant_changelist"
            ),
            _card(_("People"), User.objects.filter(is_active=True).count(), "admin:tenants_user_changelist"),
            _card(_("Providers"), Provider.objects.filter(is_active=True).count(), "admin:catalog_provider_changelist"),
            {"label": _("Running now"), "value": work["running"], "url": due, "note": _notes(work)},
        ],
        "late": {
            "headers": [_("Tenant"), _("Integration"), _("Due since"), _("Priority")],
            "rows": [
                [
                    str(row.tenant),
                    str(row.integration_id),
                    timesince(row.due_at or now, now),
                    row.get_priority_display(),
                ]
                for row in Due.objects.filter(late).select_related("tenant").order_by("due_at")[:SHOWN]
            ],
        },
    }


def _card(label: str, value: int, name: str) -> dict[str, Any]:
    return {
        "label": label,
        "value": formats.number_format(value, force_grouping=True),
        "url": reverse(name),
        "note": "",
    }


def _notes(work: dict[str, int]) -> str:
    return _("of %(all)s integrations, %(late)s due") % work
