"""Settings › Fields: what a tenant adds to its entities."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from crm import custom_fields as fields
from crm import registry
from crm.models import CustomField
from crm.views import actor, known, see_other
from tenants.access import require_role
from tenants.settings.views import page
from values import Type

WITH_OPTIONS = (Type.SELECT, Type.MULTI_SELECT)


class FieldForm(forms.Form):
    """`kind`: of an existing field, whose type stays."""

    label = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    type = forms.ChoiceField(
        label=gettext_lazy("Type"), choices=[(kind.value, words) for kind, words in fields.TYPES.items()]
    )
    options = forms.CharField(
        label=gettext_lazy("Options"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("One per line; only for fields with options."),
    )

    def __init__(self, *args: Any, kind: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        if kind:
            del self.fields["type"]
        if kind and kind not in WITH_OPTIONS:
            del self.fields["options"]

    def clean_options(self) -> list[str]:
        lines = [line.strip()[:100] for line in self.cleaned_data["options"].splitlines()]
        options = list(dict.fromkeys(line for line in lines if line))
        if (self.kind or self.cleaned_data.get("type")) in WITH_OPTIONS and not options:
            raise forms.ValidationError(_("Write at least one option."))
        return options


@require_role("admin", gettext_lazy("change fields"))
def custom_fields(request: HttpRequest, refused: tuple[str, FieldForm] | None = None) -> HttpResponse:
    own = list(CustomField.objects.all())
    groups = []
    for name in registry.names():
        entity = known(name)
        form = refused[1] if refused and refused[0] == name else FieldForm(auto_id=f"id_{name}_%s")
        groups.append({"entity": entity, "fields": [_shown(f) for f in own if f.entity == name], "form": form})
    context: dict[str, Any] = {"groups": groups}
    if refused:
        context["form"] = refused[1]
    return page(request, "custom_fields", context)


@require_role("admin", gettext_lazy("change fields"))
@require_POST
def add_field(request: HttpRequest, entity: str) -> HttpResponse:
    known(entity)
    form = FieldForm(request.POST, auto_id=f"id_{entity}_%s")
    if not form.is_valid():
        return custom_fields(request, (entity, form))
    added = fields.add(entity, form.cleaned_data["label"], form.cleaned_data["type"], form.cleaned_data["options"])
    messages.success(request, _("The field %(label)s is added.") % {"label": added.label})
    return see_other(reverse("settings:custom_fields"))


@require_role("admin", gettext_lazy("change fields"))
def change_field(request: HttpRequest, pk: int) -> HttpResponse:
    field = get_object_or_404(CustomField, pk=pk)
    initial = {"label": field.label, "options": "\n".join(field.options)}
    form = FieldForm(request.POST or None, kind=field.type, initial=initial)
    if form.is_valid():
        fields.change(field, form.cleaned_data["label"], form.cleaned_data.get("options"))
        messages.success(request, _("The field %(label)s is saved.") % {"label": field.label})
        return see_other(reverse("settings:custom_fields"))
    return page(request, "custom_field", {"field": field, "form": form, "shown": _shown(field)})


@require_role("admin", gettext_lazy("change fields"))
@require_POST
def remove_field(request: HttpRequest, pk: int) -> HttpResponse:
    field = get_object_or_404(CustomField, pk=pk)
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
    return {"field": field, "type": fields.TYPES.get(Type(field.type), field.type), "dialog": f"remove-{field.pk}"}
