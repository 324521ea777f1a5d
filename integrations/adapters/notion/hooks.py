"""What Notion calls us for: one webhook per connection, made by hand, for all workspaces that use it.

Source: https://developers.notion.com/reference/webhooks
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from typing import Any

from integrations.adapters import errors
from integrations.adapters.base import HookCall, HookEvent, HookSays

#: Notion repeats a refused event eight times, over about a day.
REPEATED = dt.timedelta(hours=36)
HANDSHAKE_BYTES = 500


def heard(call: HookCall, secret: str, now: dt.datetime) -> HookSays:
    if token := _handed_over(call.body):
        return HookSays(secret=token)
    signed = "sha256=" + hmac.new(secret.encode(), call.body, hashlib.sha256).hexdigest()
    given = call.headers.get("x-notion-signature", "")
    if not secret or not hmac.compare_digest(signed.encode(), given.encode()):
        raise errors.Forged("not signed with the verification token")
    return _told(_object(call.body), now)


def _handed_over(body: bytes) -> str:
    """The verification token of the handshake, which comes once, before anybody could sign."""
    token = _object(body).get("verification_token") if len(body) < HANDSHAKE_BYTES else None
    return token if isinstance(token, str) else ""


def _told(event: dict[str, Any], now: dt.datetime) -> HookSays:
    try:
        at = dt.datetime.fromisoformat(event["timestamp"])
        if now - at > REPEATED:
            raise errors.Forged("older than Notion repeats an event")
        collection = _collection(event)
        account, ident = str(event["workspace_id"]), str(event["id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return HookSays()  # signed, and about something that is not described
    return HookSays() if collection is None else HookSays((HookEvent(account, collection, ident, at),))


def _collection(event: dict[str, Any]) -> str | None:
    """The data source that changed; "" for one that is not told; None for what is no row and no table."""
    entity = event["entity"]
    if entity["type"] == "data_source":
        return str(entity["id"])
    if entity["type"] != "page":
        return None
    if event["type"] == "page.moved":  # where it went is told, and not where it came from
        return ""
    parent = event["data"]["parent"]
    return str(parent["data_source_id"]) if parent.get("data_source_id") else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
