"""The pages of records, the same for every entity of the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django.views.decorators.vary import vary_on_headers

from crm import bulk_views, happened, listing, meanwhile, panels, protection, records, related, table, undo
from crm.answers import actor, back_to, is_htmx, known, reading_once, see_other
from crm.fields import is_id
from crm.forms import RecordForm
from crm.listing import plain
from crm.models import Change
from crm.present import Presenter
from crm.records import Item
from crm.registry import Entity, Field, People
from crm.selection import Selection
from tenants.access import refuse, require_role

LAST, LONG = 8, 50  # changes beside a record, and on a page of its history


def the_item(name: str, pk: UUID) -> Item:
    try:
        return records.get(name, pk)
    except records.Missing as error:
        raise Http404(f"{name} {pk}") from error


@require_role("viewer")
@vary_on_headers("HX-Request")
def record_list(request: HttpRequest, entity: str) -> HttpResponse:
    context = table.of(request, known(entity))
    return render(request, "crm/_results.html" if is_htmx(request) else "crm/list.html", context)


@require_role("viewer")
@vary_on_headers("HX-Request")
@reading_once
def detail(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    described = known(entity)
    try:
        item = records.get(entity, pk)
    except records.Missing:
        return _gone(request, described, pk)
    if is_htmx(request):  # a value was written
        return render(request, "crm/_changed.html", _record_history(request, described, item))
    people = People()
    show = Presenter.of(described, people, [item])
    marks = panels.marks(request, entity, pk)
    reason = protection.read_only(entity, [pk]).get(str(pk), "")
    context = {
        "entity": described,
        "item": item,
        "facts": [
            _fact(described, item, f, show.show(f, item.values[name]), marks.get(name))
            for name, f in table.in_order(described)
        ],
        "may_edit": request.membership.may("member") and not reason,
        "reason": reason,
        "panels": panels.render(request, entity, pk),
        "related": related.of(described, item.id, people),
        "list_query": plain(request.GET.get("list", ""))[:2000],
        "in_list": "list" in request.GET,
        "back_url": _list_url(entity, request.GET.get("list", "")),
    }
    return render(request, "crm/detail.html", context | _record_history(request, described, item))


def _record_history(request: HttpRequest, entity: Entity, item: Item) -> dict[str, Any]:
    now = item.values if request.membership.may("member") else None
    found = happened.history(entity.name, item.id, limit=LAST + 1, now=now)
    return {"entity": entity, "item": item, "history": found[:LAST], "has_more": len(found) > LAST}


def _fact(entity: Entity, item: Item, field: Field, shown: Any, mark: Any) -> dict[str, Any]:
    return {
        "field": field,
        "shown": shown,
        "mark": mark,
        "url": reverse("records:field", args=[entity.name, item.id, field.name]),
        "page_url": reverse("records:edit", args=[entity.name, item.id]),
        "is_fixed": field.read_only,
    }


def _list_url(entity: str, query: str) -> str:
    url = reverse("records:list", args=[entity])
    return f"{url}?{QueryDict(plain(query)[:2000]).urlencode()}" if query else url


def _gone(request: HttpRequest, entity: Entity, pk: UUID) -> HttpResponse:
    """Who deleted it and when, and the way to bring it back."""
    deletion = undo.deletion(entity.name, pk)
    if deletion is None:
        raise Http404(f"{entity.name} {pk}")
    context = {
        "entity": entity,
        "pk": pk,
        "title": (deletion.before or {}).get(entity.title) or _("This record"),
        "who": happened.who(deletion.actor),
        "origin": panels.origin_words([deletion.origin]).get(deletion.origin, ""),
        "at": deletion.at,
    }
    return render(request, "crm/deleted.html", context, status=404)


@require_role("member")
@require_POST
def bring_back(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    described, deletion = known(entity), undo.deletion(entity, pk)
    if deletion is None:
        the_item(entity, pk)
        messages.info(request, _("It is here again already."))
    else:
        done = undo.take_back(described, [deletion], actor(request))
        if done.ids:
            title = (deletion.before or {}).get(described.title) or _("This record")
            messages.success(request, _("%(title)s is back, with what it held.") % {"title": title})
        else:
            messages.info(request, done.left[0]["reason"])
    return see_other(reverse("records:detail", args=[entity, pk]))


@require_role("viewer")
def step(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    """To the record before or after this one in the list it was opened from; looked for only when somebody asks."""
    described, query = known(entity), plain(request.GET.get("list", ""))
    listed = listing.Listing(described, listing.Asked.of(QueryDict(query)))
    before, after = listed.neighbours(str(pk))
    is_back = request.GET.get("to") == "previous"
    there = before if is_back else after
    if not there:
        messages.info(
            request, _("This is the first one of the list.") if is_back else _("This is the last one of the list.")
        )
    return see_other(f"{reverse('records:detail', args=[entity, there or pk])}?{urlencode({'list': query})}")


@require_role("viewer")
@vary_on_headers("HX-Request")
@reading_once
def history(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    """All of it, of one field, or of one origin; page by page."""
    described = known(entity)
    field, origin = request.GET.get("field", ""), request.GET.get("origin")
    field = field if field in described.fields else ""
    before = int(at) if (at := request.GET.get("before", "")).isdecimal() and len(at) < 18 else None
    try:
        item: Item | None = records.get(entity, pk)
    except records.Missing:  # what was deleted keeps its history
        item = None
    now = item.values if item and request.membership.may("member") else None
    changes = happened.history(entity, pk, LONG + 1, before, field, origin, now)
    if not changes and item is None and before is None and not field and origin is None:
        raise Http404(f"{entity} {pk}")
    address = _address(request.path, field=field or None, origin=origin)
    context = {
        "entity": described,
        "item": item,
        "pk": pk,
        "history": changes[:LONG],
        "more_url": address(before=str(changes[LONG - 1]["id"])) if len(changes) > LONG else "",
        "filters": _history_filters(described, pk, field, origin, address),
    }
    return render(request, "crm/_history_more.html" if is_htmx(request) else "crm/history.html", context)


@require_role("member")
@require_POST
def undo_change(request: HttpRequest, entity: str, pk: UUID, change: int) -> HttpResponse:
    """One field of one change, where the value still is what the change wrote."""
    described, item = known(entity), the_item(entity, pk)
    field = described.fields.get(request.POST.get("field", ""))
    found = undo.changes(Change.objects.filter(pk=change, record_id=pk, entity=entity))
    if not found or field is None:
        raise Http404(str(change))
    done = undo.take_back(described, found, actor(request), {field.name})
    if done.ids:
        messages.success(request, _("%(field)s is as it was before.") % {"field": field.label})
    else:
        messages.warning(request, done.left[0]["reason"] + " " + _("Nothing was changed."))
    return see_other(back_to(request, reverse("records:detail", args=[entity, item.id])))


@require_role("viewer")
@reading_once
def field(request: HttpRequest, entity: str, pk: UUID, name: str) -> HttpResponse:
    """One value of a record where it stands: to read, to edit, saved. Without htmx, the edit page."""
    described, item = known(entity), the_item(entity, pk)
    if name not in described.fields:
        raise Http404(name)
    if not is_htmx(request):
        return see_other(reverse("records:edit", args=[entity, pk]))
    if "read" in request.GET:
        return _fact_again(request, described, item, name)
    if not request.membership.may("member"):
        return refuse(request, "member")
    if reason := protection.read_only(entity, [pk]).get(str(pk)):
        return HttpResponse(reason, status=403, content_type="text/plain; charset=utf-8")
    return _edit_field(request, described, item, name)


def _edit_field(request: HttpRequest, entity: Entity, item: Item, name: str) -> HttpResponse:
    people, version = People(), request.POST.get("version", item.version)
    seen = meanwhile.since(item, version, people)
    form = RecordForm(
        entity, people, seen.base, request.POST or None, request.tenant.currency, {name}, initial={"version": version}
    )
    context: dict[str, Any] = {"entity": entity, "item": item, "form": form, "field": entity.fields[name]}
    if request.POST and form.is_valid():
        mine = form.changed()
        theirs = seen.changes.get(name, (None, None))[1] if name in seen.changes else None
        if name in mine and name in seen.changes and theirs != mine[name]:
            show = Presenter(entity, people, [item.values])
            again = request.POST.copy()
            again["version"] = item.version
            form.data = again
            form.add_error(next(iter(form.names)), _clash(seen.by, show.text(entity.fields[name], theirs)))
            return render(request, "crm/_fact_form.html", context, status=409)
        # others may have changed other fields: that does not concern this one
        try:
            saved = _attempt(form, lambda: _update(request, entity, item, mine)) if mine else item
        except records.Moved as moved:  # since we looked, which may concern this one
            return _edit_field(request, entity, moved.item, name)
        if saved:
            answer = _fact_again(request, entity, saved, name)
            if mine:
                answer.headers["HX-Trigger"] = "record-changed"
            return answer
    return render(request, "crm/_fact_form.html", context, status=422 if form.errors else 200)


def _clash(by: str, theirs: str) -> str:
    if theirs:
        words = _("%(by)s changed it to “%(theirs)s” meanwhile. Save again to put yours in its place, or leave it.")
    else:
        words = _("%(by)s emptied it meanwhile. Save again to put yours in its place, or leave it.")
    return words % {"by": by, "theirs": theirs}


def _update(request: HttpRequest, entity: Entity, item: Item, values: dict[str, Any]) -> Item:
    return records.update(entity.name, item.id, values, actor(request), item.version)


def _fact_again(request: HttpRequest, entity: Entity, item: Item, name: str) -> HttpResponse:
    described = entity.fields[name]
    shown = Presenter.of(entity, People(), [item]).show(described, item.values[name])
    mark = panels.marks(request, entity.name, UUID(item.id)).get(name)
    context = {"fact": _fact(entity, item, described, shown, mark), "may_edit": request.membership.may("member")}
    context |= {"title": item.title if name == entity.title else ""}
    return render(request, "crm/_fact.html", context)


def _address(path: str, **base: str | None) -> Callable[..., str]:
    """The same page with some of its query changed; None takes a part out."""

    def address(**changes: str | None) -> str:
        query = {name: value for name, value in (base | changes).items() if value is not None}
        return f"{path}?{urlencode(query)}" if query else path

    return address


def _history_filters(
    entity: Entity, pk: UUID, field: str, origin: str | None, address: Callable[..., str]
) -> list[dict[str, Any]]:
    """Chips: which field, and from where."""
    fields = [(name, f.label) for name, f in table.in_order(entity) if not f.read_only]
    named = happened.origins(pk, entity.name)
    return [
        {
            "label": _("Field"),
            "value": next((label for name, label in fields if name == field), ""),
            "clear_url": address(field=None),
            "options": [
                {"label": label, "url": address(field=name), "active": name == field} for name, label in fields
            ],
        },
        {
            "label": _("From where"),
            "value": next((words for key, words in named if key == origin), origin or ""),
            "clear_url": address(origin=None),
            "options": [{"label": words, "url": address(origin=key), "active": key == origin} for key, words in named],
        },
    ]


def _given(entity: Entity, request: HttpRequest) -> dict[str, Any]:
    """The records that the link to the empty form has chosen: "Add deal" on a company's page."""
    chosen = {name: request.GET.get(name, "") for name, one in entity.fields.items() if one.target}
    return {name: [pk] for name, pk in chosen.items() if is_id(pk)} if request.method == "GET" else {}


