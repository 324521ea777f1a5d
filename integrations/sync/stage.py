"""Where a run is rehearsed: a schema of its own with copies of what the run would touch, dropped afterwards.

The tables are made like the tenant's (columns, indexes, identities; no foreign keys, not logged), in a moment, and nobody's
rows are locked. The change feed is not copied: here it is a view of the tenant's own, to which only the copy's rows are added.
While it is used, its maker holds an advisory lock named after it, so leftovers of workers that died can be told and dropped.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model
from django_tenants.utils import tenant_context

from crm import feed, registry
from crm.models import Change, CustomField, Person, SelectOption
from integrations.models import (
    Conflict,
    IntegrationInstance,
    PlanLine,
    Stream,
    SyncLogLine,
)
from values import Type

PREFIX = "rehearsal_"
OWN_FEED = "crm_change_rehearsed"
FEED_APART = 2**40  # its own rows of the feed come after all that the tenant may write meanwhile


class Occupied(Exception):
    """Another worker is at it."""


@contextmanager
def staged(integration: IntegrationInstance, plan_id: UUID, begin: Callable[[], None] = lambda: None) -> Iterator[Any]:
    """The tenant as it is in the copy: `with tenant_context(it)` works there. Raises Occupied."""
    real, schema = connection.tenant, f"{PREFIX}{plan_id.hex}"
    if not _lock(schema):
        raise Occupied(schema)
    try:
        begin()
        drop_leftovers(besides=schema)
        _make(real.schema_name, schema)
        _fill(real.schema_name, schema, integration)
        _follow(real.schema_name, schema)
        scratch = copy.copy(real)
        scratch.schema_name = schema
        with tenant_context(scratch):
            position = feed.now()
            Stream.objects.filter(feed_txid=0).update(feed_txid=position.txid, feed_id=position.id)
        yield scratch
    finally:
        _drop(schema)
        _unlock(schema)


def is_occupied(plan_id: UUID) -> bool:
    """Whether some worker is at this plan, however long it has been silent."""
    schema = f"{PREFIX}{plan_id.hex}"
    if not _lock(schema):
        return True
    _unlock(schema)
    return False


def drop_leftovers(besides: str = "") -> int:
    """Drop the copies of workers that died; answers how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", [PREFIX])
        found = [name for (name,) in cursor.fetchall()]
    dropped = 0
    for name in found:
        if name != besides and _lock(name):
            try:
                _drop(name)
                dropped += 1
            finally:
                _unlock(name)
    return dropped


# --- the advisory lock ----------------------------------------------------------------------------------------------


def _lock(schema: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [schema])
        return bool(cursor.fetchone()[0])


def _unlock(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [schema])


# --- making and filling ---------------------------------------------------------------------------------------------


def _models() -> list[type[Model]]:
    return [model for label in ("crm", "integrations") for model in apps.get_app_config(label).get_models(True)]


