"""Webhooks: made per table, renewed within seven days, and pings that say nothing but "read now"."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
from typing import Any

from pyairtable import Api

from integrations.adapters import errors
from integrations.adapters.airtable.failures import Hidden, Refused
from integrations.adapters.base import HookCall, HookEvent, HookSays, Subscription

LIFE = dt.timedelta(days=7)
OLDEST = dt.timedelta(days=2)  # Airtable repeats a failed ping for about a day
SIGNATURE = "x-airtable-content-mac"
PAYLOADS = 50  # at most in one answer

#: People, their forms and their automations. Programs that use the API are left out, or our own writes would call us back: what
#: others write that way, and what is synced in from other bases, is found by polling.
SOURCES = ["client", "formSubmission", "automation"]


def subscribe(api: Api, base: str, table: str, url: str) -> Subscription:
    """The secret is told only when a webhook is made, so one that stands there for this address is replaced."""
    urls = api.base(base).urls
    try:
        for hook in _standing(api, base):
            if hook.get("notificationUrl") == url:
                unsubscribe(api, base, str(hook["id"]))
        filters = {"dataTypes": ["tableData"], "recordChangeScope": table, "fromSources": SOURCES}
        body = {"notificationUrl": url, "specification": {"options": {"filters": filters}}}
        made = api.post(urls.webhooks, json=body)
    except Refused as error:  # too many: ten in a base, two by one OAuth app; or an address that it does not call
        raise errors.AccessDenied(error.reason) from error
    except Hidden as error:
        raise errors.AccessDenied(str(error)) from error
    return Subscription(made["id"], made["macSecretBase64"], _moment(made.get("expirationTime")))


def renew(api: Api, base: str, subscription: Subscription) -> Subscription:
    """Prolong, and switch notifications on again where Airtable gave up calling. Raises NotFound when it has to be made anew."""
    hook = next((each for each in _standing(api, base) if each["id"] == subscription.id), None)
    if hook is None or not hook.get("isHookEnabled", True):
        raise errors.NotFound("the webhook is gone, or what it watched is")
    address = _address(api, base, subscription.id)
    if not hook.get("areNotificationsEnabled", True):
        api.post(f"{address}/enableNotifications", json={"enable": True})
    try:
        renewed = api.post(f"{address}/refresh")
    except (Hidden, errors.NotFound) as error:
        raise errors.NotFound(str(error)) from error
    return Subscription(subscription.id, subscription.secret, _moment(renewed.get("expirationTime")))


def unsubscribe(api: Api, base: str, ident: str) -> None:
    try:
        api.delete(_address(api, base, ident))
    except (Hidden, errors.NotFound):  # gone already, or the base is not shared any more
        return


def destroyed(api: Api, base: str, ident: str, table: str, cursor: int) -> tuple[list[str], int]:
    """(records that payloads from `cursor` on tell to be deleted, the next cursor). They are kept for a week."""
    gone: dict[str, None] = {}
    while True:
        try:
            told = api.get(f"{_address(api, base, ident)}/payloads", params={"cursor": cursor, "limit": PAYLOADS})
        except (Hidden, Refused, errors.NotFound):  # it is made anew meanwhile; the daily full listing finds the rest
            return list(gone), cursor
        for payload in told["payloads"]:
            changed = (payload.get("changedTablesById") or {}).get(table) or {}
            gone |= dict.fromkeys(changed.get("destroyedRecordIds") or ())
        cursor = max(cursor, int(told["cursor"]))
        if not told.get("mightHaveMore") or not told["payloads"]:
            return list(gone), cursor


def heard(call: HookCall, secret: str, now: dt.datetime) -> HookSays:
    """Raises Forged."""
    try:
        key = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError) as error:
        raise errors.Forged("the secret is none of Airtable's") from error
    signed = "hmac-sha256=" + hmac.new(key, call.body, hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(signed.encode(), call.headers.get(SIGNATURE, "").encode()):
        raise errors.Forged("not signed with this webhook's secret")
    try:
        told: Any = json.loads(call.body)
        hook, at = str(told["webhook"]["id"]), dt.datetime.fromisoformat(told["timestamp"])
        age = now - at
    except (ValueError, KeyError, TypeError) as error:
        raise errors.Forged(f"signed, but no ping: {error!r}") from error
    if age > OLDEST:
        raise errors.Forged("an old ping, sent again")
    return HookSays((HookEvent(id=f"{hook} {told['timestamp']}", at=at),))


def _standing(api: Api, base: str) -> list[dict[str, Any]]:
    try:
        return list(api.get(api.base(base).urls.webhooks)["webhooks"])
    except Hidden as error:
        raise errors.AccessDenied(str(error)) from error


def _address(api: Api, base: str, ident: str) -> str:
    return f"{api.base(base).urls.webhooks}/{ident}"


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
