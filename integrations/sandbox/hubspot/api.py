"""HubSpot's HTTP API: which handler, and the checks that come before every one of them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from integrations.sandbox.calls import Answer, Call, Routes
from integrations.sandbox.clock import iso
from integrations.sandbox.hubspot import associations_api, errors, oauth, objects_api, schema_api, search, webhooks
from integrations.sandbox.hubspot.asked import Asked, read_body

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

MAX_URL = 8_000


class Api:
    def __init__(self, world: HubSpotWorld) -> None:
        self.world = world
        self.routes = Routes()
        for part in (search, objects_api, associations_api, schema_api):
            part.register(self.routes)
        self.open_routes = oauth.routes(world)
        webhooks.register(self.open_routes, world)

    def answer(self, call: Call) -> Answer:
        try:
            if (opened := self.open_routes.find(call.method, call.path)) is not None:
                handler, parts = opened
                return handler(call, **parts)  # type: ignore[no-any-return]
            return self._checked(call)
        except errors.HubSpotError as error:
            return error.answer()

    def _checked(self, call: Call) -> Answer:
        token = self.world.tokens.get(call.bearer or "")
        if token is None or token["revoked"]:
            raise errors.unauthorized()
        if token["expires"] is not None and token["expires"] <= self.world.now():
            raise errors.expired(iso(token["expires"]))
        if self.world.limit.per_window is not None:
            self.world.limits.check(token["portal"], call)
        if len(call.path) + len(call.query_string) > MAX_URL:
            return errors.plain(414)
        found = self.routes.find(call.method, call.path)
        if found is None:
            raise errors.not_found()
        handler, parts = found
        answer: Answer = handler(Asked(call, token, read_body(call), self.world), **parts)
        correlation = (("X-HubSpot-Correlation-Id", str(uuid.uuid4())),)
        limited = self.world.limit.per_window is not None
        limits = self.world.limits.headers(token["portal"], call) if limited else ()
        return Answer(answer.status, answer.body, answer.content_type, (*answer.headers, *correlation, *limits))
