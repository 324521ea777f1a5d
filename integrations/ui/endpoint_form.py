"""The form of a webhook that we send."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from integrations.outgoing.events import EVENTS


class EndpointForm(forms.Form):
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/raccord", "autocomplete": "off"}),
        help_text=gettext_lazy("Begins with https:// and can be reached from the internet."),
    )
    note = forms.CharField(
        label=gettext_lazy("What it is for"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("Shown in the list instead of the address."),
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Tell it when"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one event.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["events"].choices = [
            (name, format_html("<span>{} <code>{}</code></span>", words, name)) for name, words in EVENTS.items()
        ]
