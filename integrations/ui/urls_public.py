"""What tools call on the public host: OAuth's return, webhooks."""

from django.urls import include, path

urlpatterns: list = [
    path("", include("integrations.webhooks.urls")),
]
