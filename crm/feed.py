"""The change feed: every change of every record, written by triggers in the writing transaction.

`acting` names the actor and the origin for the writes of a transaction; whoever writes without it (a shell, raw SQL) is
recorded as nobody in particular, but recorded. Readers go through `read`, which never skips a transaction that
commits late: it reads only below the oldest transaction still running, in (transaction id, row id) order.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import pgtrigger
from django.db import connection, transaction

#: Everything below this transaction id has ended, so no row with a lower id can still appear.
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes. kind: user, api, run or system; id: of the user, token or run; label: what a person reads.

    origin: "stream:<id>" for what a stream brings in (that stream passes over it), otherwise empty.
    """

    kind: str
    id: str = ""
    label: str = ""
    origin: str = ""


SYSTEM = Actor("system", label="Raccord")


@contextmanager
def acting(by: Actor) -> Iterator[None]:
    """A transaction whose writes are recorded as done by `by`."""
    with transaction.atomic():
        sign(by)
        yield


def sign(by: Actor) -> None:
    """Name the actor for the rest of the current transaction."""
    who = {key: value for key, value in asdict(by).items() if key != "origin"}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('raccord.actor', %s, true), set_config('raccord.origin', %s, true)",
            [json.dumps(who), by.origin],
        )


class FeedTrigger(pgtrigger.Trigger):
    """Statement-level: one INSERT … SELECT per statement, however many rows it touched."""

    level = pgtrigger.Statement
    when = pgtrigger.After

    def __init__(self, entity: str, operation: pgtrigger.Operation, **kwargs: Any) -> None:
        self.entity = entity
        super().__init__(name=f"feed_{str(operation).lower()}", operation=operation, **kwargs)

    @property
    def referencing(self) -> pgtrigger.Referencing:
        return {
            "INSERT": pgtrigger.Referencing(new="new_rows"),
            "UPDATE": pgtrigger.Referencing(old="old_rows", new="new_rows"),
            "DELETE": pgtrigger.Referencing(old="old_rows"),
        }[str(self.operation)]

    @referencing.setter
    def referencing(self, value: object) -> None:
        """pgtrigger assigns the class default in its constructor; ours follows from the operation."""

    def get_func(self, model: Any) -> str:
        before, after = (f"to_jsonb({row}) - 'search'" for row in "on")  # which follows from the rest
        select = {
            "INSERT": f"SELECT n.id, NULL::jsonb AS before, {after} AS after FROM new_rows n",
            "UPDATE": f"SELECT n.id, {before} AS before, {after} AS after FROM new_rows n JOIN old_rows o USING (id)"
            " WHERE o IS DISTINCT FROM n",
            "DELETE": f"SELECT o.id, {before} AS before, NULL::jsonb AS after FROM old_rows o",
        }[str(self.operation)]
        return f"""
            -- the table's own schema, so that a statement with another search path is recorded where it belongs
            EXECUTE format($feed$
                INSERT INTO %I.crm_change (txid, entity, record_id, operation, before, after, actor, origin, at)
                SELECT pg_current_xact_id()::text::bigint, '{self.entity}', r.id, '{str(self.operation).lower()}',
                       r.before, r.after,
                       coalesce(nullif(current_setting('raccord.actor', true), ''), '{{}}')::jsonb,
                       coalesce(current_setting('raccord.origin', true), ''), clock_timestamp()
                FROM ({select}) r
            $feed$, TG_TABLE_SCHEMA);
            RETURN NULL;
        """


def triggers(entity: str) -> list[pgtrigger.Trigger]:
    """The triggers that an entity's model declares in its Meta."""
    operations = (pgtrigger.Insert, pgtrigger.Update, pgtrigger.Delete)
    return [
        *(FeedTrigger(entity, operation) for operation in operations),
        # TRUNCATE has no rows to record: it would be a silent loss
        pgtrigger.Trigger(
            name="no_truncate",
            operation=pgtrigger.Truncate,
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            func="RAISE EXCEPTION 'records are deleted with DELETE, so that the change feed sees them';",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader has come: (transaction id, row id)."""

    txid: int = 0
    id: int = 0


def now() -> Position:
    """The position after which everything that commits from here on will be found."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {HORIZON}")  # noqa: S608
        return Position(cursor.fetchone()[0] - 1, 2**62)


def prune(
    entity: str, before: dt.datetime, upto: Position | None, after: int = 0, limit: int = 5000
) -> tuple[int, int | None]:
    """Forget old changes of one part of the feed; answers how many, and where the next part begins (None: it was the last).

    Kept are changes since `before`, those beyond `upto` (readers have not come to them yet), and the last one of every record.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH part AS (
                SELECT id, txid, record_id, at FROM crm_change
                WHERE entity = %(entity)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
            ), gone AS (
                DELETE FROM crm_change c USING part p
                WHERE c.id = p.id AND p.at < %(before)s
                  AND (%(txid)s::bigint IS NULL OR (p.txid, p.id) <= (%(txid)s::bigint, %(id)s::bigint))
                  AND EXISTS (SELECT FROM crm_change n
                              WHERE n.record_id = p.record_id AND n.entity = %(entity)s AND n.id > p.id)
                RETURNING 1
            )
            SELECT max(id), min(at), (SELECT count(*) FROM gone) FROM part
            """,
            {
                "entity": entity,
                "after": after,
                "limit": limit,
                "before": before,
                "txid": upto.txid if upto else None,
                "id": upto.id if upto else None,
            },
        )
        last, oldest, forgotten = cursor.fetchone()
    return forgotten, last if last is not None and oldest < before else None
