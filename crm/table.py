"""A list of records as the page draws it: columns with their sort links, chips, cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.forms.utils import flatatt
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _

from crm import arrangement, filters, listing, places
from crm.arrangement import Arrangement
from crm.cells import row
from crm.fields import is_id
from crm.listing import Asked, Listing, plain
from crm.present import Presenter, addresses
from crm.registry import Entity, Field, People
from values import Type

MAIN_COLUMNS = 4  # the others leave first when there is little room
NUMBERS = {Type.INTEGER, Type.DECIMAL, Type.MONEY}


def of(request: HttpRequest, entity: Entity) -> dict[str, Any]:
    """Everything that `crm/list.html` and `crm/_results.html` show."""
    arranged = arrangement.of(request, entity, People())
    paging = {name: plain(request.GET.get(name, "")) for name in ("after", "before")}
    asked = replace(Asked.of(QueryDict(arranged.query)), me=arranged.me, after=paging["after"], before=paging["before"])
    listed = Listing(entity, asked, people=arranged.people)
    page = listed.page()
    shown = [entity.fields[name] for name in arranged.columns]
    show = Presenter.of(entity, listed.people, page.items)
    attributes = {f.name: _attributes(f, place) for place, f in enumerate(shown)}
    select = _("Select %(label)s")
    bulk_doors = places.bulk(request, entity.name)
    may_choose = request.membership.may("member") or bulk_doors
    bulk_url = reverse("records:change_chosen", args=[entity.name]) if may_choose else ""
    chips = _chips(entity, listed, arranged)
    match = arranged.match
    told = QueryDict(match, mutable=True)
    told.pop("columns", None)
    is_narrowed = bool(asked.q or asked.filters)
    address = addresses(entity.name)
    list_query = f"?{urlencode({'list': told.urlencode()})}" if told else ""
    return {
        "entity": entity,
        "asked": asked,
        "arranged": arranged,
        "tabs": _tabs(arranged),
        "columns": [_column(field, listed, arranged, place) for place, field in enumerate(shown)],
        "rows": [
            {
                "title": item.title,
                "url": (url := address(item.id) + list_query),
                "html": row(
                    item.title,
                    url,
                    ((attributes[f.name], show.show(f, item.values[f.name])) for f in shown[1:]),
                    (item.id, select % {"label": item.title}) if bulk_url else None,
                ),
            }
            for item in page.items
        ],
        "filters": chips,
        "clear_url": arranged.address({"q": asked.q, "sort": asked.sort}, only=True)
        if any(chip["value"] for chip in chips)
        else "",
        "all_url": arranged.address({"sort": asked.sort}, only=True),
        "is_narrowed": is_narrowed,
        "hidden": _hidden(arranged),
        "previous_url": _paged(arranged, before=page.previous) if page.previous else "",
        "next_url": _paged(arranged, after=page.next) if page.next else "",
        "summary": _summary(page, entity, listed),
        "total": _number(page.count) if page.count is not None else f"{_number(listed.most)}+",
        "is_more": page.count is None or page.count > len(page.items),
        "path": request.path,
        "match": match,
        "link": request.build_absolute_uri(f"{request.path}?{match or 'view=all'}"),
        "list_url": arranged.address(),
        "columns_text": ",".join(arranged.columns),
        "as_it_comes": list(arranged.columns) == list(entity.columns_shown),
        "make_url": f"{reverse('records:view_make', args=[entity.name])}?"
        + urlencode({"query": arranged.query, "columns": ",".join(arranged.columns)}),
        "columns_url": f"{reverse('records:columns', args=[entity.name])}?"
        + urlencode({"columns": ",".join(arranged.columns), "back": arranged.address()}),
        "may_change_view": arranged.view is not None and arranged.keeper.may_change(arranged.view),
        "is_first": arranged.view is not None and arranged.memory.first_id == arranged.view.pk,
        "head_doors": places.head(request, entity.name, match, is_empty=not (page.items or is_narrowed)),
        "bulk_doors": bulk_doors,
        "bulk_url": bulk_url,
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


def _paged(arranged: Arrangement, **place: str) -> str:
    address = arranged.address()
    return f"{address}&{urlencode(place)}"


def _attributes(field: Field, place: int) -> str:
    """Of each cell of a column, as HTML."""
    classes = [name for name, is_so in (("number", field.type in NUMBERS), ("minor", place >= MAIN_COLUMNS)) if is_so]
    return flatatt(({"class": " ".join(classes)} if classes else {}) | {"data-label": field.label})


def _hidden(arranged: Arrangement) -> list[tuple[str, str]]:
    """What the search keeps of the list."""
    query = QueryDict(arranged.address().partition("?")[2])
    return [(name, str(value)) for name, value in query.items() if name != "q"]


def _tabs(arranged: Arrangement) -> list[dict[str, Any]]:
    everything = {
        "label": _("All"),
        "url": f"{arranged.path}?view={arrangement.ALL}",
        "active": arranged.view is None,
        "note": "",
    }
    return [
        everything,
        *(
            {
                "label": view.name,
                "url": f"{arranged.path}?view={view.pk}",
                "active": arranged.view is not None and view.pk == arranged.view.pk,
                "note": _("shared by %(who)s") % {"who": view.made_by} if view.is_shared else _("only you see it"),
                "shared": view.is_shared,
                "first": view.pk == arranged.memory.first_id,
            }
            for view in arranged.views
        ),
    ]


def column_choices(entity: Entity, chosen: list[str], order: list[str]) -> list[dict[str, Any]]:
    """All fields that a column can show: in the given order, or the chosen ones first."""
    every = dict.fromkeys([*order, *chosen, *(name for name, _field in in_order(entity))])
    return [
        {"name": name, "label": entity.fields[name].label, "on": name in chosen, "fixed": name == entity.title}
        for name in every
    ]


def _column(field: Field, listed: Listing, arranged: Arrangement, place: int) -> dict[str, Any]:
    is_sorted = field.name == listed.sorted_by
    turned = f"-{field.name}" if is_sorted and not listed.descending else field.name
    return {
        "label": field.label,
        "sort_url": arranged.address({"sort": turned}) if field.name in listed.sortable else "",
        "sorted": ("descending" if listed.descending else "ascending") if is_sorted else "",
        "number": field.type in NUMBERS,
        "minor": place >= MAIN_COLUMNS,
    }


def _chips(entity: Entity, listed: Listing, arranged: Arrangement) -> list[dict[str, Any]]:
    """A chip for each column that can be filtered and for each filter in use; the other filters share one chip."""
    chosen = dict(listed.asked.filters)
    own, others = [], []
    titles = _filter_titles(entity, chosen)
    for chip in filters.available(entity, listed.people, arranged.me):
        value = chosen.get(chip.name)
        options = [
            {"label": words, "url": arranged.address({chip.name: key}), "active": key == value}
            for key, words in chip.options
        ]
        if chip.name in arranged.columns or value:
            words = next(
                (option["label"] for option in options if option["active"]), titles.get(value or "", value or "")
            )
            clear = arranged.address({chip.name: ""})
            own.append({"label": chip.label, "value": words, "clear_url": clear, "options": options})
        else:
            both = _("%(label)s: %(text)s")
            others += [option | {"label": both % {"label": chip.label, "text": option["label"]}} for option in options]
    own += [
        _contains(entity, arranged, name, value) for name, value in chosen.items() if filters.contained(entity, name)
    ]
    own.append(_contains(entity, arranged))
    return [*own, {"label": _("More"), "value": "", "clear_url": "", "options": others}] if others else own


def _contains(entity: Entity, arranged: Arrangement, name: str = "", text: str = "") -> dict[str, Any]:
    """A chip with a form: of the filter `name` that is in use, or of a new one."""
    field = filters.contained(entity, name)
    kept = arranged.address({name: ""}) if field else arranged.address()
    form = {"path": arranged.path, "hidden": list(QueryDict(kept.partition("?")[2]).items()), "text": text}
    form["fields"] = [] if field else [(one.name, one.label) for one in filters.texts(entity)]
    return {
        "label": _("%(label)s contains") % {"label": field.label} if field else _("Contains"),
        "value": text,
        "clear_url": kept if field else "",
        "options": [],
        "part": "crm/_contains.html",
        "form": form | {"chosen": field.name if field else ""},
    }


def _filter_titles(entity: Entity, chosen: dict[str, str]) -> dict[str, str]:
    """{id: title} of the records that the list is narrowed to, as in "Company: Nord"."""
    wanted: dict[str, set[str]] = {}
    for name, value in chosen.items():
        described = entity.fields.get(name)
        if described and described.target and is_id(value):
            wanted.setdefault(described.target, set()).add(value)
    return {pk: title for found in listing.titles(wanted).values() for pk, title in found.items()}


def _summary(page: listing.Page, entity: Entity, listed: Listing) -> str:
    shown, plural = len(page.items), entity.plural.lower()
    if page.count is None:
        about = 0 if listed.is_sought else rounded(listed.about)  # how much it matches is badly guessed
        if about <= listed.most:  # the statistics say otherwise than what was counted: no number is better
            return _("%(shown)s of more than %(count)s %(plural)s") % {
                "shown": shown,
                "count": _number(listed.most),
                "plural": plural,
            }
        return _("%(shown)s of about %(count)s %(plural)s") % {
            "shown": shown,
            "count": _number(about),
            "plural": plural,
        }
    if page.count == shown:
        return f"{_number(shown)} {entity.label.lower() if shown == 1 else plural}"
    return _("%(shown)s of %(count)s %(plural)s") % {"shown": shown, "count": _number(page.count), "plural": plural}


def rounded(count: int) -> int:
    """To two or three figures: an estimate shall not look like a count."""
    size = 10 ** max(0, len(str(count)) - 3)
    return round(count / size) * size


def _number(count: int) -> str:
    return formats.number_format(count, force_grouping=True)
