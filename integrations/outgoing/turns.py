"""Sending: an endpoint gets a turn, its deliveries go out one after the other, and a failure ends the turn.

At least once, never promised in order: a worker that dies between the answer and the commit sends again, with the same id.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from integrations.outgoing import due, endpoints, events, signing
from integrations.outgoing.models import Delivery, Endpoint, Event, Off
from integrations.outgoing.post import Answer, post
from integrations.secrets import CannotOpen

log = logging.getLogger(__name__)

WAKE_SECONDS = 30  # a wake-up that waited longer tells nothing that a later one does not
TURN_SECONDS = 20.0
TURN_DELIVERIES = 50
#: Seconds until a delivery is tried again, each a fifth more or less: for a good day. After the last it is given up.
AGAIN = (5, 300, 1800, 7200, 18_000, 28_800, 36_000)
#: Seconds that an endpoint rests after so many failures in a row, whatever else waits for it.
REST = (5, 30, 120, 300, 900, 1800, 3600)
TRIES_KEPT = 10


def dispatch() -> int:
    """Wake what is due. Answers how many."""
    from integrations.scheduling.tasks import deliver

    due.collect()
    found = due.following()
    for schema, endpoint in found:
        deliver.apply_async(args=[schema, str(endpoint)], retry=False, expires=WAKE_SECONDS)
    return len(found)


def turn(endpoint_id: UUID) -> int:
    """Send what waits for one endpoint of the present tenant. Answers how much was tried."""
    if (claimed := due.claim(endpoint_id)) is None:
        return 0
    lease, failures = claimed
    endpoint = Endpoint.objects.filter(pk=endpoint_id, off="").first()
    tried, not_before = 0, None
    until = time.monotonic() + TURN_SECONDS
    if endpoint is None:  # switched off; if it is on again by now, what was told meanwhile stays due
        due.release(endpoint_id, lease, None, failures, None)
        return 0
    for delivery in _waiting(endpoint):
        answer = _send(endpoint, delivery)
        tried += 1
        failures = 0 if answer.is_taken else failures + 1
        if not answer.is_taken:
            not_before = timezone.now() + _rest(failures, answer.wait)
            break
        if not endpoint.is_on or time.monotonic() > until:
            break
    if endpoint.is_on:  # whoever switched it off, or off and on again, has said when its next turn is
        due.release(endpoint_id, lease, _next(endpoint), failures, not_before)
    return tried


def forget(before: dt.datetime) -> int:
    """What is older than that and no longer waits."""
    gone = Delivery.objects.filter(at__lt=before).exclude(state=Delivery.State.WAITING).delete()[0]
    still = Delivery.objects.filter(event=OuterRef("pk"))
    Event.objects.filter(~Exists(still), at__lt=before).delete()
    return gone


def _waiting(endpoint: Endpoint) -> list[Delivery]:
    rows = endpoint.deliveries.filter(state=Delivery.State.WAITING, next_at__lte=timezone.now())
    return list(rows.select_related("event").order_by("next_at", "id")[:TURN_DELIVERIES])


def _next(endpoint: Endpoint) -> dt.datetime | None:
    rows = endpoint.deliveries.filter(state=Delivery.State.WAITING).order_by("next_at")
    return rows.values_list("next_at", flat=True).first()


def _send(endpoint: Endpoint, delivery: Delivery) -> Answer:
    """No transaction is open while the other side thinks."""
    body, now = events.body_of(delivery.event), timezone.now()
    try:
        signed = signing.headers(str(delivery.event_id), now, body, endpoints.keys(endpoint, now))
        answer = post(endpoint.url, body, signed)
    except CannotOpen as error:  # nothing goes out that nobody can check
        log.error("webhook %s: %s (docs/security.md)", endpoint.pk, error)
        answer = Answer(None, "no_secret")
    with transaction.atomic():
        # switched off or removed while the other side thought: nothing of it waits any more
        held = Endpoint.objects.select_for_update().filter(pk=endpoint.pk).values_list("off", flat=True).first()
        endpoint.off = Off.PERSON if held is None else held
        if held is not None:
            _note(endpoint, delivery, answer, now)
        if endpoint.is_on and answer.is_taken:
            _took(endpoint, now)
        elif endpoint.is_on:
            _failed(endpoint, answer, now)
    log.info("webhook %s to %s: %s", delivery.event.type, endpoint.pk, answer.status or answer.error)
    return answer


def _note(endpoint: Endpoint, delivery: Delivery, answer: Answer, now: dt.datetime) -> None:
    tries = [*delivery.tries, {"at": now.isoformat(), "status": answer.status, "error": answer.error, "ms": answer.ms}]
    facts: dict[str, Any] = {
        "attempts": delivery.attempts + 1,
        "status": answer.status,
        "error": answer.error,
        "answer": answer.text,
        "ms": answer.ms,
        "sent_at": now,
        "tries": tries[-TRIES_KEPT:],
        "next_at": None,
        "state": Delivery.State.DELIVERED,
    }
    if not answer.is_taken:
        facts["state"] = Delivery.State.FAILED
        if endpoint.is_on and delivery.attempts < len(AGAIN):
            seconds = AGAIN[delivery.attempts] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, guards nothing
            facts |= {"state": Delivery.State.WAITING, "next_at": now + dt.timedelta(seconds=max(seconds, answer.wait))}
    # only while it is as it was read: not over what a worker noted that took this one for dead, or a person who sends it again
    Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.WAITING, attempts=delivery.attempts).update(**facts)


def _took(endpoint: Endpoint, now: dt.datetime) -> None:
    endpoint.failing_since, endpoint.delivered_at = None, now
    endpoint.save(update_fields=["failing_since", "delivered_at"])


def _failed(endpoint: Endpoint, answer: Answer, now: dt.datetime) -> None:
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.save(update_fields=["failing_since"])
    days = dt.timedelta(hours=settings.OUTGOING_OFF_HOURS)
    if answer.is_gone:
        _switch_off(endpoint, Off.GONE)
    elif now - endpoint.failing_since >= days:
        _switch_off(endpoint, Off.FAILING)


def _switch_off(endpoint: Endpoint, why: Off) -> None:
    endpoints.switch_off(endpoint, why)
    log.warning("webhook %s is switched off: %s", endpoint.pk, why)


def _rest(failures: int, wait: float) -> dt.timedelta:
    return dt.timedelta(seconds=max(REST[min(failures, len(REST)) - 1], wait))
