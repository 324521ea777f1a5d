"""What the frame of every page shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from tenants.hosts import public_url


def frame(request: HttpRequest) -> dict[str, Any]:
    """Tenant, role and the person's other tenants. On the public host only the addresses.

    Once for a request, however many parts of its page are drawn by themselves.
    """
    if not hasattr(request, "frame"):
        request.frame = _frame(request)
    return request.frame


def _frame(request: HttpRequest) -> dict[str, Any]:
    tenant = getattr(request, "tenant", None)
    theme = getattr(getattr(request, "user", None), "theme", "")
    context: dict[str, Any] = {"public_url": public_url(), "theme": theme}
    if tenant is None or tenant.schema_name == "public" or getattr(request, "membership", None) is None:
        return context
    from crm.frame import nav_entities
    from integrations.notifications.frame import unread_count
    from integrations.ui.frame import inbox_count

    return context | {
        "tenant": tenant,
        "role": request.membership.get_role_display(),
        "may_write": request.membership.may("member"),
        "may_manage": request.membership.may("admin"),
        "tenants": [
            {"name": m.tenant.name, "url": reverse("account:go", args=[m.tenant.slug]), "slug": m.tenant.slug}
            for m in request.memberships
        ],
        "nav_entities": nav_entities(),
        "inbox_count": inbox_count(),
        "unread": unread_count(request.membership.user_id),
    }
