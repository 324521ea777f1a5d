"""What pages and API do with endpoints: add, change, switch, new secret, test, send again, remove."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.notifications.bell import rings
from integrations.outgoing import due, signing
from integrations.outgoing.events import EVENTS, TEST
from integrations.outgoing.models import Delivery, Endpoint, Event, Off
from integrations.outgoing.post import may_be_plain
from integrations.secrets import CannotOpen
from integrations.services.connect import Refused

MOST = 20  # of one tenant
#: How long the secret before signs too.
OVERLAP = dt.timedelta(days=1)


def add(url: str, events: Iterable[str], note: str = "", by: str = "") -> tuple[Endpoint, str]:
    """The endpoint and its secret, which nobody is shown again. Raises Refused."""
    secret = signing.new_secret()
    endpoint = Endpoint(url=checked_url(url), events=checked_events(events), note=note.strip()[:100], created_by=by)
    endpoint.secret = secret
    with transaction.atomic():
        _one_at_a_time()
        if Endpoint.objects.count() >= MOST:
            told = _("There are %(n)s webhooks already. Remove one first.") % {"n": MOST}
            raise Refused(told, code="too_many_endpoints")
        endpoint.save(force_insert=True)
        due.begin(endpoint.pk)
    return endpoint, secret


def change(
    endpoint: Endpoint, url: str | None = None, events: Iterable[str] | None = None, note: str | None = None
) -> None:
    """What is None stays, also as somebody else has changed it meanwhile. Raises Refused."""
    asked: dict[str, Any] = {
        "url": None if url is None else checked_url(url),
        "events": None if events is None else checked_events(events),
        "note": None if note is None else note.strip()[:100],
    }
    wanted = {name: value for name, value in asked.items() if value is not None}
    for name, value in wanted.items():
        setattr(endpoint, name, value)
    if wanted:
        endpoint.save(update_fields=list(wanted))


def new_secret(endpoint: Endpoint) -> tuple[str, dt.datetime]:
    """It, and until when the one before signs too, so that the receiver can change over without missing anything.

    One that cannot be opened any more signs nothing: then the new one stands alone from now on.
    """
    fresh, until = signing.new_secret(), timezone.now() + OVERLAP
    with transaction.atomic():
        held = Endpoint.objects.select_for_update().get(pk=endpoint.pk)  # of two at once the second follows the first
        try:
            held.old_secret, held.old_secret_until = held.secret.open(), until
        except CannotOpen:
            held.old_secret, held.old_secret_until, until = None, None, timezone.now()
        held.secret = fresh
        held.save(update_fields=["secret", "old_secret", "old_secret_until"])
    endpoint.refresh_from_db()
    return fresh, until


def switch_off(endpoint: Endpoint, why: str = Off.PERSON) -> None:
    """What waits is not sent any more; it can be sent again from the list."""
    with transaction.atomic():
        endpoint.off, endpoint.off_at = why, timezone.now()
        endpoint.save(update_fields=["off", "off_at"])
        waiting = endpoint.deliveries.filter(state=Delivery.State.WAITING)
        waiting.update(state=Delivery.State.FAILED, next_at=None)
        due.rest(endpoint.pk)
        rings.ring()  # people may have to be told, or need not know any more


def switch_on(endpoint: Endpoint) -> None:
    with transaction.atomic():
        endpoint.off, endpoint.off_at, endpoint.failing_since = "", None, None
        endpoint.save(update_fields=["off", "off_at", "failing_since"])
        due.begin(endpoint.pk)
        rings.ring()


def remove(endpoint: Endpoint) -> None:
    with transaction.atomic():
        rings.ring()
        due.forget(endpoint.pk)
        endpoint.delete()


def test(endpoint: Endpoint) -> Delivery:
    """An event that means nothing, to see whether it arrives. Raises Refused while it is off."""
    _must_be_on(endpoint)
    with transaction.atomic():
        now = timezone.now()
        event = Event.objects.create(type=TEST, data={"endpoint": {"id": str(endpoint.pk)}}, at=now)
        made = Delivery.objects.create(endpoint=endpoint, event=event, at=now, next_at=now)
        due.at_once(endpoint.pk)
    return made


def send_again(deliveries: QuerySet[Delivery], endpoint: Endpoint) -> int:
    """With the id and the body they had. Answers how many; those that wait are sent at once. Raises Refused while it is off."""
    _must_be_on(endpoint)
    with transaction.atomic():
        number = deliveries.filter(endpoint=endpoint).update(
            state=Delivery.State.WAITING, next_at=timezone.now(), attempts=0
        )
        if number:
            due.at_once(endpoint.pk)
    return number


def failed(endpoint: Endpoint) -> QuerySet[Delivery]:
    return endpoint.deliveries.filter(state=Delivery.State.FAILED)


def get(pk: UUID) -> Endpoint:
    """Raises Endpoint.DoesNotExist."""
    return Endpoint.objects.get(pk=pk)


def checked_url(url: str) -> str:
    """As it is kept. Where its name leads is checked at every connection, because that can change. Raises Refused."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or parts.scheme not in ("http", "https") or len(url) > 2000 or port == 0 or _is_odd(url):
        raise Refused(_("Write a whole address, like https://example.com/raccord."), "url", "invalid_url")
    if parts.username is not None or parts.password is not None:
        raise Refused(
            _("Leave name and password out of the address; the signature proves who sends."), "url", "invalid_url"
        )
    if parts.scheme == "http" and not may_be_plain(host.lower()):
        raise Refused(_("Only https:// addresses are told, so that nobody reads along."), "url", "invalid_url")
    return urlunsplit(parts._replace(fragment=""))


def checked_events(events: Iterable[str]) -> list[str]:
    chosen = set(events)
    if unknown := chosen - set(EVENTS):
        raise Refused(_("“%(event)s” is no event.") % {"event": min(unknown)}, "events", "invalid_event")
    if not chosen:
        raise Refused(_("Choose at least one event."), "events", "invalid_event")
    return [name for name in EVENTS if name in chosen]


def keys(endpoint: Endpoint, now: dt.datetime) -> Sequence[str]:
    """What to sign with, the present one first."""
    known = [endpoint.secret.open()]
    if endpoint.old_secret and endpoint.old_secret_until and now < endpoint.old_secret_until:
        known.append(endpoint.old_secret.open())
    return known


def _one_at_a_time() -> None:
    """Until the transaction ends, so that two who add at once do not both find room."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"webhooks {connection.schema_name}"])


def _is_odd(url: str) -> bool:
    return any(not letter.isprintable() or letter.isspace() or letter == "\\" for letter in url)


def _must_be_on(endpoint: Endpoint) -> None:
    if not endpoint.is_on:
        raise Refused(_("The webhook is off. Switch it on first."), code="endpoint_off")
