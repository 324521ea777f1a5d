"""A call of an account that is known: what it asks for, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from integrations.sandbox.calls import Call
from integrations.sandbox.hubspot import errors
from integrations.sandbox.hubspot.catalogue import SCOPES
from integrations.sandbox.hubspot.model import Kind, Table

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

BATCH = 100


@dataclass(frozen=True, slots=True)
class Asked:
    call: Call
    token: dict[str, Any]
    body: Any
    world: HubSpotWorld

    @property
    def portal(self) -> int:
        return int(self.token["portal"])

    @property
    def source(self) -> str:
        """Who is behind a change, as webhooks tell it."""
        return "INTEGRATION"

    def need(self, *scopes: str) -> None:
        """Raises 403 when none of these was granted."""
        if not set(scopes) & set(self.token["scopes"]):
            raise errors.missing_scopes(*scopes)

    def kind(self, name: str, way: str = "read") -> Kind:
        """The object type that a path names. way: "read" or "write"."""
        kind = self.world.kind(self.portal, unquote(name))
        if kind is None:
            raise errors.invalid(f"Unable to infer object type from: {name}")
        self.need(f"crm.objects.{SCOPES.get(kind.name, 'custom')}.{way}")
        if kind.name in self.token["hidden"]:
            raise errors.missing_scopes(f"crm.objects.{SCOPES.get(kind.name, 'custom')}.{way}")
        return kind

    def schema_of(self, name: str, way: str) -> Kind:
        """The same for its properties: reading them also works with the objects' scope."""
        kind = self.kind(name)
        if way == "write":
            self.need(f"crm.schemas.{SCOPES.get(kind.name, 'custom')}.write")
        return kind

    def table(self, kind: Kind) -> Table:
        return self.world.table(kind)

    def flag(self, name: str) -> bool:
        return (self.call.param(name) or "").lower() == "true"

    def names(self, name: str) -> list[str]:
        """A list parameter: commas, or the parameter again."""
        return [part for key, value in self.call.query if key == name for part in value.split(",") if part]

    def size(self, default: int = 10, most: int = 100) -> int:
        text = self.call.param("limit") or str(default)
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise errors.invalid(f"Invalid input limit: {text}; it is at most {most}.")
        return int(text)

    @property
    def inputs(self) -> list[dict[str, Any]]:
        found = self.body.get("inputs") if isinstance(self.body, dict) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise errors.bad_json("Some required fields were not set: [inputs].")
        return found

    def batch(self, most: int = BATCH) -> list[dict[str, Any]]:
        if len(self.inputs) > most:
            raise errors.invalid(f"The maximum number of inputs supported in a batch request is {most}.")
        return self.inputs


def read_body(call: Call) -> Any:
    if call.method == "GET" or not call.body:
        return {}
    try:
        return orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise errors.bad_json("it cannot be read.") from error
