"""What the frame of the tenant's pages shows of the integrations."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Q

from integrations.models import Conflict, FieldMapping, IntegrationInstance, Status
from integrations.services import problems

#: Stopped as a whole, or one of its tables did.
NEEDS_SOMEBODY = Q(status=Status.ATTENTION) | Q(status=Status.ACTIVE, streams__problem_code__gt="")
#: Critical fields that clashed and were settled by a rule.
UNSEEN = Q(state=Conflict.State.SETTLED, critical=True, seen_at=None)
#: Mapped fields that are gone there, of tables that go on; a table that stopped is counted as such.
GONE = Q(gone=True, stream__integration__status=Status.ACTIVE, stream__problem_code="")


def inbox_count() -> int:
    """How many things wait for a person, as `needs` names them: of what is set aside each cause is one, of fields that are gone
    each table. One query.
    """
    with connection.cursor() as cursor:
        cursor.execute(*_counting())
        return int(cursor.fetchone()[0])


@cache
def _counting() -> tuple[str, list[Any]]:
    """The statement and its parameters, the same in every tenant. Every page asks it, so it is put together once."""
    sums, parameters = [f"({problems.COUNT})"], list[Any]()
    for waiting in (
        Conflict.objects.filter(Q(state=Conflict.State.OPEN) | UNSEEN).values("pk"),
        IntegrationInstance.objects.filter(NEEDS_SOMEBODY).distinct().values("pk"),
        FieldMapping.objects.filter(GONE).distinct().values("stream"),
    ):
        statement, given = waiting.order_by().query.sql_with_params()
        sums.append(f"(SELECT count(*) FROM ({statement}) AS waiting)")  # noqa: S608 - the ORM's own
        parameters += given
    return f"SELECT {' + '.join(sums)}", parameters
