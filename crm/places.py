"""Places in the list of records where other apps put a button of theirs. `crm` knows nobody here; other apps register themselves,
in the `ready` of their AppConfig:

    places.in_head(places.Door(_("Import"), "upload", lambda entity: reverse("files:import", args=[entity]), role="member"))
    places.in_bulk(places.Door(_("Export"), "download", lambda entity: reverse("files:export", args=[entity])))

A door of the head is a link in the list's menu. It brings along the list's own query (`?q=…&status=Lead&sort=-name&columns=…`),
of which `crm.selection.Selection.of(entity, request.GET)` makes the records that the person saw.

A door of the bulk bar is a button that POSTs the selection: `ids`, or `all=1` with the list's query as `match`. There
`Selection.of(entity, request.POST)` answers the records, `selection.hidden()` the inputs that carry it on to a next form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise


@dataclass(frozen=True)
class Door:
    """icon: of icons.svg; url: from the entity's name; role: the least that sees it (the view behind it checks for itself).

    of_records: it does something with what is listed, so that a list without records does not have it.
    """

    label: str | Promise
    icon: str
    url: Callable[[str], str]
    role: str = "viewer"
    of_records: bool = False


_head: list[Door] = []
_bulk: list[Door] = []


def in_head(door: Door) -> None:
    if door not in _head:
        _head.append(door)


def in_bulk(door: Door) -> None:
    if door not in _bulk:
        _bulk.append(door)


def head(request: HttpRequest, entity: str, query: str = "", is_empty: bool = False) -> list[dict[str, str]]:
    """For the page: label, icon, url."""
    doors = [door for door in _head if not (is_empty and door.of_records)]
    return _drawn(doors, request, entity, f"?{query}" if query else "")


def bulk(request: HttpRequest, entity: str) -> list[dict[str, str]]:
    return _drawn(_bulk, request, entity)


def _drawn(doors: list[Door], request: HttpRequest, entity: str, query: str = "") -> list[dict[str, str]]:
    return [
        {"label": str(door.label), "icon": door.icon, "url": door.url(entity) + query}
        for door in doors
        if request.membership.may(door.role)
    ]
