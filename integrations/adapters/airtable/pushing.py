"""Writes in Airtable's batches: ten records a request, all or nothing.

Where a request is refused nothing of it was written, so its records go again one by one: the bad one is told by its own refusal,
and the others arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.adapters import errors
from integrations.adapters.airtable import write
from integrations.adapters.base import Change, Record, Result

TEN = 10

#: What may be about one record of a request only.
ONE_RECORD = (errors.InvalidRecord, errors.AccessDenied, errors.NotFound, errors.VersionMismatch)


@dataclass(slots=True)
class Write:
    """One change on its way. kind: which request it goes with."""

    change: Change
    kind: str
    cells: dict[str, Any] = field(default_factory=dict)
    typecast: bool = False
    error: errors.AdapterError | None = None
    record: Record | None = None

    @property
    def key(self) -> str | None:
        """What may stand in one request only once."""
        return self.change.marker if self.kind == "upsert" else self.change.id

    def result(self) -> Result:
        return Result(self.change, self.record, self.error)


#: Sends writes of one kind in one request and answers their records. Raises one of `errors`.
Send = Callable[[Sequence[Write]], list[Record]]
#: What a refusal of a single write means: an error, or a record where what was wanted holds already. May raise.
Explain = Callable[[Write, errors.AdapterError], Record | errors.AdapterError]


def push(changes: Sequence[Change], fields: write.Fields, send: Send, explain: Explain) -> Iterator[Result]:
    for group in _groups([_prepared(change, fields) for change in changes]):
        yield from _deliver(group, send, explain)


def _prepared(change: Change, fields: write.Fields) -> Write:
    kind = "delete" if change.deletes else "update" if change.action == "update" else "create"
    one = Write(change, "upsert" if kind == "create" and change.marker else kind)
    if change.action not in ("create", "update", "delete"):
        one.error = errors.InvalidRecord(f"Airtable's API cannot {change.action} a record")
    elif kind != "delete":
        try:
            one.cells = write.to_cells(change, fields)
            one.typecast = write.makes_options(change, fields)
        except errors.InvalidRecord as error:
            one.error = error
    return one


def _groups(writes: Sequence[Write]) -> Iterator[list[Write]]:
    """Neighbours that fit one request; those that are refused already stay in their place and take none."""
    group: list[Write] = []
    for one in writes:
        live = [each for each in group if each.error is None]
        if one.error is None and live and not _joins(one, live):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _joins(one: Write, live: Sequence[Write]) -> bool:
    same = (one.kind, one.typecast) == (live[0].kind, live[0].typecast)
    return same and len(live) < TEN and (one.key is None or one.key not in [each.key for each in live])


def _deliver(group: Sequence[Write], send: Send, explain: Explain) -> Iterator[Result]:
    live = [one for one in group if one.error is None]
    if len(live) > 1:
        try:
            for one, record in zip(live, send(live), strict=True):
                one.record = record
        except errors.OutcomeUnknown as error:
            for one in live:
                one.error = error
        except ONE_RECORD:
            pass
    for one in group:
        if one.record is None and one.error is None:
            _deliver_one(one, send, explain)
        yield one.result()


def _deliver_one(one: Write, send: Send, explain: Explain) -> None:
    try:
        (one.record,) = send([one])
    except (errors.OutcomeUnknown, errors.VersionMismatch) as error:
        one.error = error
    except ONE_RECORD as error:
        meaning = explain(one, error)
        if isinstance(meaning, Record):
            one.record = meaning
        else:
            one.error = meaning


def field_named(message: str, cells: Mapping[str, Any], fields: write.Fields) -> str | None:
    """The field that a refusal is about, by its name or by the option or record that it names; or the only one sent."""
    named = [f for f in cells if f in fields and f'"{fields[f]["name"]}"' in message]
    holding = [f for f, value in cells.items() if _holds(value, message)]
    found = named or holding
    if len(found) == 1:
        return found[0]
    return next(iter(cells)) if len(cells) == 1 else None


def _holds(value: Any, message: str) -> bool:
    texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    return any(f'""{one}""' in message or (one.startswith("rec") and one in message) for one in texts)
