"""A stream's field mappings, made ready to run from what was stored when they were saved."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.db import connection

from crm import registry
from integrations.adapters.base import Collection, Schema
from integrations.adapters.base import Field as RemoteField
from integrations.models import Stream
from integrations.sync import mapping
from values import Type


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
            # a field with a rule of its own follows it from the beginning
            policy, first = (one.policy, "") if one.policy else (stream.policy, stream.first_policy)
            ready.append(mapping.compile_mapping(local, remote, direction, one.options, policy, one.critical, first))
    return ready


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
