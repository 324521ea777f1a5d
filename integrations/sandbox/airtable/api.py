"""Airtable's HTTP API: which handler, and what is checked before every one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from integrations.sandbox.airtable import errors, oauth
from integrations.sandbox.airtable.fields_api import FieldsApi
from integrations.sandbox.airtable.listing import Listings
from integrations.sandbox.airtable.model import Table
from integrations.sandbox.airtable.webhooks_api import WebhooksApi
from integrations.sandbox.airtable.writing import Writing
from integrations.sandbox.calls import Answer, Call, Routes, json_answer

if TYPE_CHECKING:
    from integrations.sandbox.airtable.world import AirtableWorld

LEVELS = ("none", "read", "comment", "edit", "create")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call with its token and body; knows what the token may see and do."""

    call: Call
    token: dict[str, Any]
    body: dict[str, Any]
    world: AirtableWorld

    @property
    def by(self) -> tuple[str, str]:
        return "publicApi", self.token["user"]

    def need(self, scope: str, level: str = "read") -> None:
        """A missing scope looks like a missing base; a low role is told apart."""
        if scope and scope not in self.token["scopes"]:
            raise errors.hidden()
        if LEVELS.index(self.token["level"]) < LEVELS.index(level):
            raise errors.not_permitted()

    def base(self, ident: str) -> str:
        if not self.world.sees(self.token, ident):
            raise errors.hidden()
        return ident

    def table(self, base: str, name_or_id: str) -> Table:
        self.base(base)
        wanted = unquote(name_or_id)
        for table in self.world.tables_of(base):
            if wanted in (table.id, table.name):
                return table
        raise errors.hidden()


class Api:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world
        self.routes = Routes()
        self.routes.add("GET", "/v0/meta/whoami", self.whoami)
        FieldsApi(world).register(self.routes)
        WebhooksApi(world).register(self.routes)
        Listings(world).register(self.routes)
        Writing(world).register(self.routes)
        self.open_routes = oauth.routes(world)

    def answer(self, call: Call) -> Answer:
        try:
            if (opened := self.open_routes.find(call.method, call.path)) is not None:
                return opened[0](call)
            return self._checked(call)
        except errors.NoSuchPath:
            return errors.by_status(404)
        except errors.AirtableError as error:
            return error.answer()

    def _checked(self, call: Call) -> Answer:
        found = self.routes.find(call.method, call.path)
        if found is None:
            raise errors.NoSuchPath
        if call.bearer is None:
            raise errors.AirtableError(401, "AUTHENTICATION_REQUIRED", "Authentication required")
        token = self.world.token(call.bearer)
        if token is None:
            raise errors.AirtableError(401, "UNAUTHORIZED", "Invalid authentication token")
        handler, parts = found
        return handler(Asked(call, token, _body(call), self.world), **parts)

    def whoami(self, asked: Asked) -> Answer:
        told: dict[str, Any] = {"id": asked.token["user"]}
        if asked.token["client"]:
            told["scopes"] = asked.token["scopes"]
        if "user.email:read" in asked.token["scopes"]:
            told["email"] = self.world.users[asked.token["user"]]["email"]
        return json_answer(told)


def _body(call: Call) -> dict[str, Any]:
    if not call.body:
        return {}
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise errors.refused("INVALID_REQUEST_MISSING_FIELDS", "Could not parse the request body") from error
    if not isinstance(body, dict):
        raise errors.bad_request()
    return body
