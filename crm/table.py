"""A list of records as the page draws it: columns with their sort links, chips, cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import QueryDict
from django.utils import formats
from django.utils.translation import gettext as _

from crm import filters, listing
from crm.listing import Asked, Listing
from crm.present import Presenter
from crm.registry import Entity, Field
from values import Type

MAIN_COLUMNS = 4  # the others leave first when there is little room
NUMBERS = {Type.INTEGER, Type.DECIMAL, Type.MONEY}


def of(entity: Entity, query: QueryDict, path: str) -> dict[str, Any]:
    """Everything that `crm/list.html` and `crm/_results.html` show."""
    asked = Asked.of(query)
    listed = Listing(entity, asked)
    page = listed.page()
    shown = [entity.fields[name] for name in entity.columns_shown]
    show = Presenter.of(entity, listed.people, page.items)
    address = Address(path, query)
    chips = _chips(entity, listed, address)
    return {
        "entity": entity,
        "asked": asked,
        "columns": [_column(field, listed, address, place) for place, field in enumerate(shown)],
        "rows": [
            {"id": item.id, "title": item.title, "cells": [(f, show.show(f, item.values[f.name])) for f in shown]}
            for item in page.items
        ],
        "filters": chips,
        "clear_url": address(q=asked.q, only=True) if any(chip["value"] for chip in chips) else "",
        "is_narrowed": bool(asked.q or asked.filters),
        "hidden": [(name, value) for name, value in query.items() if name not in ("q", "after", "before")],
        "previous_url": address(before=page.previous) if page.previous else "",
        "next_url": address(after=page.next) if page.next else "",
        "summary": _summary(page, entity),
        "path": path,
    }


def in_order(entity: Entity) -> Iterator[tuple[str, Field]]:
    """The fields as a person reads a record: the list's columns, the others, long texts, then times."""
    names = list(entity.fields)

    def place(name: str) -> tuple[int, int]:
        described = entity.fields[name]
        if name in entity.columns_shown:
            return 0, entity.columns_shown.index(name)
        return (3 if described.read_only else 2 if described.type is Type.LONG_TEXT else 1), names.index(name)

    return ((name, entity.fields[name]) for name in sorted(names, key=place) if name != "id")


class Address:
    """The list's own address with some of its query changed; paging starts again unless it is what changes."""

    def __init__(self, path: str, query: QueryDict) -> None:
        self.path, self.query = path, query

    def __call__(self, only: bool = False, **changes: str) -> str:
        query = QueryDict(mutable=True) if only else self.query.copy()
        for name in ("after", "before"):
            query.pop(name, None)
        for name, value in changes.items():
            query.pop(name, None)
            if value:
                query[name] = value
        return f"{self.path}?{query.urlencode()}" if query else self.path


def _column(field: Field, listed: Listing, address: Address, place: int) -> dict[str, Any]:
    is_sorted = field.name == listed.sorted_by
    turned = f"-{field.name}" if is_sorted and not listed.descending else field.name
    return {
        "label": field.label,
        "sort_url": address(sort=turned) if field.name in listed.sortable else "",
        "sorted": ("descending" if listed.descending else "ascending") if is_sorted else "",
        "number": field.type in NUMBERS,
        "minor": place >= MAIN_COLUMNS,
    }


def _chips(entity: Entity, listed: Listing, address: Address) -> list[dict[str, Any]]:
    """A chip for each column that can be filtered and for each filter in use; the other filters share one chip."""
    chosen = dict(listed.asked.filters)
    own, others = [], []
    for chip in filters.available(entity, listed.people):
        value = chosen.get(chip.name)
        options = [
            {"label": words, "url": address(False, **{chip.name: key}), "active": key == value, "count": ""}
            for key, words in chip.options
        ]
        if chip.name in entity.columns_shown or value:
            words = next((option["label"] for option in options if option["active"]), value or "")
            clear = address(False, **{chip.name: ""})
            own.append({"label": chip.label, "value": words, "clear_url": clear, "options": options})
        else:
            others += [option | {"label": f"{chip.label}: {option['label']}"} for option in options]
    return [*own, {"label": _("More"), "value": "", "clear_url": "", "options": others}] if others else own


def _summary(page: listing.Page, entity: Entity) -> str:
    shown, plural = len(page.items), entity.plural.lower()
    if page.count is None:
        return _("%(shown)s of more than 10,000 %(plural)s") % {"shown": shown, "plural": plural}
    if page.count == shown:
        return f"{formats.number_format(shown, force_grouping=True)} {entity.label.lower() if shown == 1 else plural}"
    return _("%(shown)s of %(count)s %(plural)s") % {
        "shown": shown,
        "count": formats.number_format(page.count, force_grouping=True),
        "plural": plural,
    }
