"""The list of our fields in each row of a mapper: those that suit the row, and why the others do not.

A row each, dozens of fields in each of them: what is the same in all rows is drawn once.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.registry import Field
from integrations.sync.transforms.base import type_words

NONE = '<option value="">{}</option>'
FREE = '<option value="{}">{} · {}</option>'
CHOSEN = '<option value="{}" selected>{} · {}</option>'
BARRED = '<option value="{}" disabled>{} · {}</option>'
GROUP = '<optgroup label="{}">{}</optgroup>'


class FieldLists:
    """paired: the names of the fields that a row has, and others may not; taken says so. none, others: what no field at all is
    called, and the group of those that the row cannot have."""

    def __init__(self, fields: Iterable[Field], paired: Container[str], none: str, others: str, taken: str) -> None:
        self.fields = list(fields)
        self._none, self._others = format_html(NONE, none), others
        self._free = {one.name: format_html(FREE, one.name, one.label, type_words(one.type)) for one in self.fields}
        self._paired = {
            one.name: format_html(BARRED, one.name, one.label, taken) for one in self.fields if one.name in paired
        }

    def drawn(self, chosen: str, refuses: Callable[[Field], str]) -> SafeString:
        """What stands in the <select>. refuses: why a field does not suit this row, or ""."""
        fitting, others = [self._none], []
        for one in self.fields:
            if one.name == chosen:
                fitting.append(format_html(CHOSEN, one.name, one.label, type_words(one.type)))
            elif one.name in self._paired:
                others.append(self._paired[one.name])
            elif reason := refuses(one):
                others.append(format_html(BARRED, one.name, one.label, reason))
            else:
                fitting.append(self._free[one.name])
        if others:
            fitting.append(format_html(GROUP, self._others, SafeString("".join(others))))
        return SafeString("".join(fitting))
