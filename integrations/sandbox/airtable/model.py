"""What an Airtable base is made of. Cells hold compact values: option ids, user ids, record ids."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LETTERS = string.ascii_letters + string.digits
_dice = random.SystemRandom()

Field = dict[str, Any]  # {"id", "name", "type", "options"?, "description"?}, as the metadata API tells it

TEXTS = ("singleLineText", "multilineText", "richText", "email", "url", "phoneNumber")
NUMBERS = ("number", "currency", "percent", "duration")
SELECTS = ("singleSelect", "multipleSelects")
COMPUTED = (
    "formula", "rollup", "multipleLookupValues", "count", "autoNumber", "createdTime", "lastModifiedTime",
    "createdBy", "lastModifiedBy", "button", "aiText", "externalSyncSource",
)  # fmt: skip


def new_id(prefix: str) -> str:
    return prefix + "".join(_dice.choices(LETTERS, k=14))


def fixed_id(prefix: str, name: str) -> str:
    """The same id in every sandbox, so that saved settings survive a reset."""
    dice = random.Random(f"raccord-sandbox/{prefix}/{name}")  # noqa: S311 - repeatable on purpose
    return prefix + "".join(dice.choices(LETTERS, k=14))


@dataclass(slots=True)
class Base:
    id: str
    name: str


@dataclass(slots=True)
class Table:
    """`born`: {field id: when it was made, ms}, of those made by API. `counter`: the last auto number given out."""

    id: str
    base: str
    name: str
    primary: str
    fields: dict[str, Field]
    trashed: bool = False
    counter: int = 0
    born: dict[str, int] = field(default_factory=dict)

    def field(self, name_or_id: str) -> Field | None:
        found = self.fields.get(name_or_id)
        return found or next((each for each in self.fields.values() if each["name"] == name_or_id), None)


@dataclass(slots=True)
class Row:
    """A record. Times in ms; `modified` moves with what is written, never with what is computed."""

    id: str
    table: str
    created: int
    modified: int
    author: str
    editor: str
    cells: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    trashed: bool = False


def option_by_name(options: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Exact and case-sensitive, as Airtable compares them."""
    return next((each for each in options["choices"] if each["name"] == name), None)


def option_by_id(options: Mapping[str, Any], ident: str) -> dict[str, Any] | None:
    return next((each for each in options["choices"] if each["id"] == ident), None)


def new_option(name: str) -> dict[str, str]:
    return {"id": new_id("sel"), "name": name, "color": "blueLight2"}
