"""What points to a record: by which columns, and what was set empty when the record was deleted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import connection

from crm import registry

#: Each transaction that deleted is looked at once, however many records went in it.
POINT_AGAIN = """
    WITH gone AS MATERIALIZED (
        SELECT last.txid, last.record_id::text AS what FROM unnest(%(ids)s::uuid[]) AS wanted(id), LATERAL (
            SELECT txid, record_id FROM crm_change WHERE record_id = wanted.id AND entity = %(target)s AND operation = 'delete'
            ORDER BY id DESC LIMIT 1) last
    ), emptied AS MATERIALIZED (
        SELECT c.id, c.txid, c.record_id, c.before->>%(column)s AS what FROM crm_change c
        WHERE c.entity = %(entity)s AND c.txid = ANY(ARRAY(SELECT DISTINCT txid FROM gone)) AND c.operation = 'update'
            AND c.before->>%(column)s IS NOT NULL AND c.after->>%(column)s IS NULL
    ), pointed AS MATERIALIZED (
        SELECT DISTINCT ON (e.record_id) e.record_id, e.what::uuid AS what
        FROM emptied e JOIN gone g ON g.txid = e.txid AND g.what = e.what ORDER BY e.record_id, e.id DESC
    ), empty AS MATERIALIZED (
        SELECT t.id, p.what FROM "{table}" t JOIN pointed p ON p.record_id = t.id
        WHERE t."{column}" IS NULL ORDER BY t.id FOR UPDATE OF t
    )
    UPDATE "{table}" t SET "{column}" = e.what, updated_at = statement_timestamp() FROM empty e WHERE t.id = e.id
"""  # noqa: S608 - names come from the models


def point_again(target: registry.Entity, ids: Sequence[str]) -> None:
    """What pointed to records that are back points to them again, where it is still empty. One statement for each column."""
    for entity, column in pointing_to(target):
        with connection.cursor() as cursor:
            cursor.execute(
                POINT_AGAIN.format(table=entity.table, column=column),
                {"entity": entity.name, "column": column, "target": target.name, "ids": list(ids)},
            )


def pointing_to(target: registry.Entity) -> Iterator[tuple[registry.Entity, str]]:
    """(entity, column) of every single relation to this entity."""
    for entity in registry.every():
        for described in entity.fields.values():
            if described.target == target.name and not described.many and not described.custom:
                yield entity, described.column
