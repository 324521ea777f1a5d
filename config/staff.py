"""How the staff admin looks and what its sidebar holds."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _link(title: Any, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}_changelist")}


def _icon(request: HttpRequest) -> str:
    return static("favicon.svg")


UNFOLD = {
    "SITE_TITLE": "Raccord",
    "SITE_HEADER": "Raccord",
    "SITE_SUBHEADER": _("Staff"),
    "SITE_URL": "/",
    "DASHBOARD_CALLBACK": "integrations.scheduling.overview.staff_home",
    "SITE_ICON": _icon,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "base": {  # slightly warm, as on the tenants' pages
            "50": "oklch(98.5% .003 85)",
            "100": "oklch(96.7% .004 85)",
            "200": "oklch(92.6% .006 85)",
            "300": "oklch(86.9% .008 80)",
            "400": "oklch(70.5% .01 78)",
            "500": "oklch(55.4% .012 76)",
            "600": "oklch(44.6% .012 75)",
            "700": "oklch(37.2% .012 75)",
            "800": "oklch(27.5% .01 75)",
            "900": "oklch(21% .008 75)",
            "950": "oklch(14.5% .006 75)",
        },
        "primary": {  # indigo: here
            "50": "oklch(96.5% .02 277)",
            "100": "oklch(93% .04 277)",
            "200": "oklch(87% .07 277)",
            "300": "oklch(79% .11 277)",
            "400": "oklch(68% .16 276)",
            "500": "oklch(59% .19 275)",
            "600": "oklch(52% .2 275)",
            "700": "oklch(46% .19 275)",
            "800": "oklch(39% .16 276)",
            "900": "oklch(33% .13 277)",
            "950": "oklch(24% .09 278)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Installation"),
                "items": [
                    _link(_("Providers"), "extension", "catalog_provider"),
                    _link(_("Tenants"), "apartment", "tenants_tenant"),
                    _link(_("People"), "group", "tenants_user"),
                ],
            },
            {
                "title": _("Work"),
                "separator": True,
                "items": [
                    _link(_("Due"), "pending_actions", "scheduling_due"),
                    _link(_("Incidents"), "crisis_alert", "catalog_incident"),
                    _link(_("Texts of failures"), "edit_note", "catalog_failuretext"),
                    _link(_("Calls by day"), "speed", "catalog_calls"),
                    _link(_("Webhooks"), "notifications_active", "webhooks_subscription"),
                    _link(_("Handshakes"), "handshake", "webhooks_handshake"),
                    _link(_("Periodic entries"), "event_repeat", "django_celery_beat_periodictask"),
                    _link(_("Intervals"), "timer", "django_celery_beat_intervalschedule"),
                    _link(_("Crontabs"), "calendar_month", "django_celery_beat_crontabschedule"),
                ],
            },
        ],
    },
}
