"""What is due, to look at; and the periodic entries, which staff may change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import ClockedScheduleAdmin as BaseClockedScheduleAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as BaseCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BasePeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from integrations.scheduling.models import Due
from tenants.staff import StaffAdmin

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


@admin.register(Due)
class DueAdmin(StaffAdmin):
    list_display = ("integration_id", "tenant", "state", "due_at", "priority", "leased_until", "holder", "fence")
    list_filter = ("priority", "tenant")
    search_fields = ("integration_id", "tenant__name", "tenant__slug")
    ordering = ("priority", "due_at")
    list_select_related = ("tenant",)

    @display(
        description=_("state"),
        label={"running": "info", "due": "warning", "waiting": "success", "idle": ""},
    )
    def state(self, due: Due) -> tuple[str, Any]:
        now = timezone.now()
        if due.leased_until and due.leased_until > now:
            return "running", _("running")
        if due.due_at is None:
            return "idle", _("nothing planned")
        return ("due", _("due")) if due.due_at <= now else ("waiting", _("waiting"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The tasks that the workers know, in unfold's dress."""


class TaskForm(PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(StaffAdmin, BasePeriodicTaskAdmin):
    form = TaskForm


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(StaffAdmin):
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(StaffAdmin, BaseCrontabScheduleAdmin):
    pass


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(StaffAdmin, BaseClockedScheduleAdmin):
    pass
