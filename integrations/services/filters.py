"""Which records of a stream take part: what may be asked, whether a filter makes sense, and changing it while all is live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm import registry
from integrations.adapters.registry import adapters
from integrations.models import Direction, LeftOut, LinkState, RecordLink, Status, Stream
from integrations.scheduling import due
from integrations.scheduling.models import Priority
from integrations.scheduling.tasks import wake_on_commit
from integrations.services.connect import Refused
from integrations.sync import filters
from integrations.sync.fields import schema_of
from values import Type, Unfit

SIDES = ("here", "there")
MOST = 20  # conditions a side


@dataclass(frozen=True, slots=True)
class Choice:
    """One field that a condition may ask for. field: its local name, or its id there."""

    field: str
    label: str
    type: Type
    ops: tuple[str, ...]
    options: tuple[str, ...] = ()


def describe(stream: Stream) -> dict[str, list[Choice]]:
    """{"here": […], "there": […]}: every field with the operators that its type takes."""
    here = [
        Choice(field.name, field.label, field.type, filters.OPS[field.type], field.options)
        for field in registry.entity(stream.entity).fields.values()
    ]
    there = [
        Choice(field.id, field.name, field.type, filters.OPS[field.type], field.options)
        for field in schema_of(stream).fields
    ]
    adapter = adapters().get(stream.integration.provider)
    if adapter and adapter.manifest.can.tells_created:
        there.append(Choice(filters.CREATED, _("Created at"), Type.DATETIME, filters.OPS[Type.DATETIME]))
    return {"here": here, "there": there}


def check(stream: Stream, wanted: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The filters with their values in canonical form. Raises Refused, which says what does not fit."""
    unknown = set(wanted) - set(SIDES)
    if unknown:
        raise _refused(_("A filter has two sides: here and there."))
    choices = describe(stream)
    found = {}
    for side in SIDES:
        fields = {one.field: one for one in choices[side]}
        conditions = list(wanted.get(side) or ())
        if len(conditions) > MOST:
            raise _refused(_("At most %(most)s conditions a side.") % {"most": MOST})
        if conditions:
            found[side] = [_checked(one, fields, side) for one in conditions]
    return found


def _checked(condition: Mapping[str, Any], fields: Mapping[str, Choice], side: str) -> dict[str, Any]:
    field = fields.get(str(condition.get("field", "")))
    if field is None:
        name = condition.get("field")
        raise _refused(
            _("There is no field “%(name)s” here.") % {"name": name}
            if side == "here"
            else _("The table has no field “%(name)s” (any more).") % {"name": name}
        )
    op = condition.get("op")
    if op not in field.ops:
        raise _refused(
            _("“%(field)s” cannot be compared by “%(op)s”. Possible: %(all)s.")
            % {"field": field.label, "op": op, "all": ", ".join(field.ops)}
        )
    try:
        value = filters.operand(field.type, op, condition.get("value"))
    except Unfit as error:
        raise _refused(f"“{field.label}”: {error}") from error
    return {"field": field.field, "op": op} | ({} if op in filters.EMPTY else {"value": value})


def _refused(words: str) -> Refused:
    return Refused(words, "filters", "invalid_filter")


def change(stream: Stream, wanted: Mapping[str, Any]) -> None:
    """Set both filters. Everything is looked at anew with the next run; nothing is deleted on either side."""
    checked = check(stream, wanted)
    with transaction.atomic():
        fresh = Stream.objects.select_for_update().select_related("integration").get(pk=stream.pk)
        if checked != fresh.filters:
            fresh.filters = checked
            fresh.save(update_fields=["filters"])
            look_anew(fresh)
        stream.refresh_from_db()


def look_anew(stream: Stream) -> None:
    """Who takes part is decided anew: theirs are read again, ours looked at again. A run at work begins anew with it.

    Within a transaction that holds the stream.
    """
    stream.cursor, stream.exported_at, stream.version = "", None, stream.version + 1
    stream.save(update_fields=["cursor", "exported_at", "version"])
    links = RecordLink.objects.filter(stream=stream)
    links.filter(left_out=LeftOut.FILTER, remote_id__isnull=False).update(reread=True)
    if stream.direction != Direction.IMPORT:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE integrations_recordlink SET dirty = true WHERE stream_id = %s AND NOT dirty AND state = ANY(%s)",
                [stream.pk, [LinkState.NEW, LinkState.LINKED]],
            )
    stream.set_aside.filter(code="ambiguous").update(retry_at=None)
    if stream.integration.status == Status.ACTIVE and stream.is_active:
        due.ask(stream.integration_id, Priority.PERSON, "person")
        wake_on_commit(stream.integration_id)
