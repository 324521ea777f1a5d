"""`ETag` and `If-Match` of what people and programs set: the number of the newest edit of an integration, as pages carry it."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _

from integrations.api.problems import Problem
from integrations.models import IntegrationInstance
from integrations.services import edits

IF_MATCH = (
    "The `ETag` of what you have seen: when somebody has set the same since, nothing is changed (`edited_meanwhile`)."
)


def number(if_match: str) -> int | None:
    """None: whatever stands there. What is no `ETag` of ours is refused: who sends one wants nobody overwritten."""
    given = if_match.strip()
    known = edits.number(given.removeprefix("W/").strip('"'))
    if known is None and given not in ("", "*"):
        raise Problem("invalid", _("If-Match is the ETag that you were given, as it was."))
    return known


def tell(integration: IntegrationInstance, response: HttpResponse) -> None:
    response["ETag"] = f'"{edits.seen(integration)}"'
