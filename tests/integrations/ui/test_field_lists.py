"""Each row's list has all fields of ours: those that suit it, and the others with the reason."""

from __future__ import annotations

from crm.registry import Field
from integrations.ui.field_lists import FieldLists
from values import Type

FIELDS = [Field(name, name.upper(), Type.TEXT, name) for name in ("name", "phone", "note", "<b>")]


def drawn(chosen, refuses=lambda _field: ""):
    return FieldLists(FIELDS, {"phone", "note"}, "none", "others", "taken").drawn(chosen, refuses)


def test_what_another_row_has_cannot_be_chosen():
    assert drawn("phone") == (
        '<option value="">none</option><option value="name">NAME · text</option>'
        '<option value="phone" selected>PHONE · text</option><option value="&lt;b&gt;">&lt;B&gt; · text</option>'
        '<optgroup label="others"><option value="note" disabled>NOTE · taken</option></optgroup>'
    )


def test_what_does_not_suit_says_why():
    listed = drawn("", lambda field: "<too long>" if field.name == "name" else "")
    assert '<option value="name" disabled>NAME · &lt;too long&gt;</option>' in listed and "selected" not in listed


def test_where_all_suit_there_are_no_others():
    assert "optgroup" not in FieldLists(FIELDS, set(), "none", "others", "taken").drawn("", lambda _field: "")
