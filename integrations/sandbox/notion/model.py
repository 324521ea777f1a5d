"""What Notion keeps: workspaces, users, connections, databases, data sources, properties and pages.

Values of a page are compact, keyed by property id; an empty one has no key:
title, rich_text: text, or a list of styled runs {"t": text, "a"?: annotations, "l"?: link}; number: number;
select, status: option id; multi_select: option ids; date: {"start", "end"}; checkbox: true; url, email,
phone_number: text; people: user ids; relation: page ids; files: Notion's own file objects.
"""

from __future__ import annotations

import random
import string
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

TEXT = ("title", "rich_text")
STRINGS = ("url", "email", "phone_number")
CHOICES = ("select", "multi_select", "status")
WRITABLE = (
    "title rich_text number url select multi_select people email phone_number date checkbox relation files status"
).split()
COMPUTED = (
    "formula rollup created_time created_by last_edited_time last_edited_by unique_id button verification place"
).split()
COLORS = ["default", "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red"]
SEQ_BITS = 36  # a sort key is (minute << SEQ_BITS) | seq
SEQ_MASK = (1 << SEQ_BITS) - 1
MINUTE_MS = 60_000

_ids = random.Random()  # noqa: S311 - not a secret


def new_id() -> str:
    return str(uuid.uuid4())


def new_property_id(taken: dict[str, Any]) -> str:
    """Four printable characters, percent-encoded, as Notion has them: `%3AUPp`, `f%5C%5C%3Ap`."""
    alphabet = string.ascii_letters + string.digits + "`:;<=>?@[]^_{|}~\\"
    while True:
        made = quote("".join(_ids.choices(alphabet, k=4)), safe="")
        if made not in taken:
            return made


def dashed(text: str) -> str | None:
    """A UUID with dashes, from one with or without; None if it is none."""
    bare = text.replace("-", "").lower()
    if len(bare) != 32 or any(char not in "0123456789abcdef" for char in bare):
        return None
    return f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"


def cut_to_minute(ms: int) -> int:
    return ms - ms % MINUTE_MS


@dataclass(slots=True)
class Workspace:
    id: str
    name: str
    root_page: str


@dataclass(slots=True)
class User:
    id: str
    workspace: str
    name: str
    email: str


@dataclass(slots=True)
class Connection:
    """A bot. `hidden`: databases that were not (or are no longer) shared with it."""

    id: str
    workspace: str
    name: str
    integration: str
    capabilities: list[str] = field(default_factory=lambda: ["read", "update", "insert", "user", "email"])
    hidden: list[str] = field(default_factory=list)
    owner: str | None = None  # the user who authorized a public connection

    def can(self, what: str) -> bool:
        return what in self.capabilities


@dataclass(slots=True)
class Prop:
    id: str
    name: str
    type: str
    config: dict[str, Any] = field(default_factory=dict)
    description: str | None = None

    @property
    def options(self) -> list[dict[str, Any]]:
        return self.config.setdefault("options", [])

    def option(self, name_or_id: str | None) -> dict[str, Any] | None:
        for option in self.options:
            if name_or_id in (option["id"], option["name"]):
                return option
        return None


@dataclass(slots=True)
class Database:
    id: str
    workspace: str
    title: str
    parent: str | None  # a page id, or None for the workspace
    sources: list[str]
    created: int
    edited: int
    trashed: bool = False
    description: str = ""


@dataclass(slots=True)
class Source:
    id: str
    database: str
    title: str
    props: dict[str, Prop]
    created: int
    edited: int
    created_by: str
    edited_by: str
    trashed: bool = False
    counter: int = 0  # the last unique_id given out
    version: int = 0  # rises with the schema: rendered pages of older versions are stale

    def prop(self, name_or_id: str) -> Prop | None:
        if (found := self.props.get(name_or_id)) is not None:
            return found
        for prop in self.props.values():
            if prop.name == name_or_id or unquote(prop.id) == name_or_id:
                return prop
        return None

    @property
    def title_prop(self) -> Prop:
        return next(prop for prop in self.props.values() if prop.type == "title")


@dataclass(slots=True)
class Page:
    """A row (source set) or a plain page (source None). `created` and `edited` hold the hidden seconds."""

    id: str
    seq: int
    source: str | None
    workspace: str
    created: int
    edited: int
    created_by: str
    edited_by: str
    values: dict[str, Any]
    trashed: bool = False
    number: int = 0
    parent: str | None = None
    raw: bytes | None = None  # the rendered object, and what it was rendered for
    raw_version: int = -1

    def created_key(self) -> int:
        return (self.created // MINUTE_MS) << SEQ_BITS | self.seq

    def edited_key(self) -> int:
        return (self.edited // MINUTE_MS) << SEQ_BITS | self.seq

    def as_list(self) -> list[Any]:
        """Without names: 100,000 of them are read at every start."""
        return [
            self.id,
            self.seq,
            self.source,
            self.workspace,
            self.created,
            self.edited,
            self.created_by,
            self.edited_by,
            self.values,
            self.trashed,
            self.number,
            self.parent,
        ]


def plain_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else "".join(run["t"] for run in value)
