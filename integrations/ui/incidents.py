"""The one calm banner while a tool has trouble for many: since when, and that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from integrations.catalog.models import Incident
from integrations.services import incidents
from integrations.ui.tools import tool


def shown(providers: Iterable[str]) -> list[dict[str, str]]:
    """[{"title", "text"}] for ui/_callout.html, one for each of these providers that has trouble now. One query."""
    lasting = incidents.open_of(providers)
    return [_banner(lasting[slug]) for slug in sorted(lasting)]


def _banner(incident: Incident) -> dict[str, str]:
    began = timezone.localtime(incident.began_at)
    is_today = began.date() == timezone.localdate()
    since = formats.time_format(began, "TIME_FORMAT") if is_today else formats.date_format(began, "DATETIME_FORMAT")
    said = (
        _("The sync with %(tool)s has had trouble since %(time)s")
        if incident.kind == "app_refused"  # the fault is ours, not theirs
        else _("%(tool)s has had trouble since %(time)s")
    )
    calm = _("Nothing is lost: changes wait and go by themselves.")
    return {
        "title": said % {"tool": tool(incident.provider).name, "time": since},
        "text": f"{calm} {incident.note}".strip(),
    }
