"""What a table's match rule would find, looked at on some real records before anything is saved or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from crm import registry
from integrations.models import Matching, Stream
from integrations.services import samples, streams
from integrations.sync import match
from integrations.sync.fields import compiled, context

if TYPE_CHECKING:
    from integrations.sync.store import Store

SHOWN = 10  # groups of records that share a key


@dataclass(frozen=True, slots=True)
class Group:
    """Records that share a key, so that nobody can say which belong together. Titles, in no order."""

    field: str
    theirs: tuple[str, ...]
    ours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of the first records there: how many find one partner, how many several, how many none, how many have no key at all.

    is_whole: they are all that there are. groups: the first SHOWN.
    """

    looked_at: int
    is_whole: bool
    paired: int
    ambiguous: int
    alone: int
    keyless: int
    groups: tuple[Group, ...]


NOTHING = Forecast(0, False, 0, 0, 0, 0, ())


def forecast(stream: Stream, match_fields: Sequence[str], matching: str = Matching.MATCH_OR_CREATE) -> Forecast | None:
    """None where nothing is to be paired. Raises Refused when the tool has to be asked and does not answer."""
    if matching == Matching.CREATE_ONLY or not match_fields:
        return None
    theirs = streams.samples_of(stream)
    eyes = _eyes(stream, match_fields)
    names = match.fields(eyes)
    keys = {one.id: held for one in theirs if (held := match.record_keys(eyes, one))}
    ours, titles = match.candidates_of(eyes, keys.values(), names) if keys else ({}, {})
    found = match.pair_up(keys, ours, names)
    size = samples.size(stream.integration, stream.collection)
    title = _title(stream)
    named = {one.id: str(one.values.get(title) or one.id) for one in theirs}
    clashes = list(dict.fromkeys(found.ambiguous.values()))
    return Forecast(
        looked_at=len(theirs),
        is_whole=bool(size and size.is_exact and size.records <= len(theirs)),
        paired=len(found.pairs),
        ambiguous=len(found.ambiguous),
        alone=len(keys) - len(found.pairs) - len(found.ambiguous),
        keyless=len(theirs) - len(keys),
        groups=tuple(
            Group(
                one.field, tuple(named.get(pk, pk) for pk in one.theirs), tuple(titles.get(pk, pk) for pk in one.ours)
            )
            for one in clashes[:SHOWN]
        ),
    )


def _title(stream: Stream) -> str:
    return str(stream.schema.get("title") or "")


def _eyes(stream: Stream, match_fields: Sequence[str]) -> Store:
    """As much of a run's store as matching looks at: a rule that is not saved yet, and no lease."""
    entity = registry.entity(stream.entity)
    mapped, people = compiled(stream, entity), registry.People()
    return cast(
        "Store",
        SimpleNamespace(
            stream=SimpleNamespace(pk=stream.pk, matching=Matching.MATCH_OR_CREATE, match_fields=list(match_fields)),
            entity=entity,
            by_name={one.name: one for one in mapped},
            readers={one.name: registry.reader(one.local, people) for one in mapped},
            around=context(),
            title=lambda row: str(row[entity.title] or "") if row else "",
        ),
    )
