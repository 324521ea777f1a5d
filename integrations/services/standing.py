"""How a connection's records stand, counted as `health` counts them, and what is set aside, by cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Case, Count, F, Max, Min, TextField, Value, When

from integrations.models import SetAside, Stream
from integrations.services.health import Counts, counts

__all__ = ["Counts", "Group", "counts", "groups"]


@dataclass(frozen=True, slots=True)
class Group:
    """Records set aside for the same cause. reason: "" where each has its own. examples: up to EXAMPLES of them."""

    stream: Stream
    side: str
    field: str
    code: str
    reason: str
    count: int
    examples: list[SetAside]


#: The words that were stored; "" for keys that several records share: there they name one value each, and the page to
#: choose on is one for all.
CAUSE = Case(When(code="ambiguous", then=Value("")), default=F("reason"), output_field=TextField())
ALIKE = ("stream", "side", "field", "code", "cause")
EXAMPLES = 5
GROUPS = 20


def groups(streams: Iterable[Stream]) -> list[Group]:
    """What is set aside, by cause, the most frequent first. Two queries."""
    by_id = {stream.pk: stream for stream in streams}
    aside = SetAside.objects.filter(stream__in=by_id).annotate(cause=CAUSE)
    causes = list(
        aside.values(*ALIKE)
        .annotate(count=Count("id"), newest=Max("id"), oldest=Min("id"))
        .order_by("-count", "-newest")[:GROUPS]
    )
    examples: dict[tuple, list[SetAside]] = {}
    for one in aside.order_by("-id")[: GROUPS * EXAMPLES * 4] if causes else []:
        examples.setdefault((one.stream_id, one.side, one.field, one.code, one.cause), []).append(one)
    found = []
    for cause in causes:
        stream, side, field, code, reason = key = tuple(cause[name] for name in ALIKE)
        found.append(Group(by_id[stream], side, field, code, reason, cause["count"], examples.get(key, [])[:EXAMPLES]))
    return found
