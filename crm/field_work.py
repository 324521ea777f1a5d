"""What a change of an added field does to the values in the records: an option renamed, a field removed, one value made a list.

The field itself changes at once, the records follow in chunks, each one statement: they are a bulk action, which `bulk_actions`
carries out, tells and undoes. Whoever still wrote by what the field was is found by a last look from the beginning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from crm import followers, registry
from crm.models import BulkAction, CustomField, SavedView
from crm.records import Invalid

KINDS = ("rename", "drop", "wrap")
State = BulkAction.State

HOLDS = {
    "rename": "t.custom -> %(name)s ?| %(names)s::text[]",
    "drop": "t.custom ? %(name)s",
    "wrap": "jsonb_typeof(t.custom -> %(name)s) = 'string'",
}
BECOMES = {
    "rename": """t.custom || jsonb_build_object(%(name)s::text, CASE jsonb_typeof(t.custom -> %(name)s) WHEN 'array'
        THEN to_jsonb(ARRAY(SELECT DISTINCT coalesce(%(renamed)s::jsonb ->> held.one, held.one) COLLATE "C"
                            FROM jsonb_array_elements_text(t.custom -> %(name)s) held(one) ORDER BY 1))
        ELSE %(renamed)s::jsonb -> (t.custom ->> %(name)s) END)""",
    "drop": "t.custom - %(name)s",
    "wrap": "t.custom || jsonb_build_object(%(name)s::text, jsonb_build_array(t.custom -> %(name)s))",
}


def going_on() -> QuerySet[BulkAction]:
    return BulkAction.objects.filter(kind__in=KINDS, state__in=[State.RUNNING, State.UNDOING])


def unfinished(entity: str, name: str) -> bool:
    """Whether something is being done to the values of this field just now."""
    return going_on().filter(entity=entity, field=f"custom.{name}").exists()


def count(field: CustomField, kind: str, renamed: Mapping[str, str] | None = None) -> int:
    """How many records have such a value."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT count(*) FROM "{_table(field.entity)}" t WHERE {HOLDS[kind]}',  # noqa: S608
            _given(field.name, renamed or {}),
        )
        return int(cursor.fetchone()[0])


def step(action: BulkAction, size: int) -> list[UUID]:
    """The next chunk; answers the records that it changed. None are left when a chunk from the beginning finds none."""
    name = action.field.partition(".")[2]
    renamed = renames(action) if action.kind == "rename" else {}
    followers.hold(action.entity, action.field)
    with connection.cursor() as cursor:
        cursor.execute(
            f'WITH part AS MATERIALIZED (SELECT t.id FROM "{_table(action.entity)}" t'  # noqa: S608
            f" WHERE {HOLDS[action.kind]} AND (%(after)s::uuid IS NULL OR t.id > %(after)s::uuid)"
            " ORDER BY t.id LIMIT %(size)s FOR UPDATE)"
            f' UPDATE "{_table(action.entity)}" t SET custom = {BECOMES[action.kind]}, updated_at = now()'
            # an array has them sought by the index, where a join may go through the whole table for every chunk
            f" WHERE t.id = ANY(ARRAY(SELECT id FROM part)) AND {HOLDS[action.kind]} RETURNING t.id",
            _given(name, renamed) | {"after": action.position, "size": size},
        )
        ids = sorted(pk for (pk,) in cursor.fetchall())
    if renamed and ids:
        followers.records_renamed(action.entity, action.field, ids, renamed)
    return ids


def renames(action: BulkAction) -> dict[str, str]:
    """{what the records hold: what they are to hold}; the other way round while it is undone."""
    names: dict[str, str] = action.value or {}
    return {new: old for old, new in names.items()} if action.state == State.UNDOING else names


def rename_options(field: CustomField, names: Mapping[str, str]) -> None:
    """The options, and whatever names them. Within a transaction that holds followers and field."""
    field.options = [names.get(option, option) for option in field.options]
    field.save(update_fields=["options"])
    key = f"custom.{field.name}"
    followers.renamed(field.entity, key, names)
    for view in SavedView.objects.select_for_update().filter(entity=field.entity, query__contains=key):
        asked = [(name, value) for name, values in QueryDict(view.query).lists() for value in values]
        found = urlencode([(name, names.get(value, value) if name == key else value) for name, value in asked])
        SavedView.objects.filter(pk=view.pk).update(query=found)


def definition(field: CustomField) -> dict[str, Any]:
    """What is needed to have the field again."""
    kept = ("label", "type", "options", "target", "position")
    return {name: getattr(field, name) for name in kept}


def values_back(action: BulkAction, txid: int, first: int, last: int) -> int:
    """What one chunk took away; answers how many records have it again."""
    name = action.field.partition(".")[2]
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH part AS MATERIALIZED (SELECT t.id, c.before -> 'custom' -> %(name)s AS held"  # noqa: S608
            f' FROM crm_change c JOIN "{_table(action.entity)}" t ON t.id = c.record_id'
            " WHERE c.entity = %(entity)s AND c.txid = %(txid)s AND c.id BETWEEN %(first)s AND %(last)s"
            " AND c.before -> 'custom' ? %(name)s ORDER BY t.id FOR UPDATE OF t)"
            f' UPDATE "{_table(action.entity)}" t SET updated_at = now(),'
            " custom = t.custom || jsonb_build_object(%(name)s::text, part.held)"
            " FROM part WHERE t.id = part.id",
            {"name": name, "entity": action.entity, "txid": txid, "first": first, "last": last},
        )
        return cursor.rowcount


def field_back(action: BulkAction) -> None:
    """Whoever used the field reads everything once more: what changed there meanwhile was not taken."""
    name = action.field.partition(".")[2]
    CustomField.objects.get_or_create(entity=action.entity, name=name, defaults=action.value)
    followers.changed(action.entity, action.field)


def begin_back(action: BulkAction) -> None:
    """The options as they were, before the records follow. Raises Invalid where the field has changed too much since."""
    if action.kind != "rename":
        return
    name = action.field.partition(".")[2]
    followers.hold(action.entity, action.field)
    field = CustomField.objects.select_for_update().filter(entity=action.entity, name=name).first()
    if unfinished(action.entity, name):
        raise Invalid({"field": busy()})
    if field is None:
        raise Invalid({"field": _("The field was removed since.")})
    names: dict[str, str] = action.value or {}
    for old, new in names.items():
        if new not in field.options:
            raise Invalid({"field": _("“%(name)s” is no option any more.") % {"name": new}})
        if old in field.options:
            raise Invalid({"field": _("There is an option “%(name)s” again.") % {"name": old}})
    rename_options(field, {new: old for old, new in names.items()})


def busy() -> str:
    return _("The values of this field are being changed just now. Wait until that is done.")


def _given(name: str, renamed: Mapping[str, str]) -> dict[str, Any]:
    return {"name": name, "names": list(renamed), "renamed": json.dumps(dict(renamed))}


def _table(entity: str) -> str:
    return registry.ENTITIES[entity].model._meta.db_table
