"""How a connection's records stand, counted as `health` counts them, and what is set aside, by cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Max, Min

from integrations.models import SetAside, Stream
from integrations.services.health import Counts, counts

__all__ = ["Counts", "Group", "counts", "groups"]


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
