"""How a connection's records stand: in step, waiting, left out, set aside. Counted in one query per table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Max, Min, Q

from integrations.models import HeldRecord, LinkState, RecordLink, SetAside, Stream

LEFT_OUT = (LinkState.UNLINKED, LinkState.LOST, LinkState.EXTRA)


@dataclass(slots=True)
class Counts:
    """left_out: one side is gone and the other stays, or a person has to say which records belong together.

    half_linked: in step but for a relation, whose other end is not paired (yet).
    """

    in_step: int = 0
    waiting: int = 0
    left_out: int = 0
    set_aside: int = 0
    half_linked: int = 0


def counts(streams: Iterable[UUID]) -> dict[UUID, Counts]:
    wanted = list(streams)
    found = {pk: Counts() for pk in wanted}
    settled = Q(state=LinkState.LINKED, dirty=False, intent__isnull=True)
    rows = (
        RecordLink.objects.filter(stream__in=wanted)
        .values_list("stream")
        .annotate(
            in_step=Count("id", filter=settled),
            waits=Count("id", filter=Q(state__in=[LinkState.NEW, LinkState.LINKED]) & ~settled),
            left_out=Count("id", filter=Q(state__in=LEFT_OUT)),
            half=Count("id", filter=settled & (Q(waits_out=True) | ~Q(waiting={}))),
        )
        .order_by()
    )
    for stream, in_step, waiting, left_out, half in rows:
        found[stream] = Counts(in_step, waiting, left_out, half_linked=half)
    for stream, held in (
        HeldRecord.objects.filter(stream__in=wanted).values_list("stream").annotate(Count("id")).order_by()
    ):
        found[stream].left_out += held
    asides = SetAside.objects.filter(stream__in=wanted).values_list("stream").order_by()
    for stream, number in asides.annotate(Count("id")):
        found[stream].set_aside = number
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """Records set aside for the same cause. examples: up to EXAMPLES of them."""

    stream: Stream
    side: str
    field: str
    code: str
    reason: str
    count: int
    examples: list[SetAside]


EXAMPLES = 5
GROUPS = 20


def groups(streams: Iterable[Stream]) -> list[Group]:
    """What is set aside, by cause, the most frequent first. Two queries."""
    by_id = {stream.pk: stream for stream in streams}
    causes = list(
        SetAside.objects.filter(stream__in=by_id)
        .values("stream", "side", "field", "code", "reason")
        .annotate(count=Count("id"), newest=Max("id"), oldest=Min("id"))
        .order_by("-count", "-newest")[:GROUPS]
    )
    some = SetAside.objects.filter(stream__in=by_id).order_by("-id")[: GROUPS * EXAMPLES * 4] if causes else []
    examples: dict[tuple, list[SetAside]] = {}
    for aside in some:
        examples.setdefault((aside.stream_id, aside.side, aside.field, aside.code, aside.reason), []).append(aside)
    return [
        Group(
            by_id[cause["stream"]],
            cause["side"],
            cause["field"],
            cause["code"],
            cause["reason"],
            cause["count"],
            examples.get((cause["stream"], cause["side"], cause["field"], cause["code"], cause["reason"]), [])[
                :EXAMPLES
            ],
        )
        for cause in causes
    ]