@require_role("member")
def create(request: HttpRequest, entity: str) -> HttpResponse:
    described = known(entity)
    form = RecordForm(described, People(), _given(described, request), request.POST or None, request.tenant.currency)
    if "_find" in request.POST:
        return _searched(request, form, {"entity": described, "form": form})
    if form.is_valid():
        item = _attempt(form, lambda: records.create(entity, form.changed(), actor(request)))
        if item:
            messages.success(request, _("%(title)s is added.") % {"title": item.title})
            return see_other(reverse("records:detail", args=[entity, item.id]))
    return _form_page(request, {"entity": described, "form": form})


@require_role("member")
@reading_once
def edit(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    described, item, people = known(entity), the_item(entity, pk), People()
    context: dict[str, Any] = {"entity": described, "item": item}
    if reason := protection.read_only(entity, [pk]).get(str(pk)):
        return render(request, "crm/read_only.html", context | {"reason": reason}, status=403 if request.POST else 200)
    version = request.POST.get("version", item.version)
    seen = meanwhile.since(item, version, people)
    form = RecordForm(
        described, people, seen.base, request.POST or None, request.tenant.currency, initial={"version": item.version}
    )
    if "_find" in request.POST:
        return _searched(request, form, context | {"form": form})
    if form.is_valid():
        changed = form.changed()
        try:
            saved = _attempt(form, lambda: records.update(entity, pk, changed, actor(request), version))
        except records.Moved as error:
            return _moved(request, described, people, error.item, changed, version)
        if saved:
            messages.success(request, _("%(title)s is saved.") % {"title": saved.title})
            return see_other(reverse("records:detail", args=[entity, pk]))
    return _form_page(request, context | {"form": form})


def _moved(
    request: HttpRequest, entity: Entity, people: People, now: Item, mine: dict[str, Any], version: str
) -> HttpResponse:
    """The form again, on top of what others wrote: theirs where this person changed nothing, and both values told."""
    seen = meanwhile.since(now, version, people)
    clashes = [{name: value} for name, value in mine.items()]
    show = Presenter(entity, people, [seen.base, now.values, *clashes])
    form = RecordForm(
        entity, people, now.values | mine, None, request.tenant.currency, initial={"version": now.version}
    )
    context = {
        "entity": entity,
        "item": now,
        "form": form,
        "meanwhile": meanwhile.described(seen, mine, show.text, entity),
        "by": seen.by,
    }
    return _form_page(request, context, status=409)


@require_role("member", gettext_lazy("delete records"))
@reading_once
def delete(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    item = the_item(entity, pk)
    back = reverse("records:detail", args=[entity, pk])
    return bulk_views.delete(request, Selection(known(entity), (item.id,)), back)


@require_role("viewer")
@reading_once
def pick(request: HttpRequest, entity: str) -> HttpResponse:
    """What a relation's search finds; keeps what is chosen."""
    described, name = known(entity), request.GET.get("as", "")
    chosen = [pk for pk in request.GET.getlist(name) if is_id(pk)]
    q = listing.plain(request.GET.get("q", ""))
    context = {
        "name": name,
        "many": request.GET.get("many") == "1",
        "chosen": list(listing.titles({entity: chosen})[entity].items()),
        "found": [(pk, title) for pk, title in listing.search(described, q) if pk not in chosen],
        "q": q,
    }
    return render(request, "crm/_picker_list.html", context)


def _searched(request: HttpRequest, form: RecordForm, context: dict[str, Any]) -> HttpResponse:
    name = request.POST["_find"]
    if name not in form.names:
        raise Http404(name)
    described, q = form.entity.fields[form.names[name]], request.POST.get(f"{name}_q", "")
    form.find(name, listing.search(known(described.target), q), q)
    form.errors.clear()
    return _form_page(request, context)


def _attempt(form: RecordForm, write: Callable[[], Item]) -> Item | None:
    """The service's answer, or None with what it refused on the form."""
    try:
        return write()
    except records.Invalid as error:
        form.add_errors(error.errors)
    except records.ReadOnly as error:
        form.add_error(None, str(error))
    except records.Missing as error:
        raise Http404 from error
    return None


def _form_page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """With where its value comes from beside each field of a record that is here already."""
    entity, form, item = context["entity"], context["form"], context.get("item")
    marks = panels.marks(request, entity.name, UUID(item.id)) if item else {}
    inputs = [(field, shape, marks.get(form.names[field.name])) for field, shape in form.shown()]
    return render(request, "crm/form.html", context | {"inputs": inputs}, status=422 if form.errors else status)
