"""One thing done to many records: set a field, add or remove a tag, delete; and what a change of an added field does to its
values (`field_work`). In chunks, each a transaction and one statement, so that the change feed sees every record, a crash repeats
at most nothing, and what was done can be undone.

Up to INLINE records are done while the person waits, in one transaction with the action itself: a process that dies in it has
done nothing and left nothing behind. More are done in the background, by whoever registered for that: `crm` knows no queue, but
what it asks for is written down together with the action. Without anybody they are done at once as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import feed, field_work, protection, records, registry, undo
from crm.feed import Actor
from crm.models import BulkAction, Change, CustomField
from crm.records import Invalid, Missing
from crm.registry import Entity, Field, People, Row
from crm.selection import Selection
from values import Type, Unfit, Value

INLINE = 1000
CHUNK = 500
TOLD = 100  # of the records left out, these are named
KINDS = ("set", "add", "remove", "delete")

State = BulkAction.State

#: Has `run` called for an action soon, outside of this process, until it answers that there is no more.
_background: list[Callable[[UUID], None]] = []


def in_background(ask: Callable[[UUID], None]) -> None:
    _background[:] = [ask]


def do(selection: Selection, kind: str, field: str, value: Value, by: Actor, user_id: int | None) -> BulkAction:
    """Do it, or have it done; answers how it stands then. Raises Invalid."""
    with transaction.atomic():
        return carry_out(start(selection, kind, field, value, by, user_id))


def do_to_field(field: CustomField, kind: str, value: Any, total: int, by: Actor, user_id: int | None) -> BulkAction:
    """Have the records follow a change of this field, which the caller makes in the same transaction. `value`: {old option: new}
    of a renaming, the definition of a field that is dropped."""
    with transaction.atomic():
        action = BulkAction.objects.create(
            entity=field.entity,
            kind=kind,
            field=f"custom.{field.name}",
            value=value,
            query="",
            total=total,
            actor={"kind": by.kind, "id": by.id, "label": by.label},
            user_id=user_id,
        )
        return carry_out(action)


def take_back(action: BulkAction, by: Actor) -> BulkAction | None:
    """The same backwards. None for one that is not done yet, or undone already. Raises Invalid where it cannot be any more."""
    with transaction.atomic():
        return carry_out(action) if begin_undo(action.pk, by) else None


def is_undoable(action: BulkAction) -> bool:
    """A field comes back without values, too."""
    if action.state not in (State.DONE, State.FAILED) or action.kind == "wrap":
        return False
    return bool(action.changed) or action.kind in field_work.KINDS


def may_undo(action: BulkAction, is_maker: bool, is_admin: bool) -> bool:
    """Who did it, and those who manage; what concerns fields, only these."""
    return is_admin or (is_maker and action.kind not in field_work.KINDS)


def carry_out(action: BulkAction) -> BulkAction:
    if action.total > INLINE and _background:
        _background[0](action.pk)
    else:
        run(action.pk)
    action.refresh_from_db()
    return action


def fail(action_id: UUID) -> None:
    """Nobody could finish it. What was done stays, and can be undone."""
    unfinished = BulkAction.objects.filter(pk=action_id, state__in=[State.RUNNING, State.UNDOING])
    unfinished.update(state=State.FAILED, touched_at=timezone.now())


def settable(entity: Entity) -> list[Field]:
    return [described for described in entity.fields.values() if not described.read_only]


def start(selection: Selection, kind: str, field: str, value: Value, by: Actor, user_id: int | None) -> BulkAction:
    """Checks and keeps it; `run` does it. Raises Invalid."""
    entity = selection.entity
    if kind not in KINDS:
        raise Invalid({"kind": _("It can set a field, add to it, remove from it, or delete.")})
    if selection.unclear:
        raise Invalid({"query": _("There is no filter “%(name)s”.") % {"name": selection.unclear}})
    checked = None if kind == "delete" else _checked(entity, kind, field, value)
    total = selection.count
    if not total:
        raise Invalid({"ids": _("None of these records is there any more. Choose again.")})
    return BulkAction.objects.create(
        entity=entity.name,
        kind=kind,
        field="" if kind == "delete" else field,
        value=checked,
        ids=[] if selection.is_all else list(selection.ids),
        query=selection.query,
        total=total,
        actor={"kind": by.kind, "id": by.id, "label": by.label},
        user_id=user_id,
    )


def left_out(selection: Selection, most: int = 5000) -> tuple[int, list[str]]:
    """How many of the first `most` are read-only, and why."""
    count, reasons, looked_at = 0, set(), 0
    for part in selection.walk():
        found = protection.read_only(selection.entity.name, [UUID(pk) for pk in part])
        count += len(found)
        reasons |= set(found.values())
        looked_at += len(part)
        if looked_at >= most:
            break
    return count, sorted(reasons)


def run(action_id: UUID, is_over: Callable[[], bool] = lambda: False) -> bool:
    """Go on with it, to the end or until somebody else wants a turn. Answers whether it is finished."""
    while step(action_id):
        if is_over():
            return False
    return True


def step(action_id: UUID) -> bool:
    """One chunk in one transaction. Answers whether there may be more. Two who are at it wait for each other: to pass by would
    look like being finished, and the other one may not come to the end."""
    with transaction.atomic():
        action = BulkAction.objects.select_for_update().filter(pk=action_id).first()
        if action is None or action.state not in (State.RUNNING, State.UNDOING):
            return False
        if action.kind == "drop" and action.state == State.UNDOING:
            return _field_back(action)
        if action.kind in field_work.KINDS:
            return _of_field(action)
        return _forward(action) if action.state == State.RUNNING else _back(action)


@transaction.atomic
def begin_undo(action_id: UUID, by: Actor) -> bool:
    """`run` goes on with it. False for one that is not done yet, or undone already. Raises Invalid, as `take_back` does."""
    action = BulkAction.objects.select_for_update().filter(pk=action_id).first()
    if action is None or action.state not in (State.DONE, State.FAILED) or action.kind == "wrap":
        return False
    if action.kind in field_work.KINDS:
        with feed.acting(by):
            field_work.begin_back(action)
    action.state, action.position = State.UNDOING, None
    action.actor = {"kind": by.kind, "id": by.id, "label": by.label}
    action.save()
    return True


def neglected(before: dt.datetime) -> list[UUID]:
    """Those that are not through and that nobody has gone on with since."""
    going_on = BulkAction.objects.filter(state__in=[State.RUNNING, State.UNDOING], touched_at__lt=before)
    return list(going_on.values_list("pk", flat=True))


def find(entity: str, action_id: UUID) -> BulkAction:
    try:
        return BulkAction.objects.get(pk=action_id, entity=entity)
    except BulkAction.DoesNotExist as error:
        raise Missing(action_id) from error


def selection_of(action: BulkAction) -> Selection:
    entity = records.describe(action.entity)
    if action.query is not None:
        return Selection(entity, query=action.query)
    return Selection(entity, tuple(map(str, action.ids)))


# --- forwards ---------------------------------------------------------------------------------------------------------


def _forward(action: BulkAction) -> bool:
    selection = selection_of(action)
    is_gone = action.kind != "delete" and action.field not in selection.entity.fields
    if selection.unclear or is_gone:  # what was chosen, or what was to be done with it, cannot be told any more
        action.state = State.FAILED
        action.save()
        return False
    # what is added from here on was not chosen
    waiting = selection.matching.filter(created_at__lte=action.created_at)
    if action.position:
        waiting = waiting.filter(pk__gt=action.position)
    ids = [str(pk) for pk in waiting.order_by("pk").values_list("pk", flat=True)[:CHUNK]]
    if not ids:
        action.state = State.DONE
        action.save()
        return False
    before = _last_change()
    with feed.acting(Actor(**action.actor)):
        changed, left = _delete(action, selection.entity, ids) if action.kind == "delete" else _set(action, ids)
    if changed:
        action.parts.append(_part(action.entity, before))
    action.changed += changed
    action.seen += len(ids)
    action.total = max(action.total, action.seen)
    action.left_count += len(left)
    action.left = [*action.left, *left][:TOLD]
    action.position = UUID(ids[-1])
    if len(ids) < CHUNK:
        action.state = State.DONE
    action.save()
    return len(ids) == CHUNK


def _set(action: BulkAction, ids: list[str]) -> tuple[int, list[dict[str, str]]]:
    entity, people = records.describe(action.entity), People()
    there: set[str] = set()
    rows = registry.rows(entity, ids, lock=True)
    kept = protection.read_only(entity.name, [UUID(pk) for pk in ids])
    read = registry.reader(entity.fields[action.field], people)
    changed, left = [], []
    for pk, row in rows.items():
        if pk in kept:
            left.append({"id": pk, "title": str(row[entity.title]), "reason": kept[pk]})
            continue
        fresh = dict(row)
        try:
            wanted = CHANGES[action.kind](read(row), action.value)
            records.fill(entity, fresh, {action.field: wanted}, people, there=there)
        except Invalid as error:
            left.append({"id": pk, "title": str(row[entity.title]), "reason": str(error)})
            continue
        if fresh != row:
            changed.append(fresh)
    records.update_rows(entity, changed)
    return len(changed), left


def _delete(action: BulkAction, entity: Entity, ids: list[str]) -> tuple[int, list[dict[str, str]]]:
    kept = protection.read_only(entity.name, [UUID(pk) for pk in ids])
    rows: dict[str, Row] = registry.rows(entity, kept)
    left = [{"id": pk, "title": str(rows[pk][entity.title]), "reason": kept[pk]} for pk in rows]
    return records.delete_rows(entity, [pk for pk in ids if pk not in kept]), left


def _of_field(action: BulkAction) -> bool:
    is_back = action.state == State.UNDOING
    before = _last_change()
    with feed.acting(Actor(**action.actor)):
        ids = field_work.step(action, CHUNK)
    if ids and action.kind == "drop":
        action.parts.append(_part(action.entity, before))
    if is_back:
        action.undone += len(ids)
    else:
        action.seen += len(ids)
        action.changed += len(ids)
        action.total = max(action.total, action.seen)
    is_done = not ids and action.position is None  # nothing was left when it looked from the beginning
    if is_done:
        action.state = State.UNDONE if is_back else State.DONE
    action.position = ids[-1] if len(ids) == CHUNK else None
    action.save()
    return not is_done


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda held, value: value,
    "add": lambda held, value: sorted({*(held or []), *(value or [])}),
    "remove": lambda held, value: sorted(set(held or []) - set(value or [])) or None,
}


def _checked(entity: Entity, kind: str, field: str, value: Value) -> Value:
    described = entity.fields.get(field)
    if described is None:
        raise Invalid({"field": _("There is no field “%(name)s”.") % {"name": field}})
    if described.read_only:
        raise Invalid({"field": _("%(label)s is kept by Raccord and cannot be set.") % {"label": described.label}})
    several = described.type is Type.MULTI_SELECT or described.many
    if kind in ("add", "remove") and not several:
        raise Invalid({"kind": _("%(label)s holds one value: set it instead.") % {"label": described.label}})
    try:
        checked = registry.check(described, value)
    except Unfit as error:
        raise Invalid({"value": str(error)}) from error
    if checked is None and kind != "set":
        raise Invalid({"value": _("Choose at least one.")})
    if checked is None and described.required:
        raise Invalid({"value": _("%(label)s must not be empty.") % {"label": described.label}})
    return checked


# --- and back ---------------------------------------------------------------------------------------------------------


def _back(action: BulkAction) -> bool:
    """The part done last is taken back first."""
    if action.parts:
        txid, first, last = action.parts.pop()
        wrote = Change.objects.filter(entity=action.entity, txid=txid, id__gte=first, id__lte=last)
        entity = records.describe(action.entity)
        done = undo.take_back(entity, undo.changes(wrote), Actor(**action.actor), {action.field} - {""})
        action.undone += len(done.ids)
        action.kept_count += len(done.left)
        action.kept = [*action.kept, *done.left][:TOLD]
    if not action.parts:
        _end_back(action)
    action.save()
    return bool(action.parts)


def _end_back(action: BulkAction) -> None:
    """What the feed has forgotten since, or whose record is gone, is told as left."""
    action.state = State.UNDONE
    action.kept_count = max(action.kept_count, action.changed - action.undone)


def _field_back(action: BulkAction) -> bool:
    """The values of a field that was removed, and last the field: a run that knew it before would send out that it is empty."""
    with feed.acting(Actor(**action.actor)):
        if action.parts:
            part = action.parts.pop()
            action.undone += field_work.values_back(action, *part)
        if not action.parts:
            field_work.field_back(action)
            _end_back(action)
        action.save()
    return bool(action.parts)


def _last_change() -> int:
    return Change.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _part(entity: str, before: int) -> list[int]:
    """Where the feed holds what this transaction has written of the entity after the change `before`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT txid, min(id), max(id) FROM crm_change"
            " WHERE entity = %s AND txid = pg_current_xact_id()::text::bigint AND id > %s GROUP BY txid",
            [entity, before],
        )
        return list(cursor.fetchone())
