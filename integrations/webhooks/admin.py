"""Webhooks for staff: how they stand, and the secrets that wait to be confirmed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integrations.catalog.models import Provider
from integrations.webhooks.models import Handshake, Subscription
from tenants.staff import StaffAdmin


class Read(StaffAdmin):
    """To look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Subscription)
class SubscriptionAdmin(Read):
    list_display = ("provider", "tenant", "integration_id", "collection", "state", "heard_at", "expires_at", "tend_at")
    list_filter = ("provider", "problem_code", "tenant")
    search_fields = ("integration_id", "collection", "account_id")
    ordering = ("provider", "tenant", "collection")
    list_select_related = ("tenant",)
    fields = ("provider", "tenant", "integration_id", "account_id", "collection", "is_wanted", "remote_id",
              "problem_code", "problem_detail", "failures", "heard_at", "called_at", "expires_at", "tend_at")  # fmt: skip

    @display(
        description=_("state"),
        label={"failing": "danger", "ending": "", "asked": "info", "late": "warning", "on": "success"},
    )
    def state(self, row: Subscription) -> tuple[str, Any]:
        if not row.is_wanted:
            return "ending", _("ending")
        if row.problem_code:
            return "failing", row.problem_code
        if row.tend_at and not row.remote_id:
            return "asked", _("asked")
        if row.expires_at and row.expires_at < timezone.now():
            return "late", _("expired")
        return "on", _("on")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Handshake)
class HandshakeAdmin(Read):
    list_display = ("provider", "at", "address")
    fields = ("provider", "at", "address", "shown")
    readonly_fields = fields
    actions = ("confirm",)

    @display(description=_("secret"))
    def shown(self, row: Handshake) -> str:
        """Staff paste it there, which proves that the provider sent it."""
        return str(row.secret.open())

    @admin.action(description=_("Use this secret: the tool has accepted it"))
    def confirm(self, request: HttpRequest, chosen: QuerySet[Handshake]) -> None:
        if len(chosen) != 1:
            self.message_user(request, _("Choose one."), messages.ERROR)
            return
        row = chosen[0]
        provider = Provider.objects.get(slug=row.provider)
        provider.hook_secret = row.secret.open()
        provider.save(update_fields=["hook_secret"])
        Handshake.objects.filter(provider=row.provider).delete()
        self.message_user(request, _("Calls of %(tool)s are accepted from now on.") % {"tool": provider.name})
