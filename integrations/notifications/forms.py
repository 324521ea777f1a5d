"""The form of a person's preferences."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from integrations.notifications.kinds import ABOUT, ByMail, Kind, Rhythm, kinds_for
from integrations.notifications.preferences import Wishes


class WishesForm(forms.Form):
    """Two fields for each kind, `app_<kind>` and `mail_<kind>`, and when the digest comes."""

    digest = forms.ChoiceField(label=_("The digest comes"), choices=Rhythm.choices)
    hour = forms.TypedChoiceField(
        label=_("At"), coerce=int, choices=[(hour, f"{hour:02}:00") for hour in range(24)], required=True
    )
    weekday = forms.TypedChoiceField(label=_("On"), coerce=int, choices=list(WEEKDAYS.items()), required=True)

    def __init__(self, *args: Any, wishes: Wishes, role: str, **kwargs: Any) -> None:
        initial = {name: getattr(wishes, name) for name in ("digest", "hour", "weekday")}
        for kind, (in_app, by_mail) in wishes.choices.items():
            initial |= {f"app_{kind}": in_app, f"mail_{kind}": by_mail}
        super().__init__(*args, **kwargs | {"initial": initial})
        self.kinds = kinds_for(role)
        for kind in self.kinds:
            self.fields[f"app_{kind}"] = forms.BooleanField(required=False, label=_("In the app"))
            self.fields[f"mail_{kind}"] = forms.ChoiceField(label=_("By e-mail"), choices=ByMail.choices)
        self.zone = str(wishes.zone)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """For the table: one row per kind."""
        return [
            {"kind": kind, "label": Kind(kind).label, "about": ABOUT[Kind(kind)],
             "app": self[f"app_{kind}"], "mail": self[f"mail_{kind}"]}
            for kind in self.kinds
        ]  # fmt: skip

    def wishes(self) -> Wishes:
        given = self.cleaned_data
        choices = {kind: (given[f"app_{kind}"], given[f"mail_{kind}"]) for kind in self.kinds}
        return Wishes(choices, given["digest"], given["hour"], given["weekday"])
