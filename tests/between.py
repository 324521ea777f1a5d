"""What happens between two steps of ours: somebody else writes, or the process ends. Told by the statements that go to the
database, so that all of our own code runs as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def meanwhile(
    where: str | Callable[[str], bool], act: Callable[[], object], *, after: bool = False, skip: int = 0
) -> Iterator[None]:
    """`act`, once, right before (or after) the statement of this thread that holds `where`; `skip` so many of them first.

    What `act` raises passes through the code under test, as a death of its process would. It has to come to it.
    """
    holds = where if callable(where) else lambda sql: where in sql
    left, inside = skip, False

    def step(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal left, inside
        if inside or left < 0:
            return execute(sql, *rest)
        answer = execute(sql, *rest) if after else None
        inside = True  # what `act` itself asks is not meant
        try:
            if holds(str(sql)):
                left -= 1
                if left < 0:
                    act()
        finally:
            inside = False
        return answer if after else execute(sql, *rest)

    with connection.execute_wrapper(step):
        yield
    assert left < 0, "no such statement"


def refuse(table: str, when: str) -> None:
    """The database takes no new row of this kind, until the test is rolled back. when: as in SQL, about NEW."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION pg_temp.refuse()"
        )
