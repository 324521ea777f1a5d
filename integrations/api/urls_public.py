"""The REST API's part on the public host: the cron endpoint."""

from django.urls import path, re_path

from integrations.api.cron import run_due
from integrations.api.door import public_door, unknown

urlpatterns = [
    path("cron/integrations", public_door(run_due)),
    re_path(r"^(?P<rest>.*)$", public_door(unknown)),
]
