"""The REST API on a tenant's host."""

from django.urls import path, re_path

from integrations.api import docs, v1
from integrations.api.door import door, unknown

urlpatterns = [
    path("v1/docs", docs.page, name="api_docs"),
    path("v1/", v1.urls(v1.api)),
    path("", door(unknown)),
    path("", v1.urls(v1.short)),
    re_path(r"^(?P<rest>.*)$", door(unknown)),
]
