"""Records that share a key with others: in groups, with both sides' candidates, for a person to say which belong together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from crm import records, registry
from integrations.models import SetAside, Stream
from integrations.ui.shown import Shown
from integrations.ui.tools import tool

GROUPS = 15
CANDIDATES = 50  # of one group and side; a key that more share is no key
APART = "apart"


def context(stream: Stream, after: str) -> dict[str, Any]:
    """For matches.html: a page of groups, by what their keys are stored as. Five queries and a few small ones."""
    waiting = SetAside.objects.filter(stream=stream, code="ambiguous")
    prints = list(
        waiting.filter(side="there", fingerprint__gt=after)
        .order_by("fingerprint")
        .values_list("fingerprint", flat=True)
        .distinct()[: GROUPS + 1]
    )
    shown = prints[:GROUPS]
    rows = list(waiting.filter(fingerprint__in=shown).order_by("side", "title", "id"))
    here = _Here(stream, [row for row in rows if row.side == "here" and row.record_id])
    return {
        "stream": stream,
        "integration": stream.integration,
        "tool": tool(stream.integration.provider),
        "groups": [_group([row for row in rows if row.fingerprint == one], here) for one in shown],
        "count": waiting.filter(side="there").count(),
        "next": shown[-1] if len(prints) > GROUPS else "",
        "after": after,
    }


class _Here:
    """Our candidates with the values by which a person tells them apart."""

    def __init__(self, stream: Stream, rows: Iterable[SetAside]) -> None:
        self.entity = registry.entity(stream.entity)
        people = registry.People()
        ids = {row.record_id for row in rows}
        found = registry.rows(self.entity, ids) if ids else {}
        names = list(dict.fromkeys([*self.entity.columns_shown, *stream.match_fields]))
        self.names = [name for name in names if name in self.entity.fields and name != self.entity.title]
        readers = {name: registry.reader(self.entity.fields[name], people) for name in [*self.names, self.entity.title]}
        self.values = {pk: {name: read(row) for name, read in readers.items()} for pk, row in found.items()}
        self.shown = Shown({stream.entity: self.values.values()})

    def candidate(self, row: SetAside) -> dict[str, Any]:
        values = self.values.get(str(row.record_id), {})
        facts = [
            {"label": self.entity.fields[name].label, "value": text}
            for name in self.names
            if (text := self.shown.text(self.entity.name, name, values.get(name)))
        ]
        return {
            "id": row.record_id,
            "title": values.get(self.entity.title) or row.title or _("without a name"),
            "url": reverse("records:detail", args=[self.entity.name, row.record_id]),
            "facts": facts[:4],
        }


def _group(rows: list[SetAside], here: _Here) -> dict[str, Any]:
    ours = [row for row in rows if row.side == "here" and row.record_id]
    theirs = [row for row in rows if row.side == "there"]
    field = next((row.field for row in rows if row.field), "")
    described = here.entity.fields.get(field)
    return {
        "key": described.label if described else "",
        "reason": theirs[0].reason if theirs else "",
        "ours": [here.candidate(row) for row in ours[:CANDIDATES]],
        "theirs": [
            {"id": row.remote_id, "number": row.pk, "title": row.title or _("without a name")}
            for row in theirs[:CANDIDATES]
        ],
    }


def chosen(stream: Stream, data: Mapping[str, str]) -> list[tuple[str, UUID | None]]:
    """[(remote id, our record, or None for one that is kept apart)] of what a person chose in the form."""
    numbers = [name.removeprefix("pick-") for name, value in data.items() if name.startswith("pick-") and value]
    rows = SetAside.objects.filter(
        stream=stream, code="ambiguous", side="there", pk__in=[int(one) for one in numbers if one.isdecimal()]
    )
    found: list[tuple[str, UUID | None]] = []
    for row in rows:
        pick = data[f"pick-{row.pk}"]
        if pick == APART:
            found.append((row.remote_id, None))
            continue
        try:
            found.append((row.remote_id, UUID(records.get(stream.entity, UUID(pick)).id)))
        except (ValueError, records.Missing):
            continue
    return found
