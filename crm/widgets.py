"""Inputs that Django does not have: an amount with its currency, tags, and the search for related records."""

from __future__ import annotations

from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _


class Drawn(forms.Widget):
    """Drawn by a template of this project."""

    template = ""
    use_fieldset = True

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        return render_to_string(self.template, self.get_context(name, value, attrs))

    def use_required_attribute(self, initial: Any) -> bool:
        return False

    def id_for_label(self, id_: str) -> str:
        return id_


class Money(forms.MultiWidget):
    """An amount beside its currency."""

    def __init__(self, currencies: list[str]) -> None:
        amount = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        currency = forms.Select(choices=[(code, code or "–") for code in ["", *currencies]])
        super().__init__({"amount": amount, "currency": currency})
        amount.attrs["aria-label"], currency.attrs["aria-label"] = _("Amount"), _("Currency")

    def decompress(self, value: Any) -> list[Any]:
        return [value["amount"], value.get("currency") or ""] if value else [None, None]

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        return SafeString(f'<div class="money">{super().render(name, value, attrs, renderer)}</div>')  # noqa: S308


class Tags(Drawn):
    """The names that are set, to untick, and a place for new ones; with `options`, only those, to tick."""

    template = "crm/_tags.html"

    def __init__(self, options: tuple[str, ...] = (), suggested: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.options, self.suggested = options, suggested

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        chosen = list(value or [])
        every = list(dict.fromkeys([*self.options, *chosen]))
        rest = [tag for tag in self.suggested if tag not in chosen]
        boxes = [(tag, tag in chosen) for tag in every]
        return {
            "name": name,
            "boxes": boxes,
            "suggested": rest,
            "free": not self.options,
            "id": (attrs or {}).get("id"),
        }

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        fresh = [] if self.options else str(data.get(f"{name}_new", "")).split(",")
        return [tag.strip() for tag in [*data.getlist(name), *fresh] if tag.strip()]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


class Picker(Drawn):
    """Search for records of another entity and choose one, or several. `titles`: {id: title} of what is chosen."""

    template = "crm/_picker.html"

    def __init__(self, target: str, many: bool, titles: dict[str, str]) -> None:
        super().__init__()
        self.target, self.many, self.titles = target, many, titles
        self.found: list[tuple[str, str]] = []  # of a search without JavaScript
        self.q = ""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        chosen = [str(pk) for pk in value or []]
        return {
            "name": name,
            "id": (attrs or {}).get("id"),
            "many": self.many,
            "target": self.target,
            "url": reverse("records:pick", args=[self.target]),
            "chosen": [(pk, self.titles.get(pk, "?")) for pk in chosen],
            "found": [(pk, title) for pk, title in self.found if pk not in chosen],
            "q": self.q,
        }

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return [pk for pk in data.getlist(name) if pk]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


REARRANGE = "rearrange"  # the name of the buttons of Options; each says what it does and to which row


class Options(Drawn):
    """A row for each option, with what moves and removes it, and one that is free.

    A row is (what is written, the option that it was drawn for): so a renamed option differs from one that was removed and
    another that was added, with and without a script.
    """

    template = "ui/_options.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        rows = [(row, row) if isinstance(row, str) else row for row in value or []]
        return {"name": name, "options": rows or [("", "")], "id": (attrs or {}).get("id")}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        found = []
        for text, was in option_rows(data, name):
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            found += [(line, "" if at else was) for at, line in enumerate(lines)]
        return found

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


def option_rows(data: Any, name: str) -> list[tuple[str, str]]:
    """As they were sent, also the empty ones. Who sends no `was` renames nothing."""
    texts, was = data.getlist(name), data.getlist(f"{name}_was")
    return list(zip(texts, was if len(was) == len(texts) else [""] * len(texts), strict=True))


def rearranged(rows: list[tuple[str, str]], asked: str) -> list[tuple[str, str]]:
    """asked: "add", "up-2", "down-0" or "remove-1"; anything else, and a row that is not there, leaves them as they are."""
    what, _sign, at = asked.partition("-")
    rows = list(rows)
    if what == "add":
        return [*rows, ("", "")]
    if not at.isdecimal() or int(at) >= len(rows):
        return rows
    row = rows.pop(int(at))
    if what != "remove":
        rows.insert(max(0, int(at) + {"up": -1, "down": 1}.get(what, 0)), row)
    return rows
