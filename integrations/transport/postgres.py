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
LOCK = (
    "SELECT key, CASE WHEN expires_at > now() THEN value ELSE '' END, extract(epoch FROM clock_timestamp())::float8"
    " FROM public.transport_state WHERE key = ANY(%s) ORDER BY key FOR UPDATE"
)
MAKE = "INSERT INTO public.transport_state (key) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
WRITE = (
    "UPDATE public.transport_state AS old SET value = new.value, expires_at = now() + new.seconds * interval '1 second'"
    " FROM unnest(%s::text[], %s::text[], %s::float8[]) AS new (key, value, seconds) WHERE old.key = new.key"
)
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

    def change(self, keys: Sequence[str], step: Callable[[Found, float], tuple[Changes, T]]) -> T:
        with self._connections.one() as db:
            self._sweep(db)
            with db.transaction():
                rows = db.execute(LOCK, [keys]).fetchall()
                if len(rows) < len(keys):
                    db.execute(MAKE, [keys])
                    rows = db.execute(LOCK, [keys]).fetchall()
                # The time may be from before the wait for the lock: too early is safe, nothing is free sooner by it.
                changes, result = step({key: text for key, text, _now in rows}, rows[0][2])
                texts, seconds = zip(*changes.values(), strict=True)
                db.execute(WRITE, [list(changes), list(texts), list(seconds)])
                return result

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
