"""A tenant's host: its records, its connections, its settings, its API."""

from django.urls import include, path

from config import views
from config.home import home
from crm import settings_views as fields
from integrations.ui.views import outgoing
from tenants.account import views as account
from tenants.settings import views as settings

settings_pages = [
    path("", settings.home, name="home"),
    path("delete/", settings.delete, name="delete"),
    path("team/", settings.members, name="members"),
    path("team/invite/", settings.invite, name="invite"),
    path("team/invitations/<int:pk>/send-again/", settings.send_again, name="send_again"),
    path("team/<int:pk>/hand-over/", settings.hand_over, name="hand_over"),
    path("team/invitations/<int:pk>/take-back/", settings.take_back, name="take_back"),
    path("team/<int:pk>/role/", settings.change_role, name="change_role"),
    path("team/<int:pk>/remove/", settings.remove_member, name="remove_member"),
    path("fields/", fields.custom_fields, name="custom_fields"),
    path("fields/<slug:entity>/add/", fields.add_field, name="custom_field_add"),
    path("fields/<int:pk>/", fields.change_field, name="custom_field_change"),
    path("fields/<int:pk>/move/", fields.move_field, name="custom_field_move"),
    path("fields/<int:pk>/remove/", fields.remove_field, name="custom_field_remove"),
    path("tokens/", settings.token_list, name="tokens"),
    path("tokens/<int:pk>/revoke/", settings.revoke_token, name="token_revoke"),
    path("webhooks/", outgoing.webhooks, name="webhooks"),
    path("webhooks/new/", outgoing.add, name="webhook_add"),
    path("webhooks/<uuid:pk>/", outgoing.webhook, name="webhook"),
    path("webhooks/<uuid:pk>/change/", outgoing.change, name="webhook_change"),
    path("webhooks/<uuid:pk>/secret/", outgoing.secret, name="webhook_secret"),
    path("webhooks/<uuid:pk>/test/", outgoing.test, name="webhook_test"),
    path("webhooks/<uuid:pk>/switch/", outgoing.switch, name="webhook_switch"),
    path("webhooks/<uuid:pk>/remove/", outgoing.remove, name="webhook_remove"),
    path("webhooks/<uuid:pk>/resend/", outgoing.resend_failed, name="webhook_resend_failed"),
    path("webhooks/<uuid:pk>/<uuid:delivery>/", outgoing.delivery, name="webhook_delivery"),
    path("webhooks/<uuid:pk>/<uuid:delivery>/resend/", outgoing.resend, name="webhook_resend"),
]

urlpatterns = [
    path("", home, name="home"),
    path("records/", include("crm.urls")),
    path("settings/", include((settings_pages, "settings"))),
    path("", include("tenants.account.urls")),
    path("", include("integrations.ui.urls")),
    path("", include("integrations.files.urls")),
    path("notifications/", include("integrations.notifications.urls")),
    path("practice/", include("practice.urls")),
    path("api/", include("integrations.api.urls")),
    path("language/", account.set_language, name="set_language"),
    path("healthz", views.alive),
    path("readyz", views.ready),
]
