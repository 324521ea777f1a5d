"""The page of the practice tool, on the tenant's host: a table that a person edits cell by cell, and switches for faults.

Members edit rows; what changes how the tool behaves (switches, columns, putting back) is for admins, as connections are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django.views.decorators.vary import vary_on_headers

from practice import faults, guide, hand, shown, world
from practice.cells import Unacceptable
from practice.models import Row, Table, Workspace
from tenants.access import require_role
from values import Type


@require_role("viewer")
def home(request: HttpRequest) -> HttpResponse:
    """The workspace of the newest connection; without any, the way to the first."""
    workspace = Workspace.objects.order_by("integration_id", "-made_at").first()
    return redirect("practice:workspace", workspace.pk) if workspace else _page(request, "empty", {})


@require_role("viewer")
def workspace(request: HttpRequest, workspace: UUID) -> HttpResponse:
    found = get_object_or_404(Workspace, pk=workspace)
    table = found.tables.first()
    if table is None:
        raise Http404("no table")
    return redirect("practice:table", workspace, table.slug)


@require_role("viewer")
@vary_on_headers("HX-Request")
def table(request: HttpRequest, workspace: UUID, table: str) -> HttpResponse:
    found = _table(workspace, table)
    context = {"grid": shown.grid(found, _number(request.GET.get("rows"), shown.PAGE)), "table": found}
    if request.headers.get("HX-Request"):
        return _partial(request, "_grid", context)
    types = [(kind.value, label) for kind, label in TYPES]
    more = {
        "workspace": found.workspace,
        "others": Workspace.objects.exclude(pk=workspace),
        "tabs": shown.tabs(found.workspace, found),
        "types": types,
    }
    return _page(request, "table", context | more | _side(found))


@require_role("viewer")
def live(request: HttpRequest, workspace: UUID, table: str) -> HttpResponse:
    """Asked every few seconds: what happened, and whether the table has to be drawn anew."""
    found = _table(workspace, table)
    side = _side(found)
    before = request.GET.get("seen", "")
    if before == side["seen"]:
        return HttpResponse(status=204)
    response = _partial(request, "_news", {"workspace": found.workspace, "table": found} | side)
    if before.partition(".")[0] != str(found.last):
        response.headers["HX-Trigger"] = "practice-changed"
    return response


# --- rows -------------------------------------------------------------------------------------------------------------


@require_role("member")
@vary_on_headers("HX-Request")
def cell(request: HttpRequest, workspace: UUID, table: str, row: str, field: str) -> HttpResponse:
    """The editor of one cell, in its place or as a page; a POST keeps what was entered."""
    found = _table(workspace, table)
    line = get_object_or_404(Row, table=found, ident=row, is_gone=False)
    column = found.field(field)
    if column is None:
        raise Http404("no such column")
    error, entered = "", None
    if request.method == "POST":
        entered = request.POST.getlist("value") if "several" in request.POST else request.POST.get("value", "")
        try:
            line = hand.change_cell(found, line, column, entered, str(request.user))
            return _row(request, found, line)
        except Unacceptable as refused:
            error = str(refused)
        except world.Stale as stale:
            raise Http404("deleted meanwhile") from stale
    elif "cancel" in request.GET:
        return _row(request, found, line)
    editor = shown.editing(found, line, column) | {"error": error}
    if error and isinstance(entered, str):
        editor["value"] = entered
    context = {"editor": editor, "table": found, "title": line.values.get(found.title)}
    status = 422 if error else 200
    if request.headers.get("HX-Request"):
        return _partial(request, "_editor", context, status)
    return _page(request, "cell", context | {"back": shown.table_url(found)}, status)


@require_role("member")
@require_POST
def add_row(request: HttpRequest, workspace: UUID, table: str) -> HttpResponse:
    found = _table(workspace, table)
    return _done(request, found, lambda: hand.add_row(found, str(request.user)))


@require_role("member")
@require_POST
def delete_row(request: HttpRequest, workspace: UUID, table: str, row: str) -> HttpResponse:
    found = _table(workspace, table)
    get_object_or_404(Row, table=found, ident=row)
    return _done(request, found, lambda: hand.delete_row(found, row, str(request.user)))


# --- columns, switches ------------------------------------------------------------------------------------------------


@require_role("admin")
@require_POST
def column(request: HttpRequest, workspace: UUID, table: str) -> HttpResponse:
    """Add one, or rename or remove the one that is named."""
    found, by = _table(workspace, table), str(request.user)
    name = request.POST.get("name", "").strip()
    field = found.field(request.POST.get("field", ""))
    do = request.POST.get("do", "")
    if do == "add" and name:
        kind = request.POST.get("type", "")
        if kind not in dict(TYPES):
            raise Http404("no such type")
        return _done(request, found, lambda: hand.add_column(found, name, kind, by))
    if field is None:
        raise Http404("no such column")
    if do == "remove" and field["id"] != found.title:
        return _done(request, found, lambda: hand.remove_column(found, field, by))
    if do == "rename" and name:
        return _done(request, found, lambda: hand.rename_column(found, field, name, by))
    return _see_other(shown.table_url(found))


@require_role("admin")
@require_POST
def switch(request: HttpRequest, workspace: UUID, table: str) -> HttpResponse:
    """One switch over, or all of them off."""
    found, by = _table(workspace, table), str(request.user)
    name = request.POST.get("switch", "")
    try:
        if name:
            faults.turn(found.workspace, name, name not in found.workspace.faults, by)
        else:
            faults.behave(found.workspace, by)
    except KeyError as error:
        raise Http404("no such switch") from error
    if request.headers.get("HX-Request"):
        found = _table(workspace, table)
        return _partial(request, "_news", {"workspace": found.workspace, "table": found} | _side(found))
    return _see_other(shown.table_url(found) + "#switches")


@require_role("admin")
@require_POST
def reset(request: HttpRequest, workspace: UUID, table: str) -> HttpResponse:
    found = _table(workspace, table)
    world.reset(found.workspace, str(request.user))
    messages.success(request, _("The first rows and columns are back."))
    return _see_other(shown.table_url(found))


# --- how these answer -------------------------------------------------------------------------------------------------

TYPES = [
    (Type.TEXT, gettext_lazy("Text")),
    (Type.LONG_TEXT, gettext_lazy("Long text")),
    (Type.DECIMAL, gettext_lazy("Number")),
    (Type.BOOLEAN, gettext_lazy("Yes or no")),
    (Type.DATE, gettext_lazy("Date")),
    (Type.EMAIL, gettext_lazy("E-mail")),
    (Type.URL, gettext_lazy("Link")),
]


def _table(workspace: UUID, slug: str) -> Table:
    return get_object_or_404(Table.objects.select_related("workspace"), workspace=workspace, slug=slug)


def _side(table: Table) -> dict[str, Any]:
    """seen: what of all this the page shows; the same, there is no news."""
    told, events = guide.guide(table.workspace), shown.events(table.workspace)
    newest = events[0]["id"] if events else 0
    return {
        "guide": told,
        "switches": shown.switches(table.workspace),
        "is_faulty": bool(table.workspace.faults),
        "events": events,
        "seen": f"{table.last}.{newest}.{told.fingerprint}",
    }


def _row(request: HttpRequest, table: Table, row: Row) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return _partial(request, "_row", {"row": shown.row_shown(table, row, shown.titles_of(table)), "table": table})
    return _see_other(shown.table_url(table))


def _done(request: HttpRequest, table: Table, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except world.Full:
        words = _("The practice table is full. Delete something first.")
        if request.headers.get("HX-Request"):
            toast = {"toast": {"level": "error", "text": words}}
            return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(toast)})
        messages.error(request, words)
    if request.headers.get("HX-Request"):
        found = Table.objects.select_related("workspace").get(pk=table.pk)
        return _partial(request, "_grid", {"grid": shown.grid(found), "table": found})
    return _see_other(shown.table_url(table))


def _see_other(url: str) -> HttpResponseRedirect:
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def _known(request: HttpRequest) -> dict[str, Any]:
    return {"may_write": request.membership.may("member"), "may_manage": request.membership.may("admin")}


def _page(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"practice/{name}.html", _known(request) | context, status=status)


def _partial(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Without the frame, so that its queries are not asked."""
    known = _known(request) | {"csrf_token": get_token(request)}
    return HttpResponse(render_to_string(f"practice/{name}.html", known | context), status=status)


def _number(text: str | None, least: int) -> int:
    return min(max(int(text), least), world.MOST_ROWS) if text and text.isdecimal() and len(text) < 6 else least
