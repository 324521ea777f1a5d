"""Widgets of our forms that Django's do not serve."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

SELECTED = mark_safe(" selected")


class LongSelect(forms.Select):
    """A list of hundreds, as of time zones, or several on one page. Django draws each option by two templates, longer than the
    rest of the page takes."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        widget = self.get_context(name, value, attrs)["widget"]
        options = (
            (option["value"], SELECTED if option["selected"] else "", option["label"])
            for _group, found, _index in widget["optgroups"]
            for option in found
        )
        drawn = format_html_join("", '<option value="{}"{}>{}</option>', options)
        return format_html('<select name="{}"{}>{}</select>', name, flatatt(widget["attrs"]), drawn)