def _make(real: str, schema: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        cursor.execute(f'CREATE SCHEMA "{schema}"')
        for model in _models():
            table = model._meta.db_table
            name = OWN_FEED if model is Change else table
            cursor.execute(f'CREATE UNLOGGED TABLE "{schema}"."{name}" (LIKE "{real}"."{table}" INCLUDING ALL)')


def _fill(real: str, schema: str, integration: IntegrationInstance) -> None:
    """One short transaction with one snapshot, so that links and records belong together."""
    streams = list(integration.streams.prefetch_related("mappings"))
    copied = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for model in _models():
            wanted = _wanted(model, streams)
            if wanted is None:
                continue
            table, names = model._meta.db_table, [str(f.column) for f in model._meta.concrete_fields if not f.generated]
            given = ", ".join("NULL" if name == "credentials" else f'"{name}"' for name in names)
            columns = ", ".join(f'"{name}"' for name in names)
            cursor.execute(
                f'INSERT INTO "{schema}"."{table}" ({columns}) SELECT {given} FROM "{real}"."{table}" WHERE {wanted}',  # noqa: S608
                {"integration": integration.pk, "streams": [stream.pk for stream in streams]},
            )
            copied.append(table)
    with transaction.atomic(), connection.cursor() as cursor:
        _go_on_counting(cursor, real, schema)
        cursor.execute("ANALYZE " + ", ".join(f'"{schema}"."{table}"' for table in copied))


def _wanted(model: type[Model], streams: list[Stream]) -> str | None:
    """Which of the tenant's rows a run can touch; None for none."""
    columns = {f.column for f in model._meta.concrete_fields}
    if model in (Person, CustomField, SelectOption):
        return "true"
    if any(registry.ENTITIES[name].model is model for name in _entities(streams)):
        return "true"
    if model is IntegrationInstance:
        return "id = %(integration)s"
    if model is Stream:
        return "integration_id = %(integration)s"
    if model is Conflict:
        return "stream_id = ANY(%(streams)s) AND state = 'open'"
    if "stream_id" in columns and model not in (SyncLogLine, PlanLine):
        return "stream_id = ANY(%(streams)s)"
    return None


def _entities(streams: list[Stream]) -> set[str]:
    """Those of the streams, and those that their mapped relations point to."""
    found = set()
    for stream in streams:
        fields = registry.entity(stream.entity).fields
        mapped = [fields[m.local] for m in stream.mappings.all() if m.local in fields]
        found |= {stream.entity, *(f.target for f in mapped if f.type is Type.RELATION)}
    return found


def _go_on_counting(cursor: Any, real: str, schema: str) -> None:
    """New rows get numbers above the copied ones."""
    for model in _models():
        key = model._meta.pk
        if key is None or key.get_internal_type() not in ("BigAutoField", "AutoField"):
            continue
        table = model._meta.db_table
        source = f'"{real}"."{table}"' if model is Change else f'"{schema}"."{table}"'
        cursor.execute(f'SELECT coalesce(max("{key.column}"), 0) + 1 FROM {source}')  # noqa: S608
        first = cursor.fetchone()[0] + (FEED_APART if model is Change else 0)
        name = OWN_FEED if model is Change else table
        cursor.execute(f'ALTER TABLE "{schema}"."{name}" ALTER COLUMN "{key.column}" RESTART WITH {int(first)}')


def _follow(real: str, schema: str) -> None:
    """The change feed: the tenant's, and after it what happens in the copy."""
    columns = [str(f.column) for f in Change._meta.concrete_fields]
    names = ", ".join(f'"{name}"' for name in columns)
    given = [name for name in columns if name != "id"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f'CREATE VIEW "{schema}"."crm_change" AS SELECT {names} FROM "{real}"."crm_change"'  # noqa: S608
            f' UNION ALL SELECT {names} FROM "{schema}"."{OWN_FEED}"'
        )
        cursor.execute(
            f'CREATE RULE add AS ON INSERT TO "{schema}"."crm_change" DO INSTEAD'  # noqa: S608
            f' INSERT INTO "{schema}"."{OWN_FEED}" ({", ".join(given)})'
            f" VALUES ({', '.join(f'NEW.{name}' for name in given)})"
        )
        cursor.execute(
            TRIGGERS, {"real": real, "schema": schema, "tables": [d.model._meta.db_table for d in _records()]}
        )
        for (definition,) in cursor.fetchall():
            cursor.execute(definition)


def _records() -> list[registry.Declared]:
    return list(registry.ENTITIES.values())


#: The feed's triggers work for any table: they write into the schema of the table that they stand on.
TRIGGERS = """
    SELECT replace(pg_get_triggerdef(t.oid), format(' ON %%I.%%I ', n.nspname, c.relname),
                   format(' ON %%I.%%I ', %(schema)s::text, c.relname))
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(real)s AND c.relname = ANY(%(tables)s) AND NOT t.tgisinternal
"""


def _drop(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
