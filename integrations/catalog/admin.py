"""Staff curate the catalog: what they may change is theirs, what follows the adapters' manifests they only read."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from integrations.catalog.models import Calls, FailureText, Incident, Provider
from integrations.secrets import SecretField
from integrations.webhooks.addresses import address_of, hooks_of
from tenants.staff import StaffAdmin


@admin.register(Provider)
class ProviderAdmin(StaffAdmin):
    formfield_overrides = {SecretField: {"widget": UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"})}}
    list_display = (
        "name",
        "ways",
        "answers",
        "requests",
        "refused",
        "waited",
        "is_active",
        "is_visible",
        "is_present",
        "position",
    )
    list_editable = ("is_active", "is_visible", "position")
    list_filter = ("is_active", "is_visible")
    search_fields = ("name", "slug")
    readonly_fields = (
        "redirect_uri",
        "hook_address",
        "stored",
        "slug",
        "name",
        "is_present",
        "capabilities",
        "limits",
        "facts",
    )
    fieldsets = (
        (
            None,
            {"fields": ("is_active", "is_visible", "description", "docs_url", "requests_per_minute", "position")},
        ),
        (
            _("Our app there"),
            {
                "fields": ("redirect_uri", "client_id", "client_secret", "hook_address", "hook_secret", "stored"),
                "classes": ("tab",),
            },
        ),
        (
            _("From the adapter"),
            {"fields": ("slug", "name", "is_present", "capabilities", "limits", "facts"), "classes": ("tab",)},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        """With what was asked in the last seven days, by all tenants."""
        days = Calls.objects.filter(
            provider=OuterRef("slug"), day__gt=timezone.now().date() - dt.timedelta(days=7)
        ).values("provider")
        sums = {
            f"{name}_in_week": Subquery(days.annotate(sum=Sum(name)).values("sum"))
            for name in ("requests", "refused", "waited")
        }
        return super().get_queryset(request).annotate(**sums)

    @display(description=_("answers"), label={"closed": "success", "open": "danger", "half_open": "warning"})
    def answers(self, provider: Provider) -> tuple[str, Any] | str:
        """How its circuit breaker stands."""
        from integrations.services.adapters import breaker_of

        if not provider.is_present:
            return "–"
        state = breaker_of(provider.slug).look().state
        return state, {"closed": _("yes"), "open": _("no"), "half_open": _("being tried")}[state]

    @display(description=_("calls in 7 days"), ordering="requests_in_week")
    def requests(self, provider: Any) -> str:
        return _number(provider.requests_in_week)

    @display(description=_("“slow down”"), ordering="refused_in_week")
    def refused(self, provider: Any) -> str:
        return _number(provider.refused_in_week)

    @display(description=_("seconds waited"), ordering="waited_in_week")
    def waited(self, provider: Any) -> str:
        return _number(provider.waited_in_week)

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

    @display(description=_("address for webhooks"))
    def hook_address(self, provider: Provider) -> SafeString | str:
        """What staff enter there, and how; where we ask for calls ourselves there is nothing to enter."""
        hooks = hooks_of(provider.slug)
        if hooks is None or hooks.made != "app":
            return "–"
        return format_html("<code>{}</code><br>{}", address_of(provider.slug), _(hooks.help))

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


@admin.register(Calls)
class CallsAdmin(StaffAdmin):
    """Numbers only: no record and no key of a tenant is in here."""

    list_display = ("day", "provider", "tenant", "requests", "retries", "refused", "waited_seconds", "quota")
    list_filter = ("provider", "day")
    search_fields = ("tenant__name", "tenant__slug", "integration_id")
    ordering = ("-day", "-requests")
    list_select_related = ("tenant",)

    @display(description=_("seconds waited"), ordering="waited")
    def waited_seconds(self, row: Calls) -> str:
        return _number(row.waited)

    @display(description=_("left of the day"))
    def quota(self, row: Calls) -> str:
        return _("%(n)s of %(of)s") % {"n": _number(row.left), "of": _number(row.of)} if row.of else "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Incident)
class IncidentAdmin(StaffAdmin):
    """Runs open and end them; staff add a word for the tenants."""

    list_display = ("provider", "state", "began_at", "seen_at", "ended_at", "tenants", "connections", "what")
    list_filter = ("provider",)
    readonly_fields = ("provider", "state", "what", "began_at", "seen_at", "ended_at", "tenants", "connections")
    fields = (*readonly_fields, "note")

    @display(description=_("state"), label={"open": "danger", "over": "success"})
    def state(self, incident: Incident) -> tuple[str, Any]:
        return ("over", _("over")) if incident.ended_at else ("open", _("open"))

    @display(description=_("what fails"))
    def what(self, incident: Incident) -> str:
        from integrations.services import failures

        return failures.tell(incident.kind, tool=incident.provider).title

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class FailureTextForm(forms.ModelForm):
    code = forms.ChoiceField(label=_("failure"), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from integrations.services import failures

        super().__init__(*args, **kwargs)
        self.fields["code"].choices = [(code, f"{told.title} ({code})") for code in sorted(failures.FAILURES)
                                       for told in [failures.built_in(code, str(_("The tool")))]]  # fmt: skip


@admin.register(FailureText)
class FailureTextAdmin(StaffAdmin):
    """Words that tenants read when something fails. Without a row, and for what a row leaves empty, the built-in ones."""

    form = FailureTextForm
    list_display = ("code", "language", "title", "built_in_title")
    list_filter = ("language",)
    search_fields = ("code", "title", "happened", "todo")
    readonly_fields = ("built_in",)
    fields = ("code", "language", "title", "happened", "todo", "built_in")

    @display(description=_("built-in title"))
    def built_in_title(self, text: FailureText) -> str:
        return self._told(text)[0]

    @display(description=_("built-in words; %(tool)s becomes the tool’s name"))
    def built_in(self, text: FailureText) -> SafeString | str:
        if not text.pk:
            return "–"
        return format_html("<b>{}</b><br>{}<br>{}", *self._told(text))

    def _told(self, text: FailureText) -> tuple[str, str, str]:
        from integrations.services import failures

        with translation.override(text.language):
            told = failures.built_in(text.code, "%(tool)s")
        return told.title, told.happened, told.todo

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FailureText]) -> None:
        """One by one, so that what is kept in memory is forgotten."""
        for text in queryset:
            text.delete()


def _number(value: float | None) -> str:
    return number_format(round(value or 0), force_grouping=True)
