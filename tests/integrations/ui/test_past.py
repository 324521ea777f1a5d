"""What ran in the last days, on the organisation's days."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.utils import timezone

from integrations.models import SyncLog
from integrations.ui import past


def test_a_run_of_today_is_one_of_the_organisation_s_today_wherever_the_person_is(tenant, paired):
    tenant.timezone = ZoneInfo("Pacific/Pago_Pago")
    integration = paired["integration"]
    SyncLog.objects.filter(integration=integration).delete()
    SyncLog.objects.create(integration=integration, state="done", counts={"updated_here": 3})
    with timezone.override(ZoneInfo("Pacific/Kiritimati")):  # it is never the same day there
        days = past._days()
        runs, written = past._runs([integration.pk], days[0])
        assert (runs[days[-1], "done"], written[days[-1], "here"]) == (1, 3)
