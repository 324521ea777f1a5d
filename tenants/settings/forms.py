"""What an organisation's admins may set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.widgets import LongSelect
from tenants import tokens
from tenants.access import MAY
from tenants.models import Role, Tenant

MOST_AT_ONCE = 50

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
        widgets = {"timezone": LongSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {"name": _("Name"), "timezone": _("Time zone"), "language": _("Language")}
        for name, label in labels.items():
            self.fields[name].label = label
        self.fields["timezone"].help_text = _("Times are shown, and daily and weekly syncs run, by its clocks.")
        self.fields["language"].help_text = _(
            "For people who have not chosen their own, and for the reasons that syncs write down."
        )
        own = self.instance.currency
        if own and own not in CURRENCIES:
            self.fields["currency"].choices = [(own, own), *self.fields["currency"].choices]


class InviteForm(forms.Form):
    emails = forms.CharField(
        label=_("E-mail addresses"),
        max_length=10_000,
        widget=forms.Textarea(
            attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
        help_text=_("One or several, with commas, spaces or lines between them. Each person gets a link of their own."),
    )
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.MEMBER, widget=forms.RadioSelect)

    def __init__(self, *args: Any, roles: Iterable[str] = Role.values, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role, _role_words(role)) for role in roles]

    def clean_emails(self) -> list[str]:
        found = re.split(r"[\s,;]+", self.cleaned_data["emails"].strip(" ,;\n"))
        if len(found) > MOST_AT_ONCE:
            raise forms.ValidationError(gettext("Invite at most %(n)s people at once.") % {"n": MOST_AT_ONCE})
        wrong = [email for email in found if not _is_email(email)]
        if wrong:
            words = gettext("Not an e-mail address: %(emails)s. Nobody was invited yet.")
            raise forms.ValidationError(words % {"emails": ", ".join(wrong)})
        return list(dict.fromkeys(email.lower() for email in found))


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _role_words(role: str) -> str:
    return format_html(
        "<span><strong>{}</strong> <span class='muted'>{}</span></span>", Role(role).label, MAY[Role(role)]
    )


class DeleteForm(forms.Form):
    slug = forms.CharField(
        max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"})
    )

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected

    def clean_slug(self) -> str:
        if self.cleaned_data["slug"].strip().lower() != self.expected:
            raise forms.ValidationError(gettext("That is not the organisation's address. Nothing was deleted."))
        return self.expected


class TokenForm(forms.Form):
    """A token that may everything, as one of a role, or chosen things."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What uses it, so that you know it again."))
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(name, scope.words) for name, scope in tokens.SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing that it may do.")},
    )
    days = forms.TypedChoiceField(
        label=_("Works for"),
        choices=[("30", _("30 days")), ("90", _("90 days")), ("365", _("A year")), ("", _("Until it is revoked"))],
        coerce=int,
        empty_value=None,
        required=False,
        initial="90",
    )
