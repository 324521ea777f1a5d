"""The known pairs of records that relations name, looked up once per batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection

from crm import registry
from integrations.models import LinkState, RecordLink
from integrations.sync.store import Store


def load_relations(store: Store, wanted: Mapping[str, tuple[Iterable[str], Iterable[str]]]) -> None:
    """Fill the context with the known pairs of the records that relations name.

    Only pairs whose record exists here count; it stays until the transaction ends, so that no relation dangles.
    """
    links = store.around.links
    for target, (remote_ids, record_ids) in wanted.items():
        remote_ids, record_ids = list(remote_ids), list(record_ids)
        if not remote_ids and not record_ids:
            continue
        table = registry.ENTITIES[target].model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT l.remote_id, t.id FROM "{table}" t
                JOIN integrations_recordlink l ON l.record_id = t.id
                JOIN integrations_stream s ON s.id = l.stream_id
                WHERE s.integration_id = %s AND s.entity = %s AND l.state = 'linked' AND l.remote_id IS NOT NULL
                  AND (l.remote_id = ANY(%s) OR t.id = ANY(%s::uuid[]))
                FOR KEY SHARE OF t
                """,  # noqa: S608
                [store.stream.integration_id, target, remote_ids, record_ids],
            )
            found = cursor.fetchall()
        links.local[target] = {remote_id: str(record_id) for remote_id, record_id in found}
        links.remote[target] = {str(record_id): remote_id for remote_id, record_id in found}
        links.gone[target] = _gone(
            store,
            target,
            [one for one in remote_ids if one not in links.local[target]],
            [one for one in record_ids if one not in links.remote[target]],
        )


def _gone(store: Store, target: str, remote_ids: Sequence[str], record_ids: Sequence[str]) -> set[str]:
    """Those of these records that are no more."""
    gone: set[str] = set()
    if remote_ids:
        deleted = RecordLink.objects.filter(
            stream__integration=store.stream.integration_id,
            stream__entity=target,
            state=LinkState.GONE,
            remote_id__in=remote_ids,
        )
        gone |= {str(pk) for pk in deleted.values_list("remote_id", flat=True)}
    if record_ids:
        there = registry.ENTITIES[target].model.objects.filter(pk__in=record_ids).values_list("pk", flat=True)
        gone |= set(record_ids) - {str(pk) for pk in there}
    return gone
