"""What changed in a collection's fields since they were last described, and what follows from it.

Every run describes its collections anew. A field that another name or other options stays the same field, by its id. A mapped
field that is gone, or holds something else now, cannot be kept in step: the stream's policy says whether the rest goes on.
Where a key, a record's title or a filter is concerned, the table always stops: without them records would be made twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone

from crm import registry
from integrations.adapters import errors
from integrations.adapters.base import Adapter, Field, Schema
from integrations.models import Drift, FieldMapping, SetAside, Stream
from integrations.sync import filters, tables
from integrations.sync.fields import schema_of

KEPT = 50  # changes told to people, the newest first
ASKS = "field_gone"  # Stream.problem_code: the rest of the table goes on


def look(adapter: Adapter, stream: Stream) -> str:
    """Describe the collection anew. Answers the names of fields about which a person is asked while the rest goes on.

    Raises SchemaChanged when the table has to stop: what the mapping was made for stays known until then.
    """
    found, known = adapter.describe(stream.collection), schema_of(stream)
    mapped = {one.remote: one for one in stream.mappings.all()}
    used = dict.fromkeys([*mapped, *filters.remote_fields(stream.filters)])
    lost = [pk for pk in used if _is_lost(known.field(pk), found.field(pk))]
    back = [pk for pk, one in mapped.items() if one.gone and pk not in lost]
    if found != known or back:
        _remember(stream, known, found, lost, used, back)
    if lost and (stream.on_drift == Drift.STOP or _needed(stream, mapped).intersection(lost)):
        names = [_name(pk, mapped, known) for pk in lost]
        raise errors.SchemaChanged(", ".join(f"“{name}”" for name in names), tuple(lost))
    newly = [pk for pk in lost if not mapped[pk].gone]
    if newly or back:
        _leave_out(stream, newly, back)
        # What held something else meanwhile may have lost its values on the way: an empty field erases nothing here.
        changed = {one["field"] for one in stream.drift if one["kind"] == "type"}
        forget_bases(stream, [mapped[pk].local for pk in back if pk in changed])
    asked = lost if stream.on_drift == Drift.ASK else []
    return ", ".join(f"“{_name(pk, mapped, known)}”" for pk in asked)


def _is_lost(old: Field | None, new: Field | None) -> bool:
    return new is None or (old is not None and old.type != new.type)


def _needed(stream: Stream, mapped: Mapping[str, FieldMapping]) -> set[str]:
    """Remote fields without which records could not be told apart, made, or chosen."""
    entity = registry.entity(stream.entity)
    required = {name for name, one in entity.fields.items() if one.required}
    keys = {pk for pk, one in mapped.items() if one.local in required.union(stream.match_fields)}
    return keys.union(filters.remote_fields(stream.filters))


def _name(field: str, mapped: Mapping[str, FieldMapping], known: Schema) -> str:
    old = known.field(field)
    return old.name if old else mapped[field].remote_name if field in mapped else field


def _remember(
    stream: Stream, known: Schema, found: Schema, lost: list[str], used: Iterable[str], back: list[str]
) -> None:
    """Keep the new description; of a lost field what it was, so that one that comes back is known again."""
    kept = asdict(found)
    if lost:
        fields = {one["id"]: one for one in kept["fields"]}
        kept["fields"] = list((fields | {one.id: asdict(one) for one in known.fields if one.id in lost}).values())
    returned = [_new("back", field) for pk in back if (field := found.field(pk))]
    news = [*_news(known, found, set(used)), *returned]
    latest = {one["field"]: one for one in reversed(stream.drift)}
    # A lost field differs from what is known of it in every run, and is told once.
    news = [one for one in news if not _same(one, latest.get(one["field"]))]
    _wake_changed(stream, {pk for pk in used if known.field(pk) != found.field(pk)})
    stream.schema, stream.collection_name, stream.drift = kept, found.collection.name, [*news, *stream.drift][:KEPT]
    Stream.objects.filter(pk=stream.pk).update(schema=kept, collection_name=stream.collection_name, drift=stream.drift)


def _same(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    return other is not None and (one["kind"], one["was"]) == (other["kind"], other["was"])


def _new(kind: str, field: Field, was: str = "") -> dict[str, str]:
    return {"at": timezone.now().isoformat(), "kind": kind, "field": field.id, "name": field.name, "was": was}


def _news(known: Schema, found: Schema, used: set[str]) -> Iterator[dict[str, str]]:
    """{"at", "kind", "field", "name", "was"}. kind: new, gone, back, type, renamed, options (lost ones)."""
    before, after = ({one.id: one for one in schema.fields} for schema in (known, found))
    for pk, new in after.items():
        old = before.get(pk)
        if old is None:
            yield _new("new", new)
            continue
        if old.type != new.type:
            yield _new("type", new, str(old.type))
        if old.name != new.name:
            yield _new("renamed", new, old.name)
        if pk in used and (went := [one for one in old.options if one not in new.options]):
            yield _new("options", new, ", ".join(went)[:500])
    for pk, old in before.items():
        if pk not in after:
            yield _new("gone", old)


def _leave_out(stream: Stream, gone: list[str], back: list[str]) -> None:
    """The mapping is another one from here on. What comes back is read whole once more, for it was not read meanwhile."""
    stream.mappings.filter(remote__in=gone).update(gone=True)
    stream.mappings.filter(remote__in=back).update(gone=False)
    for one in stream.mappings.all():  # the prefetched ones
        one.gone = one.remote in gone or (one.gone and one.remote not in back)
    changes: dict[str, Any] = {"cursor": ""} if back else {}
    Stream.objects.filter(pk=stream.pk).update(version=F("version") + 1, **changes)
    stream.refresh_from_db(fields=["version", *changes])


def _wake_changed(stream: Stream, remote: set[str]) -> None:
    """A field there has other options or limits now: what did not fit is tried again at once."""
    changed = [mapped.local for mapped in stream.mappings.all() if mapped.remote in remote]
    if changed:
        waiting = SetAside.objects.filter(stream=stream, field__in=["", *changed])
        waiting.exclude(code__in=tables.BY_A_PERSON).update(retry_at=None)


def forget_bases(stream: Stream, names: list[str]) -> None:
    """These fields have never been agreed on: their values meet as at the first time."""
    if not names or stream.listed_at is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_recordlink SET base_local = base_local - %s::text[], base_remote = base_remote - %s::text[],"
            " waiting = waiting - %s::text[], dirty = true WHERE stream_id = %s",
            [names, names, names, stream.pk],
        )
