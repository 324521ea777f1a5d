"""Many records at once: what to do with the chosen ones, how far it is, and undoing it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.views.decorators.http import require_POST
from django.views.decorators.vary import vary_on_headers

from crm import bulk_actions, field_work, listing
from crm.answers import actor, back_to, go, in_dialog, is_htmx, known, tell
from crm.forms import RecordForm
from crm.models import BulkAction
from crm.present import Presenter
from crm.records import Invalid, Missing
from crm.registry import Entity, Field, People
from crm.selection import Selection
from tenants.access import require_role
from values import Type

NAMED = 8  # of the records chosen, in the preview
State = BulkAction.State


@require_role("member")
@require_POST
@vary_on_headers("HX-Request")
def change(request: HttpRequest, entity: str) -> HttpResponse:
    """One field of the chosen records: first which, then the value with what it would change, then it is done."""
    described = known(entity)
    selection = Selection.of(described, request.POST)
    back = back_to(request, reverse("records:list", args=[entity]))
    if not selection.count:
        messages.info(request, _("Choose records in the list first."))
        return go(request, back)
    fields = {field.name: field for field in bulk_actions.settable(described)}
    field = fields.get(request.POST.get("field", ""))
    # the input must be that of the field: without JavaScript one may choose another and press the wrong button
    is_sent = field is not None and "apply" in request.POST and request.POST.get("shown") == field.name
    form = _value_form(request, described, field, request.POST if is_sent else None) if field else None
    if form is not None and "_find" in request.POST:
        name = request.POST["_find"]
        if name not in form.names or not field.target:  # type: ignore[union-attr]
            raise Http404(name)
        form = _value_form(request, described, field, request.POST)
        form.find(name, listing.search(known(field.target), request.POST.get(f"{name}_q", "")), "")  # type: ignore[union-attr]
        form.errors.clear()
    elif is_sent and form is not None and field is not None and form.is_valid():
        kind = request.POST.get("kind", "set")
        try:
            return _start(request, selection, kind, field.name, form.value(field.name), back)
        except Invalid as error:
            form.add_error(next(iter(form.names), None), "; ".join(error.errors.values()))
    context = _shown(request, selection, back) | {
        "title": _title(selection, _("Change %(title)s"), _("Change %(count)s %(plural)s")),
        "fields": [(f.name, f.label, f is field) for f in fields.values()],
        "field": field,
        "form": form,
        "several": field is not None and (field.type is Type.MULTI_SELECT or field.many),
        "kind": request.POST.get("kind", "add"),
    }
    return in_dialog(request, "_bulk_change", context, 422 if is_sent else 200)


@require_role("member", gettext_lazy("delete records"))
@require_POST
@vary_on_headers("HX-Request")
def delete_chosen(request: HttpRequest, entity: str) -> HttpResponse:
    selection = Selection.of(known(entity), request.POST)
    back = back_to(request, reverse("records:list", args=[entity]))
    return delete(request, selection, back) if selection.count else go(request, back)


def delete(request: HttpRequest, selection: Selection, back: str) -> HttpResponse:
    """Asks, then does; what is read-only stays."""
    entity = selection.entity
    title = _title(selection, _("Delete %(title)s?"), _("Delete %(count)s %(plural)s?"))
    context = _shown(request, selection, back) | {"title": title}
    if request.POST.get("confirm") and context["left_out"] < selection.count:
        home = reverse("records:list", args=[entity.name])
        try:
            return _start(request, selection, "delete", "", None, back if back.startswith(f"{home}?") else home)
        except Invalid as error:
            messages.error(request, str(error))
            return go(request, home)
    return in_dialog(request, "_bulk_delete", context, 409 if request.POST.get("confirm") else 200)


def _start(request: HttpRequest, selection: Selection, kind: str, field: str, value: Any, back: str) -> HttpResponse:
    action = bulk_actions.do(selection, kind, field, value, actor(request), request.membership.user_id)
    url = reverse("records:action", args=[action.entity, action.pk])
    if action.state == State.RUNNING:
        return go(request, url)
    if action.changed:
        undo = reverse("records:action_undo", args=[action.entity, action.pk])
        tell(request, outcome(action), pgettext("button", "Undo"), undo)
    else:
        messages.info(request, outcome(action))
    return go(request, url if action.left_count else back)


@require_role("member")
@vary_on_headers("HX-Request")
def action(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    """How far it is, what it did, what it left as it was and why. htmx asks again and again while it goes on."""
    found = _find(entity, pk)
    context = _told(request, found)
    return render(request, "crm/_action.html" if is_htmx(request) else "crm/action.html", context)


@require_role("member")
def undo(request: HttpRequest, entity: str, pk: UUID) -> HttpResponse:
    """GET asks, for whom a message's link led here without JavaScript."""
    found = _find(entity, pk)
    if request.method != "POST":
        return render(request, "crm/action.html", _told(request, found))
    if not may_undo(request, found):
        raise Http404(str(pk))
    try:
        undone = bulk_actions.take_back(found, actor(request))
    except Invalid as error:
        messages.error(request, str(error))
        return _again(request, found)
    if undone is None:
        messages.info(request, _("It is undone already."))
        return _again(request, found)
    found = undone
    if found.state == State.UNDONE:
        messages.success(request, outcome(found))
    return _again(request, found)


