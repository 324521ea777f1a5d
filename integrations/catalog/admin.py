"""Staff curate the catalog: what they may change is theirs, what follows the adapters' manifests they only read."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from integrations.catalog.models import Provider
from integrations.secrets import SecretField
from tenants.staff import StaffAdmin


@admin.register(Provider)
class ProviderAdmin(StaffAdmin):
    formfield_overrides = {SecretField: {"widget": UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"})}}
    list_display = ("name", "ways", "is_active", "is_visible", "is_present", "position")
    list_editable = ("is_active", "is_visible", "position")
    list_filter = ("is_active", "is_visible")
    search_fields = ("name", "slug")
    readonly_fields = ("redirect_uri", "stored", "slug", "name", "is_present", "capabilities", "limits", "facts")
    fieldsets = (
        (
            None,
            {"fields": ("is_active", "is_visible", "description", "docs_url", "requests_per_minute", "position")},
        ),
        (
            _("Our app there"),
            {"fields": ("redirect_uri", "client_id", "client_secret", "hook_secret", "stored"), "classes": ("tab",)},
        ),
        (
            _("From the adapter"),
            {"fields": ("slug", "name", "is_present", "capabilities", "limits", "facts"), "classes": ("tab",)},
        ),
    )

    @display(description=_("connects by"))
    def ways(self, provider: Provider) -> str:
        return ", ".join(way.get("kind", "") for way in provider.manifest.get("auth", []))

    @display(description=_("redirect URI, to be entered there"))
    def redirect_uri(self, provider: Provider) -> str:
        from integrations.oauth import gateway

        return gateway.redirect_uri(provider.slug) if gateway.is_known(provider.slug) else "–"

    @display(description=_("stored secrets"))
    def stored(self, provider: Provider) -> str:
        there = {_("client secret"): provider.client_secret, _("webhook secret"): provider.hook_secret}
        return ", ".join(str(name) for name, secret in there.items() if secret) or "–"

    @display(description=_("can"))
    def capabilities(self, provider: Provider) -> str:
        can = provider.manifest.get("can", {})
        return ", ".join(name.replace("_", " ") for name, value in can.items() if value is True) or "–"

    @display(description=_("documented limits"))
    def limits(self, provider: Provider) -> str:
        known = provider.manifest.get("limits", [])
        return ", ".join(f"{limit['requests']} / {limit['seconds']:g} s" for limit in known) or "–"

    @display(description=_("manifest"))
    def facts(self, provider: Provider) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(provider.manifest, indent=2, ensure_ascii=False))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
