"""The pages of records, the same for every entity of the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from django.views.decorators.vary import vary_on_headers

from crm import happened, listing, meanwhile, panels, protection, records, table
from crm.feed import Actor
from crm.forms import RecordForm
from crm.present import Presenter
from crm.records import Item
from crm.registry import Entity, People
from tenants.access import require_role

FOUND = 8  # records that a picker offers at once


def actor(request: HttpRequest) -> Actor:
    return Actor("user", str(request.user.pk), str(request.user))


def known(name: str) -> Entity:
    try:
        return records.describe(name)
    except records.Missing as error:
        raise Http404(name) from error


def the_item(name: str, pk: UUID) -> Item:
    try:
        return records.get(name, pk)
    except records.Missing as error:
        raise Http404(f"{name} {pk}") from error


@require_role("viewer")
@vary_on_headers("HX-Request")
def record_list(request: HttpRequest, entity: str) -> HttpResponse:
    context = table.of(known(entity), request.GET, request.path)
    return render(request, "crm/_results.html" if request.headers.get("HX-Request") else "crm/list.html", context)


@require_role("viewer")
def detail(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    described, item, people = known(entity), the_item(entity, pk), People()
    show = Presenter.of(described, people, [item])
    marks = panels.marks(request, entity, pk)
    context = {
        "entity": described,
        "item": item,
        "facts": [
            (f, show.show(f, item.values[name]), marks.get(name))
            for name, f in table.in_order(described)
            if name != described.title or name in marks
        ],
        "reason": protection.read_only(entity, [pk]).get(str(pk), ""),
        "panels": panels.render(request, entity, pk),
        "history": happened.history(entity, pk, limit=8),
    }
    return render(request, "crm/detail.html", context)


@require_role("viewer")
def history(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    described, changes = known(entity), happened.history(entity, pk, limit=200)
    if not changes:
        raise Http404(f"{entity} {pk}")
    try:
        item: Item | None = records.get(entity, pk)
    except records.Missing:  # what was deleted keeps its history
        item = None
    return render(request, "crm/history.html", {"entity": described, "item": item, "pk": pk, "history": changes})


@require_role("member")
def create(request: HttpRequest, entity: str) -> HttpResponse:
    described = known(entity)
    form = RecordForm(described, People(), {}, request.POST or None, request.tenant.currency)
    if "_find" in request.POST:
        return _searched(request, form, {"entity": described, "form": form})
    if form.is_valid():
        item = _attempt(form, lambda: records.create(entity, form.changed(), actor(request)))
        if item:
            messages.success(request, _("%(title)s is added.") % {"title": item.title})
            return see_other(reverse("records:detail", args=[entity, item.id]))
    return _form_page(request, {"entity": described, "form": form})


@require_role("member")
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
    return render(request, "crm/form.html", context, status=409)


@require_role("member", gettext_lazy("delete records"))
def delete(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    item = the_item(entity, pk)
    return _delete(request, known(entity), [item.id], [item.title], reverse("records:detail", args=[entity, pk]))


@require_role("member", gettext_lazy("delete records"))
@require_POST
def delete_chosen(request: HttpRequest, entity: str) -> HttpResponse:
    described = known(entity)
    ids = [pk for pk in request.POST.getlist("ids") if _is_id(pk)][:1000]
    titles = listing.titles({entity: ids})[entity]
    back = reverse("records:list", args=[entity])
    if not titles:
        return see_other(back)
    return _delete(request, described, list(titles), list(titles.values()), back)


def _delete(request: HttpRequest, entity: Entity, ids: list[str], titles: list[str], back: str) -> HttpResponse:
    reasons = protection.read_only(entity.name, [UUID(pk) for pk in ids])
    if request.POST.get("confirm") and not reasons:
        gone = records.delete(entity.name, ids, actor(request))
        messages.success(
            request, ngettext("%(n)s record is deleted.", "%(n)s records are deleted.", gone) % {"n": gone}
        )
        return see_other(reverse("records:list", args=[entity.name]))
    context = {
        "entity": entity,
        "ids": ids,
        "titles": titles[:12],
        "more": max(0, len(titles) - 12),
        "count": len(ids),
        "back": back,
        "reasons": sorted(set(reasons.values())),
        "kept": len(reasons),
    }
    return render(request, "crm/delete.html", context, status=409 if reasons and request.POST.get("confirm") else 200)


@require_role("viewer")
def pick(request: HttpRequest, entity: str) -> HttpResponse:
    """What a relation's search finds; keeps what is chosen."""
    name = request.GET.get("as", "")
    chosen = [pk for pk in request.GET.getlist(name) if _is_id(pk)]
    q = listing.plain(request.GET.get("q", ""))
    context = {
        "name": name,
        "many": request.GET.get("many") == "1",
        "chosen": list(listing.titles({entity: chosen})[known(entity).name].items()),
        "found": [(pk, title) for pk, title in _search(known(entity), q) if pk not in chosen],
        "q": q,
    }
    return render(request, "crm/_picker_list.html", context)


def _search(entity: Entity, q: str) -> list[tuple[str, str]]:
    page = listing.Listing(entity, listing.Asked(q=q), size=FOUND).page()
    return [(item.id, item.title) for item in page.items]


def _searched(request: HttpRequest, form: RecordForm, context: dict[str, Any]) -> HttpResponse:
    name = request.POST["_find"]
    if name not in form.names:
        raise Http404(name)
    described, q = form.entity.fields[form.names[name]], request.POST.get(f"{name}_q", "")
    form.find(name, _search(known(described.target), q), q)
    form.errors.clear()
    return render(request, "crm/form.html", context)


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


def _form_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return render(request, "crm/form.html", context, status=422 if context["form"].errors else 200)


def see_other(path: str) -> HttpResponse:
    return HttpResponseRedirect(path, status=303)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