def _again(request: HttpRequest, found: BulkAction) -> HttpResponse:
    """Where the person is: a list that asked through htmx is drawn anew."""
    if is_htmx(request) and found.state != State.UNDOING and not found.kept_count:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return go(request, reverse("records:action", args=[found.entity, found.pk]))


def may_undo(request: HttpRequest, found: BulkAction) -> bool:
    """Who did it, and those who manage."""
    is_maker = found.user_id == request.membership.user_id
    return bulk_actions.may_undo(found, is_maker, request.membership.may("admin"))


def outcome(action: BulkAction) -> str:
    """What was done, as a sentence or two."""
    undone = action.state == State.UNDONE
    n = action.undone if undone else action.changed
    if undone:
        done = ngettext("%(n)s record is as it was before.", "%(n)s records are as they were before.", n)
    elif action.kind == "delete":
        done = ngettext("%(n)s record is deleted.", "%(n)s records are deleted.", n)
    else:
        done = ngettext("%(n)s record is changed.", "%(n)s records are changed.", n)
    words = [done % {"n": _number(n)}]
    left = action.kept_count if undone else action.left_count
    if left:
        words.append(ngettext("%(n)s was left as it is.", "%(n)s were left as they are.", left) % {"n": _number(left)})
    same = action.seen - action.changed - action.left_count
    if not undone and same > 0 and action.kind != "delete":
        words.append(
            ngettext("%(n)s had the value already.", "%(n)s had the value already.", same) % {"n": _number(same)}
        )
    return " ".join(words)


def _told(request: HttpRequest, found: BulkAction) -> dict[str, Any]:
    entity = known(found.entity)
    is_back = found.state in (State.UNDOING, State.UNDONE)
    done = found.undone + found.kept_count if is_back else found.seen
    total = found.changed if is_back else found.total
    left = found.kept if is_back else found.left
    return {
        "entity": entity,
        "action": found,
        "title": what(found, entity),
        "running": found.state in (State.RUNNING, State.UNDOING),
        "undoing": found.state == State.UNDOING,
        "failed": found.state == State.FAILED,
        "done": done,
        "total": total,
        "unit": entity.plural.lower(),
        "outcome": outcome(found),
        "left": left,
        "left_more": max(0, (found.kept_count if is_back else found.left_count) - len(left)),
        "may_undo": bulk_actions.is_undoable(found) and may_undo(request, found),
        "is_field": found.kind in field_work.KINDS,
        "is_admin": request.membership.may("admin"),
        "undo_url": reverse("records:action_undo", args=[entity.name, found.pk]),
        "by": found.actor.get("label", ""),
    }


def what(found: BulkAction, entity: Entity) -> str:
    """As a title."""
    described = entity.fields.get(found.field)
    if found.kind == "delete":
        return _("Delete %(plural)s") % {"plural": entity.plural.lower()}
    label = described.label if described else found.field
    given: Any = found.value
    if found.kind == "drop":
        return _("Remove the field %(field)s") % {"field": given["label"]}
    if found.kind == "wrap":
        return _("Let %(field)s hold several options") % {"field": label}
    if found.kind == "rename":
        pairs = ", ".join(_("“%(old)s” → “%(new)s”") % {"old": old, "new": new} for old, new in given.items())
        return _("Rename options of %(field)s: %(pairs)s") % {"field": label, "pairs": pairs}
    value = ""
    if described:
        value = Presenter(entity, People(), [{described.name: found.value}]).text(described, found.value)
    words = {
        "set": _("Set %(field)s to “%(value)s”") if value else _("Empty %(field)s"),
        "add": _("Add “%(value)s” to %(field)s"),
        "remove": _("Remove “%(value)s” from %(field)s"),
    }
    return words[found.kind] % {"field": label, "value": value}


def _shown(request: HttpRequest, selection: Selection, back: str) -> dict[str, Any]:
    """The preview: how many, the first of them, and how many are read-only."""
    entity = selection.entity
    left_out, reasons = bulk_actions.left_out(selection)
    named = selection.matching.order_by("pk").values_list(entity.title, flat=True)
    query = QueryDict(selection.query or "")
    return {
        "entity": entity,
        "count": selection.count,
        "words": _number(selection.count),
        "hidden": selection.hidden(),
        "names": list(named[:NAMED]),
        "more": max(0, selection.count - NAMED),
        "left_out": left_out,
        "reasons": reasons,
        "is_everything": selection.is_all and not [name for name in query if name not in ("sort", "columns")],
        "back": back,
    }


def _title(selection: Selection, one: str, many: str) -> str:
    """ "Delete Ada?" or "Delete 12 contacts?"."""
    if selection.count == 1:
        return one % {"title": selection.matching.values_list(selection.entity.title, flat=True)[0]}
    return many % {"count": _number(selection.count), "plural": selection.entity.plural.lower()}


def _value_form(request: HttpRequest, entity: Entity, field: Field | None, data: Any) -> RecordForm:
    name = field.name if field else ""
    form = RecordForm(entity, People(), {}, data, request.tenant.currency, only={name})
    return form


def _find(entity: str, pk: UUID) -> BulkAction:
    known(entity)
    try:
        return bulk_actions.find(entity, pk)
    except Missing as error:
        raise Http404(str(pk)) from error


def _number(n: int) -> str:
    return formats.number_format(n, force_grouping=True)
