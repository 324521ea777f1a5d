"""What an organisation's admins may set."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.account.forms import EmailField
from tenants.models import Role, Tenant

CURRENCIES = "EUR USD GBP CHF CAD AUD SEK NOK DKK PLN CZK HUF RON JPY CNY INR BRL MXN ZAR MAD TND XOF".split()


class OrganisationForm(forms.ModelForm):
    currency = forms.ChoiceField(
        label=_("Currency"),
        choices=[(code, code) for code in CURRENCIES],
        help_text=_("What a new amount starts with."),
    )

    class Meta:
        model = Tenant
        fields = ("name", "timezone", "currency", "language")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {"name": _("Name"), "timezone": _("Time zone"), "language": _("Language")}
        for name, label in labels.items():
            self.fields[name].label = label
        self.fields["timezone"].help_text = _("Times are shown, and daily and weekly syncs run, by its clocks.")
        self.fields["language"].help_text = _("For people who have not chosen their own.")
        own = self.instance.currency
        if own and own not in CURRENCIES:
            self.fields["currency"].choices = [(own, own), *self.fields["currency"].choices]


class InviteForm(forms.Form):
    email = EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.MEMBER)


class TokenForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What uses it, so that you know it again."))
    role = forms.ChoiceField(
        label=_("May do what this role may"),
        choices=[c for c in Role.choices if c[0] != Role.OWNER],
        initial=Role.ADMIN,
    )
