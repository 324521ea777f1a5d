"""What follows in mappings and filters when people here change, rename or remove a field or one of its options.

An option that is renamed here keeps its name in the tool, where that has options of its own or only flows in: a list of values
stands between. Where the tool keeps plain text that flows out, the new name goes out like any change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet

import values
from crm import registry
from crm.followers import Follower
from integrations.adapters.base import Field as RemoteField
from integrations.models import Direction, FieldMapping, Stream
from integrations.sync import mapping
from integrations.sync.fields import narrowed, schema_of
from integrations.sync.transforms import wanted_steps
from integrations.sync.transforms.choices import VALUES, renames
from values import Type

CHOICES = (Type.SELECT, Type.MULTI_SELECT)
STANDING = ("default", "constant")  # steps with a value of ours that does not come from there


def places(entity: str, field: str) -> list[str]:
    """Connection and table, in words."""
    rows = FieldMapping.objects.filter(stream__entity=entity, local=field).order_by("stream__integration__name")
    names = rows.values_list("stream__integration__name", "stream__collection_name")
    return [f"{integration}, {table}" for integration, table in names.distinct()]


def hold(entity: str, field: str) -> None:
    """No run of these streams writes before the transaction ends. They are taken as a run does it, before records and fields."""
    list(_streams(entity, field).select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def changed(entity: str, field: str) -> None:
    """A run at work begins anew with what holds now; of a field that is here again nothing came in, so everything is read."""
    is_here = field in registry.entity(entity).fields
    _streams(entity, field).update(version=F("version") + 1, **({"cursor": ""} if is_here else {}))


def renamed(entity: str, field: str, names: Mapping[str, str]) -> None:
    described = registry.entity(entity).fields[field]
    for one in _mappings(entity, field):
        options = _options_renamed(one, described, names)
        if options != one.options:
            one.options = options
            one.save(update_fields=["options"])
    for stream in _streams(entity, field).filter(_filters_name(field)):
        for condition in stream.filters["here"]:
            if condition["field"] == field and "value" in condition:
                condition["value"] = _named(condition["value"], names)
        stream.save(update_fields=["filters"])
    _streams(entity, field).update(version=F("version") + 1)  # a run at work begins anew


def records_renamed(entity: str, field: str, ids: Sequence[UUID], names: Mapping[str, str]) -> None:
    """Where the tool's name stays, both sides agree on the new name at once, and nothing is to be sent."""
    described = registry.entity(entity).fields[field]
    agreed = [one.stream_id for one in _mappings(entity, field) if _stays(one, described, names)]
    if not agreed:
        return
    given: dict[str, Any] = {"streams": agreed, "ids": list(ids), "field": field}
    table = registry.ENTITIES[entity].model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            # of links that agreed on the old name; what a person changed since goes out as a change
            "UPDATE integrations_recordlink l"  # noqa: S608
            " SET base_local = base_local || jsonb_build_object(%(field)s::text, r.custom -> %(name)s)"
            f' FROM "{table}" r, crm_change c'
            " WHERE l.stream_id = ANY(%(streams)s) AND l.record_id = ANY(%(ids)s) AND r.id = l.record_id"
            " AND c.record_id = r.id AND c.entity = %(entity)s"
            " AND c.txid = pg_current_xact_id()::text::bigint"
            " AND c.before -> 'custom' -> %(name)s = l.base_local -> %(field)s",
            given | {"name": field.partition(".")[2], "entity": entity},
        )


def _streams(entity: str, field: str) -> QuerySet[Stream]:
    mapped = FieldMapping.objects.filter(stream__entity=entity, local=field).values("stream")
    return Stream.objects.filter(Q(pk__in=mapped) | _filters_name(field), entity=entity)


def _filters_name(field: str) -> Q:
    return Q(filters__here__contains=[{"field": field}])


def _mappings(entity: str, field: str) -> QuerySet[FieldMapping]:
    return FieldMapping.objects.filter(stream__entity=entity, local=field).select_related("stream")


def _options_renamed(one: FieldMapping, here: registry.Field, names: Mapping[str, str]) -> dict[str, Any]:
    """The mapping's options with the new names; with a list of values more where the tool keeps the old ones."""
    steps = [dict(step) for step in wanted_steps(one.options)]
    listed: dict[str, Any] | None = None
    for step in reversed(steps):  # from our side on, as far as the value is one of ours
        if step["name"] in STANDING:
            step["value"] = names.get(step.get("value", ""), step.get("value", ""))
        elif step["name"] == VALUES.name:
            listed = step
            break
        else:
            break
    known = set()
    if listed is not None:
        known = set(renames(listed.get("pairs") or ())[1])
        listed["pairs"] = [[theirs, names.get(ours, ours)] for theirs, ours in listed.get("pairs") or ()]
    remote = _there(one)
    if remote is not None and _keeps_its_names(one, remote):
        fresh = [pair for old, new in names.items() if old not in known for pair in _pairs(remote, old, new, steps)]
        if fresh and listed is not None and listed.get("other", "keep") == "keep":
            listed["pairs"] = [*listed["pairs"], *fresh]
        elif fresh and listed is None:
            steps.append({"name": VALUES.name, "pairs": fresh})
    if listed is not None and _says_nothing(listed):
        steps.remove(listed)
    rest = {name: value for name, value in one.options.items() if name not in ("values", "transforms")}
    options = rest | ({"transforms": steps} if steps else {})
    if steps == wanted_steps(one.options):
        return one.options
    fits = remote is None or mapping.fit(remote, here, options).possible
    return options if fits else one.options


def _pairs(remote: RemoteField, old: str, new: str, steps: list[dict[str, Any]]) -> list[list[str]]:
    """What stands there for the old name, as the tool writes it; the first pair is the way out."""
    there = [] if steps else [option for option in remote.options if values.key(option) == values.key(old)]
    return [[theirs, new] for theirs in dict.fromkeys([*there, old])]


def _says_nothing(step: Mapping[str, Any]) -> bool:
    return step.get("other", "keep") == "keep" and all(theirs == ours for theirs, ours in step.get("pairs") or ())


def _there(one: FieldMapping) -> RemoteField | None:
    """The tool's field; None where the table was never described, or has it no more."""
    return schema_of(one.stream).field(one.remote) if one.stream.schema else None


def _keeps_its_names(one: FieldMapping, remote: RemoteField) -> bool:
    return remote.type in CHOICES or narrowed(one.stream.direction, one.direction) == Direction.IMPORT


def _stays(one: FieldMapping, here: registry.Field, names: Mapping[str, str]) -> bool:
    remote = _there(one)
    if remote is None:
        return False
    listed = [pair for step in wanted_steps(one.options) if step["name"] == VALUES.name for pair in step["pairs"]]
    return _keeps_its_names(one, remote) or set(names.values()) <= {ours for _theirs, ours in listed}


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names.get(value, value)


FOLLOWER = Follower(places, hold, changed, renamed, records_renamed)
