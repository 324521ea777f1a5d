"""Settings › Fields: what a tenant adds to its entities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from crm import custom_fields as fields
from crm import registry, widgets
from crm.answers import actor, known, see_other
from crm.models import CustomField
from tenants.access import require_role
from tenants.settings.views import page
from values import Type

WITH_OPTIONS = (Type.SELECT, Type.MULTI_SELECT)


class FieldForm(forms.Form):
    """`kind`: of an existing field, and `kinds`, what that can become."""

    label = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    type = forms.ChoiceField(
        label=gettext_lazy("Type"), choices=[(kind.value, words) for kind, words in fields.TYPES.items()]
    )
    options = forms.Field(label=gettext_lazy("Options"), required=False, widget=widgets.Options)

    def __init__(self, *args: Any, kind: str = "", kinds: Iterable[Type] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        if kind:
            self.fields["type"].choices = [(one.value, fields.TYPES.get(one, one)) for one in kinds]
            self.fields["type"].required = False
            self.fields["type"].help_text = gettext_lazy("Only what keeps every value is offered.")
        if kind and kind not in WITH_OPTIONS:
            del self.fields["options"]

    def clean_options(self) -> list[str]:
        options = list(dict.fromkeys(option[:100] for option in self.cleaned_data["options"] or []))
        kind = self.kind or self.cleaned_data.get("type")
        if kind in WITH_OPTIONS and not options:
            raise forms.ValidationError(_("Write at least one option."))
        return options


def _rearranged(request: HttpRequest, **kwargs: Any) -> FieldForm | None:
    """The form again with the option moved, added or removed whose button was pressed: what there is without a script."""
    asked = request.POST.get(widgets.REARRANGE)
    if asked is None:
        return None
    rows = widgets.rearranged(request.POST.getlist("options"), asked)
    kept = {name: request.POST.get(name, "") for name in ("label", "type")}
    return FieldForm(initial=kept | {"options": rows}, **kwargs)


@require_role("admin", gettext_lazy("change fields"))
def custom_fields(request: HttpRequest, begun: tuple[str, FieldForm] | None = None) -> HttpResponse:
    own = list(CustomField.objects.all())
    groups = []
    for name in registry.names():
        entity = known(name)
        is_begun = begun is not None and begun[0] == name
        form = begun[1] if begun and is_begun else FieldForm(auto_id=f"id_{name}_%s")
        shown = [_shown(f) for f in own if f.entity == name]
        groups.append({"entity": entity, "fields": shown, "form": form, "is_begun": is_begun})
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
    added = fields.add(entity, form.cleaned_data["label"], form.cleaned_data["type"], form.cleaned_data["options"])
    messages.success(request, _("The field %(label)s is added.") % {"label": added.label})
    return see_other(reverse("settings:custom_fields"))


@require_role("admin", gettext_lazy("change fields"))
def change_field(request: HttpRequest, pk: int) -> HttpResponse:
    field = get_object_or_404(CustomField, pk=pk)
    initial = {"label": field.label, "options": field.options, "type": field.type}
    own: dict[str, Any] = {"kind": field.type, "kinds": fields.retypes(field)}
    form = _rearranged(request, **own) or FieldForm(request.POST or None, initial=initial, **own)
    if form.is_valid():
        try:
            _change(request, field, form.cleaned_data)
        except fields.Refused as error:
            form.add_error("type", str(error))
        else:
            messages.success(request, _("The field %(label)s is saved.") % {"label": field.label})
            return see_other(reverse("settings:custom_fields"))
    return page(request, "custom_field", {"field": field, "form": form, "shown": _shown(field)})


def _change(request: HttpRequest, field: CustomField, asked: dict[str, Any]) -> None:
    with transaction.atomic():
        fields.change(field, asked["label"], asked.get("options"))
        fields.retype(field, asked["type"] or field.type, actor(request))


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
    touched = fields.remove(field, actor(request))
    messages.success(
        request,
        ngettext(
            "The field %(label)s and its value in %(n)s record are removed.",
            "The field %(label)s and its values in %(n)s records are removed.",
            touched,
        )
        % {"label": field.label, "n": touched},
    )
    return see_other(reverse("settings:custom_fields"))


def _shown(field: CustomField) -> dict[str, Any]:
    return {"field": field, "type": fields.TYPES.get(Type(field.type), field.type)}
