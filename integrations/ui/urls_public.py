"""What tools call on the public host: OAuth's return, webhooks."""

from django.urls import include, path

from integrations.ui.views import oauth

urlpatterns: list = [
    path("oauth/<slug:provider>/callback", oauth.callback, name="oauth_callback"),
    path("", include("integrations.webhooks.urls")),
]
