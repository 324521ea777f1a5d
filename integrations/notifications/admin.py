"""Mails that were given up, for staff: to whom and why, and a button that has them sent once more."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_tenants.utils import tenant_context
from unfold.decorators import display

from integrations.notifications import mails
from integrations.notifications.bell.models import FailedMail
from tenants.staff import StaffAdmin


@admin.register(FailedMail)
class FailedMailAdmin(StaffAdmin):
    list_display = ("failed_at", "tenant", "address", "problem", "tries")
    list_filter = ("problem",)
    search_fields = ("user__email", "tenant__name", "tenant__slug")
    list_select_related = ("tenant", "user")
    actions = ("send_again",)

    @display(description=_("e-mail"))
    def address(self, mail: FailedMail) -> str:
        return mail.user.email

    @admin.action(description=_("Send again"))
    def send_again(self, request: HttpRequest, chosen: QuerySet[FailedMail]) -> None:
        number = 0
        for one in chosen.select_related("tenant"):
            with tenant_context(one.tenant):
                number += mails.once_more(one.mail_id)
        said = ngettext("%(n)s mail is sent again.", "%(n)s mails are sent again.", number)
        self.message_user(request, said % {"n": number}, messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
