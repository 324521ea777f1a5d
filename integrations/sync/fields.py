"""A stream's field mappings, made ready to run from what was stored when they were saved."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.db import connection

from crm import registry
from integrations.adapters.base import Collection, Schema
from integrations.adapters.base import Field as RemoteField
from integrations.models import FieldMapping, FirstPolicy, Policy, Stream
from integrations.sync import mapping
from values import Type

#: By which rules of the first meeting what flows so may replace a value.
WINS_BY: dict[str, list[str]] = {
    "both": FirstPolicy.values,
    "import": [FirstPolicy.REMOTE],
    "export": [FirstPolicy.LOCAL],
}


def schema_of(stream: Stream) -> Schema:
    """The collection as last described."""
    kept = stream.schema
    fields = tuple(
        RemoteField(**{**field, "type": Type(field["type"]), "options": tuple(field["options"])})
        for field in kept["fields"]
    )
    home = kept["collection"]
    return Schema(Collection(**{**home, "path": tuple(home["path"])}), fields, kept["title"])


def compiled(stream: Stream, entity: registry.Entity | None = None) -> list[mapping.Mapped]:
    """The stream's mappings ready to run; those whose remote field is gone are left out (the run reports them)."""
    schema, entity = schema_of(stream), entity or registry.entity(stream.entity)
    ready = []
    for one in stream.mappings.all():
        if one.gone:
            continue
        remote, local = schema.field(one.remote), entity.fields.get(one.local)
        if remote is None or local is None:
            continue
        allowed = mapping.fit(remote, local, one.options).directions
        direction = narrowed(stream.direction, one.direction, allowed)
        if direction:
            policy, first = one.policy or stream.policy, _first(stream, one, direction)
            ready.append(mapping.compile_mapping(local, remote, direction, one.options, policy, one.critical, first))
    return ready


def _first(stream: Stream, one: FieldMapping, direction: str) -> str:
    """What decides a first meeting. A field with a rule of its own follows that from the beginning; where values flow one way and
    only fill, they replace others at first, too, only if the side that they come from is to win."""
    if one.policy or (stream.policy == Policy.FILL and stream.first_policy not in WINS_BY[direction]):
        return ""
    return stream.first_policy


def narrowed(*limits: str | Iterable[str]) -> str:
    """The direction that all limits leave: "both", "import", "export" or "" for none."""
    ways = {"import", "export"}
    for limit in limits:
        given = [limit] if isinstance(limit, str) else list(limit)
        ways &= {"import", "export"} if "both" in given else set(given)
    return "both" if len(ways) == 2 else next(iter(ways), "")


def context() -> mapping.Context:
    tenant = connection.tenant
    return mapping.Context(ZoneInfo(str(tenant.timezone)), tenant.currency, mapping.Links())
