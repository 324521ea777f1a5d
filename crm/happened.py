"""The change feed in words: what happened to one record, and what happened today."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.db.models import F
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import panels, records, registry, undo
from crm.models import Change
from crm.present import Presenter
from crm.registry import People

LOOKED_AT = 200


def history(
    name: str,
    record_id: Any,
    limit: int = 50,
    before: int | None = None,
    field: str = "",
    origin: str | None = None,
    now: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The record's changes, newest first, with the values as a person reads them. See `records.history`.

    now: the record's values, where a field may be set back while it still is what the change wrote.
    """
    entity, people = records.describe(name), People()
    found = records.history(name, record_id, limit, before, field, origin)
    values = [
        {f: v for f, pair in change["changes"].items() for v in pair[i : i + 1]} for change in found for i in (0, 1)
    ]
    show = Presenter(entity, people, values)
    origins = panels.origin_words(change["origin"] for change in found)
    return [
        change
        | {
            "who": who(change["actor"]),
            # a tool's own change is told by its name already: "Notion changed it · Customers"
            "origin_words": origins.get(change["origin"], "").removeprefix(f"{who(change['actor'])} · "),
            "fields": [
                {
                    "name": field,
                    "undo": now is not None and field in _undoable(change, now),
                    "field": entity.fields[field].label,
                    "old": show.text(entity.fields[field], old),
                    "new": show.text(entity.fields[field], new),
                    "fresh": change["operation"] == "insert",
                }
                for field, (old, new) in change["changes"].items()
                if not (change["operation"] == "insert" and new in (None, False, "", []))
            ],
        }
        for change in found
    ]


def _undoable(change: dict[str, Any], now: dict[str, Any]) -> set[str]:
    return undo.still_holds(change["changes"], now) if change["operation"] == "update" else set()


def origins(record_id: Any, name: str) -> list[tuple[str, str]]:
    """(origin, words) of what has changed a record: here first, then the connections."""
    found = set(Change.objects.filter(record_id=record_id, entity=name).values_list("origin", flat=True).distinct())
    words = panels.origin_words(found)
    named = sorted((words.get(origin, _("A connection that is gone")), origin) for origin in found if origin)
    return [*([("", _("Here"))] if "" in found else []), *((origin, text) for text, origin in named)]


def today(limit: int = 10) -> list[dict[str, Any]]:
    """The latest changes of today, those of one actor to one kind of record together, for a time line."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    looked_at = _latest()
    latest = [change for change in looked_at if change["at"] >= midnight]
    groups = [list(g) for _key, g in groupby(latest, key=lambda c: (who(c["actor"]), c["entity"], c["operation"]))]
    is_cut = len(latest) == LOOKED_AT
    if is_cut and len(groups) > 1:
        groups.pop()  # how many there really are is not known
        is_cut = False
    return [_entry(group, is_cut and group is groups[-1]) for group in groups[:limit]]


def who(actor: dict[str, str]) -> str:
    if actor.get("label"):
        return actor["label"]
    return _("Somebody with direct access to the database") if not actor else _("Raccord")


def _latest() -> list[dict[str, Any]]:
    """By id, and cut before looking at the time: the id has an index."""
    changes = Change.objects.order_by("-id").annotate(
        name=Coalesce(KeyTextTransform("name", "after"), KeyTextTransform("name", "before")),
        title=Coalesce(KeyTextTransform("title", "after"), KeyTextTransform("title", "before")),
        words=Coalesce(F("name"), F("title")),
    )
    shown = changes.values("entity", "operation", "actor", "origin", "at", "record_id", "words")
    return [dict(change) for change in shown[:LOOKED_AT]]


def _entry(group: list[dict[str, Any]], is_cut: bool) -> dict[str, Any]:
    first, n = group[0], len({change["record_id"] for change in group})
    declared = registry.ENTITIES.get(first["entity"])
    if n == 1:
        gone = first["operation"] == "delete"
        url = "" if gone else reverse("records:detail", args=[first["entity"], first["record_id"]])
        what = first["words"] or _("a record")
    else:
        url = reverse("records:list", args=[first["entity"]])
        what = f"{n}{'+' if is_cut else ''} {declared.model._meta.verbose_name_plural if declared else ''}"
    words = {
        "insert": _("%(who)s added %(what)s"),
        "update": _("%(who)s changed %(what)s"),
        "delete": _("%(who)s deleted %(what)s"),
    }[first["operation"]] % {"who": who(first["actor"]), "what": what}
    icons = {"insert": "plus", "update": "pencil", "delete": "trash-2"}
    kind = "there" if first["origin"] else "here"
    return {"at": first["at"], "words": words, "url": url, "icon": icons[first["operation"]], "kind": kind}
