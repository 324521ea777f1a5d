"""The public host: landing, doors, staff admin, what tools call."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from config import views
from tenants.account import views as account

urlpatterns = [
    path("", account.landing, name="landing"),
    path("", include("tenants.account.urls_public")),
    path("language/", account.set_language, name="set_language"),
    path("admin/login/", account.staff_sign_in),  # the admin's own doors stand aside for ours
    path("admin/logout/", account.sign_out),
    path("admin/", admin.site.urls),
    path("api/", include("integrations.api.urls_public")),
    path("", include("integrations.ui.urls_public")),
    path("", include("practice.urls_public")),
    path("healthz", views.alive),
    path("readyz", views.ready),
]

if settings.DEBUG:
    from config.styleguide import styleguide

    urlpatterns.append(path("styleguide/", styleguide, name="styleguide"))
