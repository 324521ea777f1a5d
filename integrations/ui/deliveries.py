"""Webhooks that we send, as pages show them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.outgoing.events import EVENTS, TEST, body_of
from integrations.outgoing.models import Delivery, Endpoint
from integrations.ui.paging import newest_first

PAGE = 50
NOBODY = str(UUID(int=0))
BADGES = {"delivered": "agree", "failed": "trouble", "waiting": "outline"}
UNANSWERED = {
    "no_secret": gettext_lazy("Not sent: what it is signed with cannot be read any more. Make a new secret."),
    "private_address": gettext_lazy("The name leads into a private network, where nothing is sent."),
    "unreachable": gettext_lazy("The address could not be reached."),
    "timeout": gettext_lazy("No answer came within 15 seconds."),
    "tls": gettext_lazy("The certificate of the address does not hold."),
    "broken": gettext_lazy("The connection broke off before there was an answer."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """label, badge: how it stands. outcome: a sentence. took: "120 ms" or ""."""

    delivery: Delivery
    words: str
    label: str
    badge: str
    outcome: str
    took: str


def words_of(event: str) -> str:
    return str(_("A test") if event == TEST else EVENTS.get(event, event))


def row(delivery: Delivery) -> Row:
    took = _("%(n)s ms") % {"n": number_format(delivery.ms)} if delivery.ms is not None else ""
    label = str(Delivery.State(delivery.state).label)
    if delivery.state == Delivery.State.WAITING and delivery.attempts:
        label = _("Tried again")
    words = words_of(delivery.event.type)
    return Row(delivery, words, label, BADGES[delivery.state], outcome(delivery.status, delivery.error), took)


def outcome(status: int | None, error: str) -> str:
    """What came back, in words; "" before the first try."""
    if status is not None:
        return _answered(status)
    return str(UNANSWERED.get(error, ""))


def _answered(status: int) -> str:
    if 200 <= status < 300:
        return _("Taken: it answered %(status)s.") % {"status": status}
    if status == 410:
        return _("It answered 410: it wants nothing any more.")
    if 300 <= status < 400:
        return _("It answered %(status)s, a redirect. These are not followed: enter the address it leads to.") % {
            "status": status
        }
    if status in (401, 403):
        return _("It answered %(status)s: it lets nobody in, or does not accept the signature.") % {"status": status}
    if status == 404:
        return _("It answered 404: there is nothing at this address.")
    return _("It answered %(status)s.") % {"status": status}


def deliveries(endpoint: Endpoint, state: str, before: str) -> dict[str, Any]:
    """A page of them with their addresses, newest first; `next` is the cursor of the page after."""
    found = endpoint.deliveries.select_related("event").defer("event__data", "event__body", "answer")
    found = found.filter(state=state) if state in Delivery.State.values else found
    page = newest_first(found, "at", before, PAGE)
    address = reverse("settings:webhook_delivery", args=[endpoint.pk, NOBODY])  # the routes are asked once
    rows = [(row(one), address.replace(NOBODY, str(one.pk))) for one in page.items]
    return {"rows": rows, "next": page.next, "state": state, "sent_now": _("Is sent now.")}


def detail(delivery: Delivery) -> dict[str, Any]:
    """With what was sent, laid out for people, and each try in words."""
    body = json.dumps(json.loads(body_of(delivery.event)), indent=2, ensure_ascii=False)
    tries = [
        {"at": once["at"], "words": outcome(once["status"], once["error"]), "ms": once["ms"]}
        for once in reversed(delivery.tries)
    ]
    return {"row": row(delivery), "delivery": delivery, "body": body, "tries": tries}


def standing(endpoint: Endpoint, failed: int) -> str:
    """One sentence on how it is with an endpoint."""
    if endpoint.off == "gone":
        return _("Switched off because it answered that it is gone (410). Switch it on when it is back.")
    if endpoint.off == "failing":
        return _("Switched off because it took nothing for days. Mend it, send a test, switch it on.")
    if endpoint.off:
        return _("Switched off. It is told nothing.")
    if endpoint.failing_since:
        return _("It takes nothing at the moment. What waits is tried again for about a day.")
    if failed:
        return _("It works. Some deliveries were given up; they can be sent again.")
    if endpoint.delivered_at:
        return _("It works.")
    return _("Nothing was sent yet.")


def glyph(endpoint: Endpoint) -> str:
    """The state of ui/_glyph.html."""
    if endpoint.off:
        return "paused" if endpoint.off == "person" else "failing"
    if endpoint.failing_since:
        return "failing"
    return "in_step" if endpoint.delivered_at else "waiting"
