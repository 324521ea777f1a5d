"""The forms before one is in, and a person's own preferences."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from config.widgets import LongSelect
from tenants.lifecycle import RESERVED, taken
from tenants.models import Tenant, User


class EmailField(forms.EmailField):
    """Kept and compared in lower case."""

    def clean(self, value: Any) -> Any:
        return super().clean(value).lower()


def email_field() -> EmailField:
    return EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))


def new_password_field() -> forms.CharField:
    return forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 10 characters. A short sentence is good."),
    )


class SignInForm(forms.Form):
    email = email_field()
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class SignUpForm(forms.Form):
    organisation = forms.CharField(
        label=_("Organisation"),
        max_length=100,
        widget=forms.TextInput(attrs={"data-slug-source": True, "autocomplete": "organization"}),
    )
    slug = forms.CharField(
        label=_("Address"),
        max_length=40,
        widget=forms.TextInput(attrs={"data-slug": True, "autocapitalize": "none", "spellcheck": "false"}),
    )
    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = email_field()
    password = new_password_field()

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        """user: who is signed in already, and so needs no name, e-mail and password."""
        super().__init__(*args, **kwargs)
        self.user = user
        if user:
            for name in ("name", "email", "password"):
                del self.fields[name]

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"].strip().lower()
        Tenant._meta.get_field("slug").run_validators(slug)
        if slug in RESERVED or Tenant.objects.filter(slug=slug).exists():
            raise ValidationError(taken(slug).message_dict["slug"])
        return slug


class JoinForm(forms.Form):
    """For an invited person whom Raccord does not know yet."""

    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = new_password_field()

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        check_password(self, User(email=self.email, name=self.cleaned_data.get("name", "")))
        return self.cleaned_data


def check_password(form: forms.Form, user: User) -> None:
    """Put what the validators say against the form's new password on its field."""
    try:
        validate_password(form.cleaned_data.get("password") or "", user)
    except ValidationError as error:
        if "password" not in form.errors:
            form.add_error("password", error)


class ForgottenForm(forms.Form):
    email = email_field()


class NewPasswordForm(forms.Form):
    password = new_password_field()

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean(self) -> dict[str, Any]:
        check_password(self, self.user)
        return self.cleaned_data


class PreferencesForm(forms.ModelForm):
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("As the browser")), *settings.LANGUAGES]
    )

    class Meta:
        model = User
        fields = ("name", "language", "timezone", "theme")
        widgets = {"timezone": LongSelect, "theme": forms.RadioSelect(attrs={"data-theme-field": True})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["theme"].label = _("Appearance")
        self.fields["name"].label = _("Name")
        self.fields["timezone"].label = _("Time zone")
        self.fields["timezone"].required = False
        self.fields["timezone"].choices = [("", _("As the organisation")), *self.fields["timezone"].choices[1:]]
        self.fields["timezone"].help_text = _("Times are shown to you by its clocks. Syncs keep to the organisation's.")
