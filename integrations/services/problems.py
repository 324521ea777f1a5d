"""What is set aside, by cause, and what a person can do about all of one cause at once.

A cause is known by facts: the stream, the side, the code of the failure, the field, and a key of what its reasons have in
common (sync/causes.py). Never by the words that people read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.models import Direction, FieldMapping, Part, SetAside, Stream
from integrations.services import edits, set_aside, streams
from integrations.services.connect import Refused
from integrations.sync import causes
from integrations.sync.fields import schema_of
from integrations.sync.tables import BY_A_PERSON
from values import Type

EXAMPLES = 5
GROUPS = 20
DAYS = 14
CHOICES = (Type.SELECT, Type.MULTI_SELECT)


@dataclass(frozen=True, slots=True)
class Cause:
    """side: "here" when ours could not go out, "there" when theirs could not come in."""

    stream: UUID
    side: str
    code: str
    field: str
    key: str

    @property
    def records(self) -> QuerySet[SetAside]:
        return SetAside.objects.filter(
            stream=self.stream, side=self.side, code=self.code, field=self.field, cause=self.key
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """Records set aside for one cause. reason: as it was told, with dots where each has its own value.

    examples: up to EXAMPLES of them, the newest. days: {day: how many of those that wait came then}, when asked for.
    """

    cause: Cause
    stream: Stream
    count: int
    reason: str
    first_at: dt.datetime
    last_at: dt.datetime
    examples: list[SetAside] = field(default_factory=list)
    days: dict[dt.date, int] = field(default_factory=dict)

    @property
    def is_tried_again(self) -> bool:
        """By itself, with growing waits; the others wait for a person's decision."""
        return self.cause.code not in BY_A_PERSON


def of(
    found: Iterable[Stream],
    limit: int = GROUPS,
    without: Iterable[str] = (),
    among: QuerySet[SetAside] | None = None,
) -> list[Problem]:
    """What is set aside in these streams, by cause, the most frequent first. Two queries. among: only these are counted."""
    by_id = {stream.pk: stream for stream in found}
    aside = (SetAside.objects.all() if among is None else among).filter(stream__in=by_id)
    aside = aside.exclude(code__in=list(without))
    rows = list(_grouped(aside).order_by("-count", "-newest")[:limit])
    shown = [_problem(row, by_id[row["stream"]]) for row in rows]
    examples = _examples([one.cause for one in shown])
    for one in shown:
        one.examples.extend(examples.get(one.cause, []))
    return shown


def one(cause: Cause) -> Problem:
    """One cause with its days. Raises Stream.DoesNotExist, and SetAside.DoesNotExist when nothing waits for it any more."""
    stream = Stream.objects.select_related("integration").prefetch_related("mappings").get(pk=cause.stream)
    row = next(iter(_grouped(cause.records)), None)
    if row is None:
        raise SetAside.DoesNotExist
    found = _problem(row, stream)
    found.examples.extend(cause.records.order_by("-id")[:EXAMPLES])
    since = timezone.localdate() - dt.timedelta(days=DAYS - 1)
    days = cause.records.annotate(day=TruncDate("first_at")).values_list("day").annotate(Count("id")).order_by()
    for day, number in days:
        found.days[max(day, since)] = found.days.get(max(day, since), 0) + number
    return found


NEWEST = """
    SELECT aside.* FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[]) AS c(stream, side, code, field, cause)
    CROSS JOIN LATERAL (
        SELECT * FROM integrations_setaside a WHERE a.stream_id = c.stream AND a.side = c.side AND a.code = c.code
            AND a.field = c.field AND a.cause = c.cause ORDER BY a.id DESC LIMIT %s
    ) aside
    ORDER BY aside.id DESC
"""


def cause_of(aside: SetAside) -> Cause:
    return Cause(aside.stream_id, aside.side, aside.code, aside.field, aside.cause)


def _grouped(aside: QuerySet[SetAside]) -> Any:
    return (
        aside.values("stream", "side", "code", "field", "cause")
        .annotate(
            count=Count("id"), newest=Max("id"), first=Min("first_at"), last=Max("first_at"),
            one_reason=Min("reason"), other_reason=Max("reason"),
        )
        .order_by()
    )  # fmt: skip


def _problem(row: Mapping[str, Any], stream: Stream) -> Problem:
    cause = Cause(row["stream"], row["side"], row["code"], row["field"], row["cause"])
    reason = row["one_reason"]
    if reason != row["other_reason"]:
        reason = causes.pattern(reason) if cause.key else ""
    return Problem(cause, stream, row["count"], reason, row["first"], row["last"])


def _examples(wanted: list[Cause]) -> dict[Cause, list[SetAside]]:
    """One query: of each cause the newest, found by its index."""
    found: dict[Cause, list[SetAside]] = {}
    columns = [[one.stream, one.side, one.code, one.field, one.key] for one in wanted]
    for aside in SetAside.objects.raw(NEWEST, [*map(list, zip(*columns, strict=True)), EXAMPLES]) if wanted else ():
        found.setdefault(cause_of(aside), []).append(aside)
    return found


# --- what can be done about it ------------------------------------------------------------------------------------------


