"""The schema of `live_tenant`, kept from one test to the next: emptying it costs a fraction of cloning it.

Between tests it is called SPARE and looks as if it had just been cloned: the template's rows and no others, counters at their
start, the same tables. Each tenant has it under another name, so whatever outlives its test (a thread, a worker) and still
writes finds no table. Where it cannot be had back (the test deleted the tenant or altered a table, or the server's user may
not silence triggers) it is dropped, and the next test clones anew.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from tenants import lifecycle
from tenants.models import Domain, Membership, Role, Tenant, User

SPARE = "spare"

_cloned: list[str] = []  # the structure that the schema had when it was cloned
_standard: list[str] = []  # the tables of the template in which rows stood then


def make_tenant(name: str, slug: str, owner: User) -> Tenant:
    """As `lifecycle.create_tenant` makes it."""
    with connection.cursor() as cursor:
        if not _cloned or _structure(cursor, SPARE) != _cloned[0]:
            tenant = lifecycle.create_tenant(name, slug, owner)
            _cloned[:] = [_structure(cursor, tenant.schema_name)]
            _standard[:] = _filled(cursor, lifecycle.TEMPLATE)
            return tenant
        tenant = Tenant.objects.create(name=name, slug=slug, schema_name="t_" + slug.replace("-", "_"))
        Domain.objects.create(tenant=tenant, domain=f"{slug}.{settings.PUBLIC_HOST}", is_primary=True)
        Membership.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
        cursor.execute(_named("ALTER SCHEMA {} RENAME TO {}", SPARE, tenant.schema_name))
    return tenant


def delete_tenant(tenant: Tenant) -> None:
    """Call on the public schema, when the test is over."""
    with connection.cursor() as cursor:
        _end_others(cursor)
        if _may_silence(cursor) and _structure(cursor, tenant.schema_name) == _cloned[0]:
            with transaction.atomic():
                cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
                _empty(cursor, tenant.schema_name)
                cursor.execute(_named("ALTER SCHEMA {} RENAME TO {}", tenant.schema_name, SPARE))
    lifecycle.delete_tenant(tenant)  # drops the schema, if it still has the tenant's name


def _end_others(cursor: Any) -> None:
    """What a thread or a process of the test is still at would write late, or keep us waiting."""
    cursor.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    )


def _may_silence(cursor: Any) -> bool:
    cursor.execute("SELECT current_setting('is_superuser') = 'on'")
    return bool(cursor.fetchone()[0])


def _structure(cursor: Any, schema: str) -> str | None:
    """All that stands in a schema, as one sum. None where there is none."""
    cursor.execute(STRUCTURE, {"schema": schema})
    return cursor.fetchone()[0]


STRUCTURE = """
    SELECT md5(string_agg(part, ' ' ORDER BY part)) FROM (
        SELECT concat_ws(',', c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull, a.atthasdef)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = to_regnamespace(%(schema)s)
        UNION ALL
        SELECT concat_ws(',', conname, contype, conrelid, confrelid, conkey)
        FROM pg_constraint WHERE connamespace = to_regnamespace(%(schema)s)
        UNION ALL
        SELECT concat_ws(',', t.tgname, t.tgenabled, t.tgrelid, t.tgfoid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = to_regnamespace(%(schema)s)
        UNION ALL
        SELECT concat_ws(',', proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
    ) parts (part)
"""


def _empty(cursor: Any, schema: str) -> None:
    for table in _filled(cursor, schema):
        cursor.execute(_named("DELETE FROM {}.{}", schema, table))
    for table in _standard:
        cursor.execute(_named("INSERT INTO {}.{} SELECT * FROM {}.{}", schema, table, lifecycle.TEMPLATE, table))
    cursor.execute(
        "SELECT setval(format('%%I.%%I', ours.schemaname, ours.sequencename)::regclass,"
        " coalesce(theirs.last_value, theirs.start_value), theirs.last_value IS NOT NULL)"
        " FROM pg_sequences ours JOIN pg_sequences theirs USING (sequencename)"
        " WHERE ours.schemaname = %s AND theirs.schemaname = %s"
        " AND ours.last_value IS DISTINCT FROM theirs.last_value",
        [schema, lifecycle.TEMPLATE],
    )


def _filled(cursor: Any, schema: str) -> list[str]:
    """The tables in which rows stand."""
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
    each = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {}.{})").format(
            sql.Literal(table), sql.Identifier(schema), sql.Identifier(table)
        )
        for (table,) in cursor.fetchall()
    ]
    cursor.execute(sql.SQL(" UNION ALL ").join(each))
    return [table for (table,) in cursor.fetchall()]


def _named(statement: str, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))  # type: ignore[arg-type]
