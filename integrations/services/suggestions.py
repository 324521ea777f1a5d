"""Which remote field is probably which of ours: by name, synonyms, type and the values seen, each to one at most.

Every pair gets a confidence from 0 to 1; the whole assignment with the largest sum is suggested, without what lies below SURE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from crm import registry
from integrations.adapters.base import Field as RemoteField
from integrations.adapters.base import Record, Schema
from integrations.services import evidence, names, roundtrip
from integrations.sync import mapping
from values import Value

SURE = 0.45
#: A pair of which fewer of the values seen would fit is no pair.
FITS = 0.5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A pair worth offering. score: how sure, from 0 to 1. reason: in words. options: of the mapping, with its transforms."""

    remote: str
    local: str
    direction: str
    score: float
    reason: str
    options: dict[str, Any] = field(default_factory=dict)


def suggest(
    schema: Schema,
    entity: registry.Entity,
    around: mapping.Context,
    records: Sequence[Record] = (),
    reads_back: roundtrip.ReadsBack = lambda _field, value: value,
) -> list[Suggestion]:
    """One suggestion at most per field of either side, the surest first. records: some of the tool's, to judge by."""
    locals_ = [one for one in entity.fields.values() if not one.read_only]
    held = {remote.id: evidence.Seen(remote, seen(remote, records)) for remote in schema.fields}
    found: dict[tuple[int, int], Suggestion] = {}
    for column, there in enumerate(held.values()):
        for row, local in enumerate(locals_):
            one = _judge(there, local, entity, schema.title, around)
            if one and one.score >= SURE:
                found[row, column] = one
    chosen = [found[pair] for pair in assign({pair: one.score for pair, one in found.items()})]
    return [
        _one_way_if_lossy(one, held[one.remote], entity, around, reads_back)
        for one in sorted(chosen, key=lambda s: -s.score)
    ]


def seen(remote: RemoteField, records: Sequence[Record]) -> list[Value]:
    """The values of a field that are not empty."""
    found = (record.values.get(remote.id) for record in records if remote.id not in record.unfit)
    return [value for value in found if value not in (None, "", [], {})]


def _judge(
    there: evidence.Seen, local: registry.Field, entity: registry.Entity, title: str, around: mapping.Context
) -> Suggestion | None:
    remote = there.remote
    name, reason = names.alike(remote.name, local, entity.name)
    if remote.id == title and local.name == entity.title:
        name, reason = max(name, 0.95), _("both name the record")
    told = there.look(local)
    if max(name, told.strength) < SURE:
        return None
    options, allowed = _best_options(remote, local, told.options)
    if not allowed.possible:
        return None
    mapped = mapping.compile_mapping(local, remote, allowed.directions[0], options)
    fits = evidence.share_that_fits(mapped, there.values, around)
    if fits < FITS:
        return None
    why = [one for one in (reason if name else "", told.reason if told.strength or options else "") if one]
    sure = max(name, told.strength) + (0.1 * told.strength if name else 0.0)
    sure *= (0.9 + 0.1 * (remote.type is local.type)) * (1.0 if "both" in allowed.directions else 0.85) * fits
    return Suggestion(remote.id, local.name, allowed.directions[0], round(min(sure, 1.0), 3), ", ".join(why), options)


def _best_options(
    remote: RemoteField, local: registry.Field, proposed: Mapping[str, Any]
) -> tuple[dict[str, Any], mapping.Fit]:
    """With the proposed steps, where they make the pair possible; else as the two fields are."""
    if proposed and (allowed := mapping.fit(remote, local, proposed)).possible:
        return dict(proposed), allowed
    return {}, mapping.fit(remote, local)


def _one_way_if_lossy(
    one: Suggestion,
    there: evidence.Seen,
    entity: registry.Entity,
    around: mapping.Context,
    reads_back: roundtrip.ReadsBack,
) -> Suggestion:
    """What would not survive the way in and out again is suggested as one that only flows in."""
    if one.direction != "both":
        return one
    mapped = mapping.compile_mapping(entity.fields[one.local], there.remote, "both", one.options)
    if all(roundtrip.from_there(mapped, value, around, reads_back).survives for value in there.values):
        return one
    reason = _("%(reason)s; only in, because some values would not survive the way back") % {"reason": one.reason}
    return Suggestion(one.remote, one.local, "import", one.score, reason, one.options)


# --- the assignment -----------------------------------------------------------------------------------------------------


def assign(scores: Mapping[tuple[int, int], float]) -> list[tuple[int, int]]:
    """The pairs (row, column), each row and each column once at most, whose scores have the largest sum. Ties: always the same.

    The Hungarian algorithm with potentials (Kuhn, Munkres), over rows that may also stay alone; O(rows² · columns).
    """
    rows = sorted({row for row, _column in scores})
    columns: list[int | None] = [*sorted({column for _row, column in scores}), *[None] * len(rows)]
    cost = [[-scores.get((row, column), 0.0) if column is not None else 0.0 for column in columns] for row in rows]
    u, v = [0.0] * (len(rows) + 1), [0.0] * (len(columns) + 1)
    match = [0] * (len(columns) + 1)  # of column j (from 1): its row (from 1), 0 for none
    for start in range(1, len(rows) + 1):
        match[0], here = start, 0
        least = [float("inf")] * (len(columns) + 1)
        came, used = [0] * (len(columns) + 1), [False] * (len(columns) + 1)
        while match[here]:
            used[here], row = True, match[here]
            step, following = float("inf"), 0
            for j in range(1, len(columns) + 1):
                if used[j]:
                    continue
                slack = cost[row - 1][j - 1] - u[row] - v[j]
                if slack < least[j]:
                    least[j], came[j] = slack, here
                if least[j] < step:
                    step, following = least[j], j
            for j in range(len(columns) + 1):
                if used[j]:
                    u[match[j]] += step
                    v[j] -= step
                else:
                    least[j] -= step
            here = following
        while here:
            match[here] = match[came[here]]
            here = came[here]
    pairs = [(rows[match[j] - 1], columns[j - 1]) for j in range(1, len(columns) + 1) if match[j]]
    return [(row, column) for row, column in pairs if column is not None and (row, column) in scores]
