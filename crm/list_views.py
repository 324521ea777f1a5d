"""Saved views and columns of a list: making, changing and deleting them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django.views.decorators.vary import vary_on_headers

from crm import arrangement, saved_views, table
from crm.answers import back_to, go, in_dialog, known, see_other
from crm.models import SavedView
from crm.records import Invalid, Missing
from crm.saved_views import NotYours
from tenants.access import require_role


class ViewForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=saved_views.NAME)
    is_shared = forms.BooleanField(
        label=gettext_lazy("Everybody in the organisation sees it"),
        required=False,
        help_text=gettext_lazy("Otherwise only you do."),
    )

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_share:
            del self.fields["is_shared"]


@require_role("viewer")
@vary_on_headers("HX-Request")
def make(request: HttpRequest, entity: str) -> HttpResponse:
    """The list as the person has it now, under a name."""
    described, keeper = known(entity), arrangement.keeper_of(request)
    form = ViewForm(request.POST or None, may_share=keeper.may_share)
    sent = request.POST if request.method == "POST" else request.GET
    query, columns = sent.get("query", ""), sent.get("columns", "")
    if form.is_valid():
        data = form.cleaned_data
        try:
            view = saved_views.make(
                described, keeper, data["name"], query, columns.split(","), data.get("is_shared", False)
            )
        except Invalid as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The view “%(name)s” is kept.") % {"name": view.name})
            return go(request, address(entity, view))
    context = {"entity": described, "title": _("Keep this list as a view"), "form": form, "query": query}
    context |= {"columns": columns, "back": reverse("records:list", args=[entity]), "button": _("Keep the view")}
    return in_dialog(request, "_view_form", context, 422 if form.errors else 200)


@require_role("viewer")
@vary_on_headers("HX-Request")
def edit(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """Its name, and who sees it."""
    described, keeper, view = known(entity), arrangement.keeper_of(request), _view(request, entity, pk)
    initial = {"name": view.name, "is_shared": view.is_shared}
    form = ViewForm(request.POST or None, initial=initial, may_share=keeper.may_share or view.is_shared)
    if form.is_valid():
        data = form.cleaned_data
        try:
            saved_views.change(described, view, keeper, data["name"], is_shared=data.get("is_shared"))
        except Missing as error:  # since it was read
            raise Http404(str(pk)) from error
        except (Invalid, NotYours) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
            return go(request, address(entity, view))
    context = {"entity": described, "title": _("Rename or share the view"), "form": form, "button": _("Save")}
    context |= {"back": address(entity, view)}
    return in_dialog(request, "_view_form", context, 422 if form.errors else 200)


@require_role("viewer")
@require_POST
def save(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """Its search, filters, sort and columns, as they are now."""
    described, keeper, view = known(entity), arrangement.keeper_of(request), _view(request, entity, pk)
    try:
        columns = request.POST.get("columns", "").split(",")
        saved_views.change(described, view, keeper, query=request.POST.get("query", ""), columns=columns)
        messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
    except Missing as error:
        raise Http404(str(pk)) from error
    except NotYours as error:
        messages.error(request, str(error))
    return see_other(address(entity, view))


@require_role("viewer")
@require_POST
def open_first(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """Show this view when the list is opened; a second time, the last one again."""
    view = _view(request, entity, pk)
    memory = saved_views.memory(entity, request.membership.user_id)
    is_first = memory.first_id == view.pk
    saved_views.remember(memory, first_id=None if is_first else view.pk)
    words = _("The list opens with the view you used last.") if is_first else _("The list opens with “%(name)s” now.")
    messages.success(request, words % {"name": view.name})
    return see_other(address(entity, view))


@require_role("viewer")
@vary_on_headers("HX-Request")
def delete(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    described, keeper, view = known(entity), arrangement.keeper_of(request), _view(request, entity, pk)
    context = {"entity": described, "title": _("Delete the view “%(name)s”?") % {"name": view.name}, "view": view}
    context |= {"back": address(entity, view)}
    if request.method == "POST":
        try:
            saved_views.remove(view, keeper)
        except NotYours as error:
            return in_dialog(request, "_view_delete", context | {"refused": str(error)}, 403)
        messages.success(request, _("The view “%(name)s” is deleted. Its records are untouched.") % {"name": view.name})
        return go(request, f"{reverse('records:list', args=[entity])}?view={arrangement.ALL}")
    return in_dialog(request, "_view_delete", context)


@require_role("viewer")
@vary_on_headers("HX-Request")
def columns(request: HttpRequest, entity: str) -> HttpResponse:
    """Which columns, in which order: ticked and moved; each move without JavaScript is a round of its own."""
    described = known(entity)
    sent = request.POST if request.method == "POST" else request.GET
    chosen = sent.getlist("column") or sent.get("columns", "").split(",")
    named = saved_views.known(described, chosen) or list(described.columns_shown)
    order = [name for name in sent.getlist("order") if name in described.fields]
    back = back_to(request, reverse("records:list", args=[entity]))
    if request.method == "POST" and "up" not in request.POST and "down" not in request.POST:
        path, _mark, query = back.partition("?")
        changed = QueryDict(query, mutable=True)
        changed["columns"] = ",".join(named)
        return go(request, f"{path}?{changed.urlencode(safe=',')}")
    if order:
        order = _moved(order, sent.get("up", ""), sent.get("down", ""))
    context = {
        "entity": described,
        "title": _("Columns"),
        "choices": table.column_choices(described, named, order),
        "back": back,
        "usual": ",".join(described.columns_shown),
    }
    return in_dialog(request, "_columns", context)


def _moved(order: list[str], up: str, down: str) -> list[str]:
    for name, step in ((up, -1), (down, 1)):
        if name in order:
            at = order.index(name)
            to = min(max(at + step, 1), len(order) - 1)  # the title stays first
            order.insert(to, order.pop(at))
    return order


def address(entity: str, view: SavedView) -> str:
    return f"{reverse('records:list', args=[entity])}?view={view.pk}"


def _view(request: HttpRequest, entity: str, pk: int) -> SavedView:
    known(entity)
    try:
        return saved_views.find(entity, pk, arrangement.keeper_of(request))
    except Missing as error:
        raise Http404(str(pk)) from error
