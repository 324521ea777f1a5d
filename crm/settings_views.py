"""Settings › Fields: what a tenant adds to its entities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.views.decorators.http import require_POST

from config.widgets import LongSelect
from crm import custom_fields as fields
from crm import field_work, registry, widgets
from crm.answers import actor, go, known, see_other, tell
from crm.bulk_views import what
from crm.models import BulkAction, CustomField
from tenants.access import require_role
from tenants.settings.views import page
from values import Type

WITH_OPTIONS = (Type.SELECT, Type.MULTI_SELECT)


class FieldForm(forms.Form):
    """`kind`: of an existing field, and `kinds`, what that can become."""

    label = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    type = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=[(kind.value, words) for kind, words in fields.TYPES.items()],
        widget=LongSelect,  # the page has one for each kind of record
    )
    options = forms.Field(label=gettext_lazy("Options"), required=False, widget=widgets.Options)
    #: The options that the form was first drawn with: what came since is not removed by saving it.
    seen = forms.Field(required=False, widget=forms.MultipleHiddenInput)

    def __init__(self, *args: Any, kind: str = "", kinds: Iterable[Type] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.renamed: dict[str, str] = {}
        if kind:
            self.fields["type"].choices = [(one.value, fields.TYPES.get(one, one)) for one in kinds]
            self.fields["type"].required = False
            self.fields["type"].help_text = gettext_lazy("Only what keeps every value is offered.")
        if kind:
            words = gettext_lazy("Write over an option to rename it, also in the records that have it.")
            self.fields["options"].help_text = words
        if kind and kind not in WITH_OPTIONS:
            del self.fields["options"], self.fields["seen"]

    def clean_options(self) -> list[str]:
        rows = [(name[:100], was) for name, was in self.cleaned_data["options"] or []]
        options = list(dict.fromkeys(name for name, _was in rows))
        kind = self.kind or self.cleaned_data.get("type")
        if kind in WITH_OPTIONS and not options:
            raise forms.ValidationError(_("Write at least one option."))
        self.renamed = {was: name for name, was in rows if was and was != name}
        return options

    @property
    def wanted(self) -> fields.Wanted:
        asked, seen = self.cleaned_data, self.cleaned_data.get("seen") or None
        renamed = self.renamed if self.kind in WITH_OPTIONS else {}
        return fields.Wanted(asked["label"], asked.get("options"), renamed, seen, asked["type"] or None)


def _rearranged(request: HttpRequest, **kwargs: Any) -> FieldForm | None:
    """The form again with the option moved, added or removed whose button was pressed: what there is without a script.

    Also for who looked at what a renaming would do, and went back.
    """
    asked = request.POST.get(widgets.REARRANGE)
    if asked is None:
        return None
    rows = widgets.rearranged(widgets.option_rows(request.POST, "options"), asked)
    kept = {name: request.POST.get(name, "") for name in ("label", "type")}
    return FieldForm(initial=kept | {"options": rows, "seen": request.POST.getlist("seen")}, **kwargs)


@require_role("admin", gettext_lazy("change fields"))
def custom_fields(request: HttpRequest, begun: tuple[str, FieldForm] | None = None) -> HttpResponse:
    own = list(CustomField.objects.all())
    going_on = list(field_work.going_on())
    groups = []
    for name in registry.names():
        entity = known(name)
        is_begun = begun is not None and begun[0] == name
        form = begun[1] if begun and is_begun else FieldForm(auto_id=f"id_{name}_%s")
        shown = [_shown(f) for f in own if f.entity == name]
        work = [_work(one) for one in going_on if one.entity == name]
        given = ", ".join(one.label for one in entity.fields.values() if not (one.custom or one.read_only))
        group = {"entity": entity, "fields": shown, "given": given, "form": form, "is_begun": is_begun, "work": work}
        groups.append(group)
    context: dict[str, Any] = {"groups": groups}
    if begun:
        context["form"] = begun[1]
    return page(request, "custom_fields", context)


@require_role("admin", gettext_lazy("change fields"))
@require_POST
def add_field(request: HttpRequest, entity: str) -> HttpResponse:
    known(entity)
    auto_id = f"id_{entity}_%s"
    form = _rearranged(request, auto_id=auto_id) or FieldForm(request.POST, auto_id=auto_id)
    if not form.is_valid():
        return custom_fields(request, (entity, form))
    asked = form.wanted
    added = fields.add(entity, str(asked.label), str(asked.type), asked.options or ())
    messages.success(request, _("The field %(label)s is added.") % {"label": added.label})
    return see_other(reverse("settings:custom_fields"))


@require_role("admin", gettext_lazy("change fields"))
def change_field(request: HttpRequest, pk: int) -> HttpResponse:
    """A renaming that records or mappings would follow is told first, and done when that is confirmed."""
    field = get_object_or_404(CustomField, pk=pk)
    initial = {"label": field.label, "options": field.options, "seen": field.options, "type": field.type}
    own: dict[str, Any] = {"kind": field.type, "kinds": fields.retypes(field)}
    form = _rearranged(request, **own) or FieldForm(request.POST or None, initial=initial, **own)
    if form.is_valid():
        try:
            fields.check(field, form.wanted)
            told = _told_first(field, form.wanted) if "confirmed" not in request.POST else None
            if told:
                return page(request, "custom_field_rename", told | {"field": field, "sent": _sent(request)})
            changed, action = fields.edit(pk, form.wanted, actor(request), request.membership.user_id)
        except fields.Refused as error:
            form.add_error("options" if form.renamed else "type", str(error))
        else:
            return _saved(request, changed, action)
    return page(request, "custom_field", {"field": field, "form": form, "shown": _shown(field)})


def _told_first(field: CustomField, wanted: fields.Wanted) -> dict[str, Any] | None:
    """What follows from renaming options, or None where nobody would notice."""
    found = [(old, new, fields.holding(field, old)) for old, new in wanted.renamed.items()]
    places = fields.users_of(field) if wanted.renamed else []
    number = sum(count for _old, _new, count in found)
    return {"renamed": found, "places": places, "number": number} if number or places else None


def _sent(request: HttpRequest) -> list[tuple[str, str]]:
    """The inputs that carry the form on."""
    return [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name in ("label", "type", "options", "options_was", "seen")
    ]


def _saved(request: HttpRequest, field: CustomField, action: BulkAction | None) -> HttpResponse:
    words = _("The field %(label)s is saved.") % {"label": field.label}
    return _done(request, words, action if action and action.kind != "wrap" else None, bool(action and action.changed))


def _done(request: HttpRequest, words: str, action: BulkAction | None, may_undo: bool) -> HttpResponse:
    """To how far it is, or back with a message that can be undone."""
    if action and action.state == BulkAction.State.RUNNING:
        return go(request, reverse("records:action", args=[action.entity, action.pk]))
    if action and may_undo:
        tell(
            request, words, pgettext("button", "Undo"), reverse("records:action_undo", args=[action.entity, action.pk])
        )
    else:
        messages.success(request, words)
    return see_other(reverse("settings:custom_fields"))


@require_role("admin", gettext_lazy("change fields"))
@require_POST
def move_field(request: HttpRequest, pk: int) -> HttpResponse:
    fields.move(get_object_or_404(CustomField, pk=pk), up=request.POST.get("to") == "up")
    return see_other(reverse("settings:custom_fields"))


@require_role("admin", gettext_lazy("change fields"))
def remove_field(request: HttpRequest, pk: int) -> HttpResponse:
    """What would be lost, and then without it."""
    field = get_object_or_404(CustomField, pk=pk)
    if request.method != "POST":
        lost = {"number": fields.held(field), "places": fields.users_of(field)}
        return page(request, "custom_field_remove", {"field": field} | lost)
    try:
        action = fields.remove(field, actor(request), request.membership.user_id)
    except fields.Refused as error:
        messages.error(request, str(error))
        return see_other(reverse("settings:custom_fields"))
    words = ngettext(
        "The field %(label)s and its value in %(n)s record are removed.",
        "The field %(label)s and its values in %(n)s records are removed.",
        action.changed,
    )
    return _done(request, words % {"label": field.label, "n": action.changed}, action, may_undo=True)


def _shown(field: CustomField) -> dict[str, Any]:
    return {"field": field, "type": fields.TYPES.get(Type(field.type), field.type)}


def _work(action: BulkAction) -> dict[str, Any]:
    """What is being done to the records of a field, which may be gone itself."""
    url = reverse("records:action", args=[action.entity, action.pk])
    return {"title": what(action, known(action.entity)), "url": url}