#: What `act` knows, and the role that may do it: who settles records may try again, who manages connections changes a mapping.
NEEDS = {"retry": "member", "add_options": "admin", "one_way": "admin", "stop_field": "admin"}


def ways(problem: Problem) -> list[str]:
    """What `act` can do about this cause, the mildest first."""
    found = ["retry"] if problem.is_tried_again or problem.cause.code == "unsure_create" else []
    mapped = _mapping(problem.stream, problem.cause.field)
    if mapped is None:
        return found
    if _may_add_options(problem, mapped):
        found.append("add_options")
    if mapped.direction == Direction.BOTH and problem.stream.direction == Direction.BOTH and _may_turn(problem, mapped):
        found.append("one_way")
    if problem.stream.mappings.count() > 1:
        found.append("stop_field")
    return found


def act(cause: Cause, way: str, by: str = "person", who: str = "") -> int:
    """Do one of `ways`; answers how many records it is about. Raises Refused when it does not apply (any more).

    by: how a run names who asked; who: how the edits of the setup name them.
    """
    problem = _helped_by(cause, way)
    if way == "retry":
        return set_aside.retry_chosen(cause.records, by)
    with edits.saving(problem.stream, Part.MAPPING, who):
        problem = _helped_by(cause, way)  # as it stands now that nobody else changes it
        _change_mapping(problem, way, by)
    return problem.count


def _helped_by(cause: Cause, way: str) -> Problem:
    problem = one(cause)
    if way not in ways(problem):
        raise Refused(_("This does not help here any more. Look at what waits now."), "way", "does_not_apply")
    return problem


def _change_mapping(problem: Problem, way: str, by: str) -> None:
    """The mapping as it stands with one field changed; what waits for the field is looked at anew, or is over."""
    stream, name = problem.stream, problem.cause.field
    wanted = []
    for one in stream.mappings.all():
        chosen = {
            "remote": one.remote,
            "local": one.local,
            "direction": one.direction,
            "policy": one.policy,
            "critical": one.critical,
            "options": one.options,
        }
        if one.local == name and way == "stop_field":
            continue
        if one.local == name and way == "one_way":
            chosen["direction"] = turned(problem)
        if one.local == name and way == "add_options":
            chosen["options"] = one.options | {"options_there": "add"}
        wanted.append(chosen)
    streams.set_mappings(stream, wanted)
    if way == "add_options":
        set_aside.retry(problem.cause.records, by)
    else:  # nobody waits for it any more
        problem.cause.records.exclude(code__in=BY_A_PERSON).delete()


def turned(problem: Problem) -> str:
    """The way that the field can still go: what could not go out only flows in, and the reverse."""
    return str(Direction.IMPORT if problem.cause.side == "here" else Direction.EXPORT)


def _may_turn(problem: Problem, mapped: FieldMapping) -> bool:
    remote = schema_of(problem.stream).field(mapped.remote)
    return remote is not None and not (remote.read_only and problem.cause.side == "there")


def _may_add_options(problem: Problem, mapped: FieldMapping) -> bool:
    """Only for a value of ours that is none of the tool's options, and where the tool lets us make some."""
    remote = schema_of(problem.stream).field(mapped.remote)
    if remote is None or problem.cause.side != "here" or remote.type not in CHOICES or not remote.creates_options:
        return False
    return mapped.options.get("options_there") != "add"


def _mapping(stream: Stream, name: str) -> FieldMapping | None:
    return next((one for one in stream.mappings.all() if one.local == name), None) if name else None


#: From cause to cause along the index, however many records there are of each.
CAUSES = """
    WITH RECURSIVE causes AS (
        (SELECT stream_id, side, code, field, cause FROM integrations_setaside
         ORDER BY stream_id, side, code, field, cause LIMIT 1)
        UNION ALL
        SELECT following.* FROM causes c, LATERAL (
            SELECT s.stream_id, s.side, s.code, s.field, s.cause FROM integrations_setaside s
            WHERE (s.stream_id, s.side, s.code, s.field, s.cause) > (c.stream_id, c.side, c.code, c.field, c.cause)
            ORDER BY s.stream_id, s.side, s.code, s.field, s.cause LIMIT 1
        ) following
    )
"""
#: What a person counts: each cause is one thing, and so is each table with records to be told apart, as the inbox shows them.
THINGS = (
    "count(*) FILTER (WHERE code <> 'ambiguous') + count(DISTINCT causes.stream_id) FILTER (WHERE code = 'ambiguous')"
)
#: One number: the things of all.
COUNT = f"{CAUSES} SELECT {THINGS} FROM causes"  # noqa: S608
BY_INTEGRATION = f"""{CAUSES}
    SELECT s.integration_id, {THINGS} FROM causes JOIN integrations_stream s ON s.id = causes.stream_id GROUP BY s.integration_id
"""  # noqa: S608


def count(integrations: Iterable[UUID] | None = None) -> int:
    """How many things wait for a person to look, of these integrations or of all. One query that costs the number of causes."""
    with connection.cursor() as cursor:
        cursor.execute(BY_INTEGRATION)
        found: dict[UUID, int] = dict(cursor.fetchall())
    return sum(found.values()) if integrations is None else sum(found.get(pk, 0) for pk in set(integrations))
