"""Webhooks by API: made, listed, fetched, renewed, ended. They count for the base's limit like everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from integrations.sandbox.airtable import errors
from integrations.sandbox.airtable.webhooks import WEEK_MS, Hook
from integrations.sandbox.calls import Answer, Routes, json_answer
from integrations.sandbox.clock import iso

if TYPE_CHECKING:
    from integrations.sandbox.airtable.api import Asked
    from integrations.sandbox.airtable.world import AirtableWorld

PER_BASE, PER_APP = 10, 2
PAYLOADS = 50
HERE = ("127.0.0.1", "localhost")  # elsewhere only https is called


class WebhooksApi:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world

    def register(self, routes: Routes) -> None:
        hook = "/v0/bases/{base}/webhooks/{hook}"
        routes.add("GET", "/v0/bases/{base}/webhooks", self.listed)
        routes.add("POST", "/v0/bases/{base}/webhooks", self.make)
        routes.add("DELETE", hook, self.end)
        routes.add("POST", f"{hook}/refresh", self.refresh)
        routes.add("POST", f"{hook}/enableNotifications", self.enable)
        routes.add("GET", f"{hook}/payloads", self.payloads)

    def listed(self, asked: Asked, base: str) -> Answer:
        self._may(asked, base)
        told = [self._told(each) for each in self._of(base) if self.world.webhooks.lives(each)]
        return json_answer({"webhooks": told})

    def make(self, asked: Asked, base: str) -> Answer:
        self._may(asked, base)
        url = asked.body.get("notificationUrl")
        spec = asked.body.get("specification") or {}
        filters = (spec.get("options") or {}).get("filters") or {}
        if not filters.get("dataTypes") or not (url is None or _callable(url)):
            raise errors.bad_request()
        client = asked.token["client"]
        mine = [each for each in self._of(base) if self.world.webhooks.lives(each)]
        if len(mine) >= PER_BASE or (client and sum(each.client == client for each in mine) >= PER_APP):
            raise errors.refused("TOO_MANY_WEBHOOKS_IN_BASE", "There are too many webhooks in this base")
        made = self.world.webhooks.make(base, url, spec, asked.token)
        secret = {"macSecretBase64": made.secret}  # told only now
        return json_answer({"id": made.id, **secret, "expirationTime": iso(made.expires)})

    def end(self, asked: Asked, base: str, hook: str) -> Answer:
        self.world.webhooks.drop(self._hook(asked, base, hook))
        return Answer(200, b"")

    def refresh(self, asked: Asked, base: str, hook: str) -> Answer:
        found = self._hook(asked, base, hook)
        if not self.world.webhooks.lives(found):
            raise errors.hidden()
        return json_answer({"expirationTime": self._prolong(found)})

    def enable(self, asked: Asked, base: str, hook: str) -> Answer:
        found = self._hook(asked, base, hook)
        found.notifies = bool(asked.body.get("enable"))
        self.world.webhooks.save(found)
        return Answer(200, b"")

    def payloads(self, asked: Asked, base: str, hook: str) -> Answer:
        found = self._hook(asked, base, hook)
        now = self.world.now()
        if now > found.expires + WEEK_MS:  # for another week they stay readable
            raise errors.hidden()
        cursor = int(asked.call.param("cursor") or 1)
        limit = min(PAYLOADS, int(asked.call.param("limit") or PAYLOADS))
        if cursor < 1:
            raise errors.bad_request()
        told = found.payloads[cursor - 1 : cursor - 1 + limit]
        after = cursor + len(told)
        if self.world.webhooks.lives(found):
            self._prolong(found)
        more = after <= len(found.payloads)
        return json_answer({"payloads": told, "cursor": after, "mightHaveMore": more, "payloadFormat": "v0"})

    def _may(self, asked: Asked, base: str) -> None:
        asked.need("webhook:manage")
        asked.base(base)
        asked.need("webhook:manage", "create")

    def _of(self, base: str) -> list[Hook]:
        return [each for each in self.world.webhooks.hooks.values() if each.base == base]

    def _hook(self, asked: Asked, base: str, ident: str) -> Hook:
        self._may(asked, base)
        found = next((each for each in self._of(base) if each.id == ident), None)
        if found is None:
            raise errors.hidden()
        return found

    def _prolong(self, hook: Hook) -> str:
        hook.expires = self.world.now() + WEEK_MS
        self.world.webhooks.save(hook)
        return iso(hook.expires)

    def _told(self, hook: Hook) -> dict[str, Any]:
        return {
            "id": hook.id,
            "areNotificationsEnabled": hook.notifies,
            "cursorForNextPayload": len(hook.payloads) + 1,
            "isHookEnabled": True,
            "lastSuccessfulNotificationTime": None,
            "lastNotificationResult": None,
            "notificationUrl": hook.url,
            "expirationTime": iso(hook.expires),
            "specification": hook.specification,
        }


def _callable(url: Any) -> bool:
    parts = urlsplit(str(url))
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)
