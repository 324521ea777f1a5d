"""What HubSpot calls us for: one address for the app, arrays of events of all accounts that use it, in no order and some doubled.

Source: HubSpot's "Webhooks" and "Validating requests" (version 3 of the signature).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import unquote

from integrations.adapters import errors
from integrations.adapters.base import HookCall, HookEvent, HookSays
from integrations.adapters.hubspot.objects import BY_SINGULAR, BY_TYPE_ID

MAX_AGE = dt.timedelta(minutes=5)
#: These are decoded in the signed URL, and no others: : / ? @ ! $ ' ( ) * , ;
_DECODED = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


def heard(call: HookCall, secret: str, now: dt.datetime) -> HookSays:
    """secret: the app's client secret. Raises Forged."""
    stamp = call.headers.get("x-hubspot-request-timestamp", "")
    if not secret or not stamp.isdecimal() or len(stamp) > 13:  # 13 digits reach to the year 2286
        raise errors.Forged("without a secret or a time")
    if abs(now - dt.datetime.fromtimestamp(int(stamp) / 1000, dt.UTC)) > MAX_AGE:
        raise errors.Forged("older than five minutes")
    given = call.headers.get("x-hubspot-signature-v3", "")
    if not hmac.compare_digest(signature(call, secret, stamp).encode(), given.encode()):
        raise errors.Forged("not signed with the app's secret")
    events = {event.id: event for event in map(_event, _list(call.body)) if event}
    return HookSays(tuple(events.values()))


def signature(call: HookCall, secret: str, stamp: str) -> str:
    url = _DECODED.sub(lambda match: unquote(match[0]), call.url)
    text = call.method.encode() + url.encode() + call.body + stamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def _event(told: Any) -> HookEvent | None:
    """None for what is not described, and for what is about no object type that we read."""
    try:
        account, type = str(told["portalId"]), str(told["subscriptionType"])
        at = dt.datetime.fromtimestamp(told["occurredAt"] / 1000, dt.UTC)
        type_id = str(told.get("objectTypeId") or "")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        return None
    collection = BY_SINGULAR.get(type.partition(".")[0]) or BY_TYPE_ID.get(type_id, type_id)
    if not collection:
        return None
    # eventId is not unique; what stays the same however often an event is delivered is what it says.
    same = {key: value for key, value in told.items() if key != "attemptNumber"}
    ident = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:32]
    return HookEvent(account, collection, ident, at)


def _list(body: bytes) -> list[Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
