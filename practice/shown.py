"""The page in plain values: the grid, the switches, and what happened in words."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from practice import faults, typed, world
from practice.models import Event, Row, Table, Workspace
from values import Type

PAGE = 50
#: How long a row that Raccord has just written is marked.
FRESH = dt.timedelta(seconds=20)
EVENTS = 14

ICONS = {
    Type.TEXT: "type",
    Type.LONG_TEXT: "file-text",
    Type.INTEGER: "hash",
    Type.DECIMAL: "hash",
    Type.MONEY: "wallet",
    Type.BOOLEAN: "toggle-left",
    Type.DATE: "calendar",
    Type.DATETIME: "clock",
    Type.SELECT: "chevron-down",
    Type.MULTI_SELECT: "tag",
    Type.EMAIL: "mail",
    Type.PHONE: "phone",
    Type.URL: "link",
    Type.PERSON: "user",
    Type.RELATION: "arrow-right",
    Type.FILE: "folder",
    Type.JSON: "database",
}


def tabs(workspace: Workspace, present: Table) -> list[dict[str, Any]]:
    return [
        {"label": table.name, "url": table_url(table), "active": table.pk == present.pk}
        for table in workspace.tables.all()
    ]


def table_url(table: Table) -> str:
    return reverse("practice:table", args=[table.workspace_id, table.slug])


def grid(table: Table, shown: int = PAGE) -> dict[str, Any]:
    """The rows that were made first, first: an edit moves nothing."""
    rows = list(table.rows.filter(is_gone=False).order_by("id")[: shown + 1])
    titles = titles_of(table)
    return {
        "table": table,
        "columns": [
            {
                "id": field["id"],
                "name": field["name"],
                "icon": ICONS[Type(field["type"])],
                "is_title": field["id"] == table.title,
                "is_number": Type(field["type"]) in (*typed.NUMBERS, Type.MONEY),
            }
            for field in table.fields
        ],
        "rows": [row_shown(table, row, titles) for row in rows[:shown]],
        "shown": shown,
        "more": shown + PAGE if len(rows) > shown else 0,
        "last": table.last,
    }


def row_shown(table: Table, row: Row, titles: dict[str, str]) -> dict[str, Any]:
    return {
        "ident": row.ident,
        "title": str(row.values.get(table.title) or ""),
        "is_fresh": row.edited_by == world.RACCORD and timezone.now() - row.edited_at < FRESH,
        "delete_url": reverse("practice:delete", args=[table.workspace_id, table.slug, row.ident]),
        "cells": [
            {
                "name": field["name"],
                "text": typed.words(field, row.values.get(field["id"]), titles),
                "is_title": field["id"] == table.title,
                "is_number": Type(field["type"]) in (*typed.NUMBERS, Type.MONEY),
                "url": cell_url(table, row, field),
            }
            for field in table.fields
        ],
    }


def cell_url(table: Table, row: Row, field: dict[str, Any]) -> str:
    return reverse("practice:cell", args=[table.workspace_id, table.slug, row.ident, field["id"]])


def titles_of(table: Table) -> dict[str, str]:
    """{row id: its name} of the tables that this one points at."""
    targets = {field["target"] for field in table.fields if field.get("target")}
    found = Table.objects.filter(workspace=table.workspace_id, slug__in=targets) if targets else Table.objects.none()
    names = {target.pk: target.title for target in found}
    rows = Row.objects.filter(table__in=names).values_list("table", "ident", "values") if names else []
    return {ident: str(values.get(names[home]) or ident) for home, ident, values in rows}


def editing(table: Table, row: Row, field: dict[str, Any]) -> dict[str, Any]:
    """One cell, to be edited. choices: [value, label, chosen]"""
    value, kind = typed.write(field, row.values.get(field["id"])), typed.editor(field)
    choices: list[tuple[str, str]] = []
    if field["type"] == Type.BOOLEAN:
        choices = [("yes", _("Yes")), ("no", _("No"))]
    elif field["type"] == Type.RELATION:
        known = titles_of(Table(workspace_id=table.workspace_id, fields=[field]))
        choices = sorted(known.items(), key=lambda one: one[1].casefold())
    elif "options" in field:
        choices = [(one, one) for one in field["options"]]
    held = value if isinstance(value, list) else [value]
    empty = [] if kind == "several" or field["type"] == Type.BOOLEAN or field.get("required") else [("", "")]
    return {
        "name": field["name"],
        "kind": kind,
        "value": value,
        "choices": [(one, label, one in held) for one, label in [*empty, *choices]],
        "url": cell_url(table, row, field),
    }


# --- switches ---------------------------------------------------------------------------------------------------------


def switches(workspace: Workspace) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "label": one.label,
            "does": one.does,
            "promise": one.promise,
            "icon": one.icon,
            "is_on": one.name in workspace.faults,
        }
        for one in faults.SWITCHES
    ]


# --- what happened ----------------------------------------------------------------------------------------------------


def events(workspace: Workspace) -> list[dict[str, Any]]:
    return [told(event) for event in workspace.events.all()[:EVENTS]]


def told(event: Event) -> dict[str, Any]:
    """side: "there" is this tool, "here" is Raccord."""
    is_raccord = event.kind in (Event.Kind.ASKED, Event.Kind.CALLED)
    return {
        "id": event.pk,
        "at": event.at,
        "side": "here" if is_raccord else "there",
        "text": _asked(event) if event.kind == Event.Kind.ASKED else _done(event),
        "old": event.old if event.kind == Event.Kind.EDITED else "",
        "new": event.new if event.kind == Event.Kind.EDITED else "",
        "is_edit": event.kind == Event.Kind.EDITED,
        "outcome": _outcome(event) if is_raccord else "",
        "is_trouble": event.status >= 400,
    }


def _done(event: Event) -> str:
    facts = {"who": event.by, "what": event.title, "field": event.field, "table": event.table, "new": event.new}
    switch = next((one.label for one in faults.SWITCHES if one.name == event.what), event.what)
    match event.kind, event.what, event.count:
        case Event.Kind.EDITED, _any, _n:
            return _("%(who)s changed %(field)s of %(what)s") % facts
        case Event.Kind.ADDED, _any, _n:
            return _("%(who)s added a row to %(table)s") % facts
        case Event.Kind.DELETED, _any, _n:
            return _("%(who)s deleted %(what)s") % facts
        case Event.Kind.COLUMN, "add", _n:
            return _("%(who)s added the column %(field)s") % facts
        case Event.Kind.COLUMN, "rename", _n:
            return _("%(who)s renamed the column %(field)s to %(new)s") % facts
        case Event.Kind.COLUMN, _any, _n:
            return _("%(who)s removed the column %(field)s") % facts
        case Event.Kind.SWITCHED, _any, 1:
            return _("Switched on: %(switch)s") % {"switch": switch}
        case Event.Kind.SWITCHED, _any, _n:
            return _("Switched off: %(switch)s") % {"switch": switch}
        case Event.Kind.CALLED, _any, _n:
            return _("Raccord was told that %(table)s changed") % facts
    return _("%(who)s put everything back as it was") % facts


def _asked(event: Event) -> str:
    facts = {"what": event.title or event.row, "fields": event.field, "table": event.table, "n": event.count}
    match event.what:
        case "list":
            text = ngettext(
                "Raccord read all of %(table)s: %(n)s row", "Raccord read all of %(table)s: %(n)s rows", event.count
            )
            return text % facts
        case "changes" if not event.count:
            return _("Raccord asked what changed in %(table)s: nothing") % facts
        case "changes":
            text = ngettext(
                "Raccord asked what changed in %(table)s: %(n)s row",
                "Raccord asked what changed in %(table)s: %(n)s rows",
                event.count,
            )
            return text % facts
        case "look":
            text = ngettext(
                "Raccord looked at %(n)s row once more", "Raccord looked at %(n)s rows once more", event.count
            )
            return text % facts
        case "create":
            return _("Raccord made %(what)s in %(table)s") % facts
        case "again":
            return _("Raccord asked again for %(what)s, and it was there already: no second one was made") % facts
        case "update":
            return _("Raccord wrote %(fields)s of %(what)s") % facts
        case "restore":
            return _("Raccord brought %(what)s back") % facts
        case "delete":
            return _("Raccord put %(what)s into the trash") % facts
    return _("Raccord asked for something")


def _outcome(event: Event) -> str:
    match event.fault:
        case "busy":
            return _("refused: too many requests, come again in two seconds")
        case "broken":
            return _("broken: nothing was done")
        case "lost":
            return _("done, but the answer got lost")
        case "expired":
            return _("refused: the key has expired")
        case "stale":
            return _("refused: somebody else was faster")
        case "phones":
            return _("refused: the phone number is not international")
        case "slow":
            return _("answered slowly")
    if event.kind == Event.Kind.CALLED and not 200 <= event.status < 300:
        return _("it did not arrive; Raccord looks by itself, too")
    return _("refused") if event.status >= 400 else ""
