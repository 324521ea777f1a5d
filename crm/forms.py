"""The form of a record, made from its entity's fields: no form per entity.

What comes out are canonical values of the fields that a person changed, and of those only: fields that the form cannot
show whole (seconds of a time) or that others edit meanwhile are left alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

import values
from crm import listing, widgets
from crm.registry import Entity, Field, People
from values import Type, Value

CURRENCIES = [
    "EUR",
    "USD",
    "GBP",
    "CHF",
    "CAD",
    "AUD",
    "SEK",
    "NOK",
    "DKK",
    "PLN",
    "CZK",
    "JPY",
    "CNY",
    "INR",
    "BRL",
    "MXN",
]

WIDE = {Type.LONG_TEXT, Type.RELATION, Type.MULTI_SELECT}


class Money(forms.MultiValueField):
    def __init__(self, currency: str, **kwargs: Any) -> None:
        currencies = list(dict.fromkeys([currency, *CURRENCIES]))
        parts = (
            forms.DecimalField(max_digits=18, decimal_places=4, localize=True),
            forms.CharField(max_length=3, required=False),
        )
        super().__init__(parts, require_all_fields=False, localize=True, widget=widgets.Money(currencies), **kwargs)

    def compress(self, parts: list[Any]) -> dict[str, Any] | None:
        if not parts or parts[0] is None:
            return None
        return {"amount": parts[0], "currency": parts[1] or None}


class Names(forms.Field):
    """A list of names or ids, as the widget gives it."""


class Relation(forms.Field):
    def clean(self, value: Any) -> Any:
        value = super().clean(value)
        try:
            return [str(UUID(pk)) for pk in value or []]
        except ValueError as error:
            raise ValidationError(_("Choose a record from the list.")) from error


class RecordForm(forms.Form):
    """`base`: the values that the person saw when the form was opened; only: the fields that it has, instead of all."""

    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        entity: Entity,
        people: People,
        base: Mapping[str, Value],
        data: Any = None,
        currency: str = "EUR",
        only: Container[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.entity, self.people, self.base = entity, people, base
        self.names = {
            f"f_{i}": field.name
            for i, field in enumerate(entity.fields.values())
            if not field.read_only and (only is None or field.name in only)
        }
        ids = {own: name for name, own in self.names.items()}
        kwargs.setdefault("initial", {})
        super().__init__(data, **kwargs)
        titles = listing.titles(self._related(data))
        for name, own in self.names.items():
            described = entity.fields[own]
            self.fields[name] = _field(described, people, base.get(own), titles, currency)
            self.initial.setdefault(name, _initial(described, base.get(own), currency))
        self.order = [name for own, name in sorted(ids.items(), key=lambda pair: _place(entity, pair[0]))]

    def shown(self) -> list[tuple[Any, str]]:
        """The visible fields with their shape: the ones of the list first, long texts last."""
        return [(self[name], self._shape(self.names[name])) for name in self.order]

    def _shape(self, own: str) -> str:
        described = self.entity.fields[own]
        if own == self.entity.title or described.type in WIDE:
            return "wide"
        return "plain" if described.type is Type.BOOLEAN else ""

    def changed(self) -> dict[str, Value]:
        """{field: canonical value} of what the person changed."""
        found = {}
        for name, own in self.names.items():
            if name in self.cleaned_data:
                value = _canonical(self.entity.fields[own], self.cleaned_data[name])
                if value != self._untouched(name, own):
                    found[own] = value
        return found

    def value(self, own: str) -> Value:
        """The canonical value in a valid form, whether it was changed or not."""
        name = next(name for name, field in self.names.items() if field == own)
        return _canonical(self.entity.fields[own], self.cleaned_data[name])

    def add_errors(self, errors: Mapping[str, str]) -> None:
        """What the service refused, on the fields it concerns."""
        inputs = {own: name for name, own in self.names.items()}
        for own, words in errors.items():
            self.add_error(inputs.get(own), words)

    def find(self, name: str, found: list[tuple[str, str]], q: str) -> None:
        """Show these records to choose from (a search without JavaScript)."""
        widget = self.fields[name].widget
        widget.found, widget.q = found, q

    def full_clean(self) -> None:
        super().full_clean()
        # A value that a tool brought in and that this form would not take may stay while the person edits others.
        for name in [n for n in self.errors if n in self.names]:
            raw = self.fields[name].widget.value_from_datadict(self.data, self.files, self.add_prefix(name))
            if self.base.get(self.names[name]) is not None and raw == self.initial.get(name):
                del self._errors[name]

    def _untouched(self, name: str, own: str) -> Value:
        """What the form gives back for the base when nobody touches the field."""
        described, field = self.entity.fields[own], self.fields[name]
        base = self.base.get(own)
        try:
            given: Any
            shown = field.prepare_value(self.initial.get(name))
            if isinstance(field, Money):
                given = field.compress([Decimal(base["amount"]), base.get("currency")]) if base else None
            elif described.type is Type.DATETIME:
                given = shown and dt.datetime.fromisoformat(str(base)).replace(second=0, microsecond=0)
            else:
                given = field.clean(shown)
            return _canonical(described, given)
        except (ValidationError, values.Unfit):
            return base

    def _related(self, data: Any) -> dict[str, set[str]]:
        wanted: dict[str, set[str]] = {}
        for name, own in self.names.items():
            described = self.entity.fields[own]
            if described.target:
                sent = data.getlist(name) if data else []
                ids = {*map(str, self.base.get(own) or []), *(pk for pk in sent if _is_id(pk))}
                wanted.setdefault(described.target, set()).update(ids)
        return wanted


def _field(
    described: Field, people: People, base: Value, titles: dict[str, dict[str, str]], currency: str
) -> forms.Field:
    common: dict[str, Any] = {"label": described.label, "required": described.required}
    length: dict[str, Any] = {"max_length": described.max_length} if described.max_length else {}
    match described.type:
        case Type.LONG_TEXT:
            return forms.CharField(**common, widget=forms.Textarea(attrs={"rows": 4}), strip=False)
        case Type.INTEGER:
            return forms.IntegerField(**common, min_value=-(2**31), max_value=2**31 - 1, widget=_number())
        case Type.DECIMAL:
            return forms.DecimalField(**common, max_digits=18, decimal_places=4, localize=True, widget=_number())
        case Type.MONEY:
            return Money((base or {}).get("currency") or currency, **common)
        case Type.BOOLEAN:
            return forms.BooleanField(**common | {"required": False})
        case Type.DATE:
            return forms.DateField(**common, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        case Type.DATETIME:
            widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
            return forms.DateTimeField(**common, widget=widget)
        case Type.SELECT:
            options = list(dict.fromkeys([*described.options, *([base] if base else [])]))
            return forms.ChoiceField(**common, choices=[("", "–"), *((o, o) for o in options)])
        case Type.MULTI_SELECT:
            return Names(**common, widget=widgets.Tags(described.options))
        case Type.EMAIL:
            return forms.EmailField(**common, **length)
        case Type.URL:
            return forms.URLField(**common, **length, assume_scheme="https")
        case Type.PHONE:
            return forms.CharField(**common, **length, widget=forms.TextInput(attrs={"type": "tel"}))
        case Type.PERSON:
            known = sorted((name, email) for email, name in people.names.items())
            return forms.ChoiceField(**common, choices=[("", _("Nobody")), *((email, name) for name, email in known)])
        case Type.RELATION:
            picker = widgets.Picker(described.target, described.many, titles.get(described.target, {}))
            return Relation(**common, widget=picker)
    return forms.CharField(**common, **length)


def _initial(described: Field, value: Value, currency: str) -> Any:
    if value is None:
        return {"amount": None, "currency": currency} if described.type is Type.MONEY else None
    if described.type is Type.DECIMAL:
        return Decimal(value)
    if described.type is Type.MONEY:
        return {"amount": Decimal(value["amount"]), "currency": value.get("currency")}
    if described.type is Type.DATETIME:
        return dt.datetime.fromisoformat(value)
    return value


def _canonical(described: Field, given: Any) -> Value:
    value = values.canonical(described.type, given)
    return bool(value) if described.type is Type.BOOLEAN else value


def _place(entity: Entity, own: str) -> tuple[int, int]:
    """Shown columns first, then the others, custom ones after them, long texts last."""
    described = entity.fields[own]
    if own in entity.columns_shown:
        return 2 if described.type in WIDE else 0, entity.columns_shown.index(own)
    group = 3 if described.type in WIDE and not described.custom else 2 if described.custom else 1
    return group, list(entity.fields).index(own)


def _number() -> forms.TextInput:
    return forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
