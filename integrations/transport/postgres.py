"""The store in PostgreSQL, for installations without Redis: one small table that is never written to the log.

It has connections of its own: a booking must be seen by all at once, whatever transaction the caller is in.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from limits.storage import Storage

from integrations.transport.stores import Changes, Found, Store, T

#: Half-empty pages let a row be rewritten in its place. After a crash the table is empty, and counting begins anew.
CREATE_TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS public.transport_state (
    key text PRIMARY KEY, value text NOT NULL DEFAULT '', expires_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50)
"""
DROP_TABLE = "DROP TABLE IF EXISTS public.transport_state"

SWEEP_SECONDS = 600
TRUSTED_SECONDS = 10.0  # a connection that worked so recently is used without a look
SEEN_KEYS = 1000  # whose values are remembered from the last time
RIGHT_SECONDS = 1.0  # the clock that goes on here may be off by so much
MAKE = "INSERT INTO public.transport_state (key) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
#: All rows or none, and only if they hold what the decision was made from, at about the time it was made for; answers what they
#: held, and the time. The lock comes before the comparison, so of two that come at once the second sees what the first wrote.
EXCHANGE = """
WITH new AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::float8[]) AS new (key, was, value, seconds)
), old AS MATERIALIZED (
    SELECT key, value FROM public.transport_state WHERE key = ANY(%s) ORDER BY key FOR UPDATE
), written AS (
    UPDATE public.transport_state AS state SET value = new.value, expires_at = now() + new.seconds * interval '1 second'
    FROM new WHERE state.key = new.key AND abs(extract(epoch FROM clock_timestamp()) - %s) < %s
    AND (SELECT count(*) FROM old JOIN new USING (key) WHERE old.value = new.was) = %s
    RETURNING state.key
)
SELECT old.key, old.value, extract(epoch FROM clock_timestamp())::float8, (SELECT count(*) FROM written) FROM old
"""
READ = (
    "SELECT coalesce(jsonb_object_agg(key, value), '{}'), extract(epoch FROM clock_timestamp())::float8"
    " FROM public.transport_state WHERE key = ANY(%s) AND expires_at > now()"
)
SWEEP = "DELETE FROM public.transport_state WHERE expires_at < now()"


class PostgresStore(Store):
    """connect: answers a new connection in autocommit."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connections = Connections(connect)
        self.counters = PostgresCounters(self._connections)
        self._swept_at = time.monotonic()
        self._seen: dict[str, str] = {}
        self._ahead = 0.0  # of the database's clock, before this process's monotonic one

    def change(self, keys: Sequence[str], step: Callable[[Found, float], tuple[Changes, T]]) -> tuple[T, float]:
        """One statement, where nobody else has written since the last time: the step decides from what was seen then, by a clock
        that went on here. Else that statement writes nothing, tells how things stand, and the step decides again.
        """
        found = {key: self._seen.get(key) for key in keys}
        with self._connections.one() as db:
            self._sweep(db)
            while True:
                now = (
                    time.monotonic() + self._ahead
                )  # early by what the last answer took: nothing is free sooner by that
                changes, result = step(found, now)
                texts, seconds = zip(*changes.values(), strict=True)
                new = [list(changes), [found[key] for key in changes], list(texts), list(seconds)]
                rows = db.execute(EXCHANGE, [*new, list(keys), now, RIGHT_SECONDS, len(changes)]).fetchall()
                found = dict.fromkeys(keys) | {row[0]: row[1] for row in rows}
                if rows:
                    self._ahead = rows[0][2] - time.monotonic()
                    if rows[0][3]:
                        self._remember({key: text for key, (text, _seconds) in changes.items()})
                        return result, rows[0][2]
                if len(rows) < len(keys):
                    db.execute(MAKE, [list(keys)])

    def _remember(self, written: dict[str, str]) -> None:
        if len(self._seen) > SEEN_KEYS:
            self._seen.clear()
        self._seen |= written

    def read(self, keys: Sequence[str]) -> tuple[Found, float]:
        with self._connections.one() as db:
            row = db.execute(READ, [list(keys)]).fetchone()
            return row or ({}, time.time())

    def reset(self) -> None:
        self.counters.reset()

    def _sweep(self, db: psycopg.Connection[Any]) -> None:
        if time.monotonic() - self._swept_at > SWEEP_SECONDS:
            self._swept_at = time.monotonic()
            db.execute(SWEEP)


class Connections:
    """As many as are used at once, kept for the next time; a broken one is not. After a fork the child opens its own."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._free: deque[tuple[psycopg.Connection[Any], float]] = deque()  # with when it was last used
        self._owner = os.getpid()

    @contextmanager
    def one(self) -> Iterator[psycopg.Connection[Any]]:
        if self._owner != os.getpid():
            self._free, self._owner = deque(), os.getpid()
        db = self._take()
        try:
            yield db
        except BaseException:
            db.close()
            raise
        self._free.append((db, time.monotonic()))

    def _take(self) -> psycopg.Connection[Any]:
        while self._free:
            try:
                db, used_at = self._free.pop()
            except IndexError:  # another thread was faster
                break
            if time.monotonic() - used_at < TRUSTED_SECONDS:
                return db
            try:
                db.execute("SELECT 1")  # the server may have gone away since
            except psycopg.OperationalError:
                db.close()
                continue
            return db
        return self._connect()


class PostgresCounters(Storage):
    """The `limits` library's view of the same table: counters that expire."""

    STORAGE_SCHEME = None

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections

    @property
    def base_exceptions(self) -> type[Exception]:
        return psycopg.Error

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        count = self._value(
            "INSERT INTO public.transport_state AS old (key, value, expires_at)"
            " VALUES (%(key)s, %(amount)s::text, now() + %(expiry)s * interval '1 second') ON CONFLICT (key) DO UPDATE SET"
            " value = CASE WHEN old.expires_at > now() THEN (old.value::bigint + %(amount)s)::text ELSE excluded.value END,"
            " expires_at = CASE WHEN old.expires_at > now() THEN old.expires_at ELSE excluded.expires_at END"
            " RETURNING value::bigint",
            {"key": key, "amount": amount, "expiry": expiry},
        )
        return int(count)

    def get(self, key: str) -> int:
        return int(
            self._value(
                "SELECT value::bigint FROM public.transport_state WHERE key = %(key)s AND expires_at > now()",
                {"key": key},
            )
        )

    def get_expiry(self, key: str) -> float:
        return float(
            self._value(
                "SELECT extract(epoch FROM expires_at)::float8 FROM public.transport_state WHERE key = %(key)s",
                {"key": key},
            )
            or time.time()
        )

    def check(self) -> bool:
        return bool(self._value("SELECT 1", {}))

    def reset(self) -> int | None:
        with self._connections.one() as db:
            return db.execute("DELETE FROM public.transport_state").rowcount

    def clear(self, key: str) -> None:
        with self._connections.one() as db:
            db.execute("DELETE FROM public.transport_state WHERE key = %(key)s", {"key": key})

    def _value(self, statement: str, values: dict[str, Any]) -> Any:
        with self._connections.one() as db:
            row = db.execute(statement, values).fetchone()  # type: ignore[arg-type]
            return row[0] if row else 0
