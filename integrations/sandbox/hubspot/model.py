"""What HubSpot keeps: portals, owners, object types with their properties, pipelines, and records.

Values of a record are strings, as the API has them, by property name; a property that was never set has no key, one that was
cleared has "".
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from typing import Any

BLOCK, STEP = 100_003, 41_017  # a prime and a stride: ids of one block come in no useful order, each once


class Ids:
    """Numeric strings, not in the order of creation."""

    def __init__(self, begun: int = 0) -> None:
        self._count = itertools.count(begun)
        self.given = begun

    def next(self) -> str:
        number = next(self._count)
        self.given = number + 1
        block, place = divmod(number, BLOCK)
        return str(10_000_000 + block * BLOCK + place * STEP % BLOCK)


@dataclass(slots=True)
class Portal:
    """An account."""

    id: int
    name: str
    zone: str
    currency: str


@dataclass(slots=True)
class Owner:
    id: str
    portal: int
    user_id: int
    first: str
    last: str
    email: str
    archived: bool = False


@dataclass(slots=True)
class Prop:
    """One property. `external`: its options live elsewhere ("owners", "stages" or "pipelines")."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    unique: bool = False
    read_only: bool = False
    external: str = ""
    own: bool = True  # not HubSpot's: a person or an app made it
    hint: str = ""  # textDisplayHint
    archived: bool = False

    def option(self, value: str) -> dict[str, Any] | None:
        return next((option for option in self.options if option["value"] == value), None)


@dataclass(slots=True)
class Stage:
    id: str
    label: str
    closed: bool = False
    probability: str = "0.5"


@dataclass(slots=True)
class Pipeline:
    id: str
    label: str
    stages: list[Stage]


@dataclass(slots=True)
class Kind:
    """An object type of a portal. `needs`: one of these has to be told when a record is made."""

    name: str
    type_id: str
    singular: str
    plural: str
    portal: int
    props: dict[str, Prop]
    title: str
    defaults: list[str]
    needs: list[str] = field(default_factory=list)
    created: str = "hs_createdate"
    modified: str = "hs_lastmodifieddate"
    pipelines: list[Pipeline] = field(default_factory=list)
    archived: bool = False

    @property
    def is_custom(self) -> bool:
        return self.type_id.startswith("2-")

    def live(self, name: str) -> Prop | None:
        found = self.props.get(name)
        return found if found and not found.archived else None

    def stage(self, ident: str) -> tuple[Pipeline, Stage] | None:
        return next(((p, s) for p in self.pipelines for s in p.stages if s.id == ident), None)


@dataclass(slots=True)
class Record:
    """created, modified, archived_at: milliseconds. links: {other type's name: {other id: association type ids}}.

    past: [(from when, values or None where it was not there)], kept only while the search index lags.
    """

    id: str
    kind: str
    portal: int
    created: int
    modified: int
    values: dict[str, str]
    links: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    archived_at: int | None = None
    past: list[tuple[int, dict[str, str] | None]] = field(default_factory=list)

    def as_list(self) -> list[Any]:
        return [
            self.id,
            self.kind,
            self.portal,
            self.created,
            self.modified,
            self.values,
            self.links,
            self.archived_at,
        ]


class Table:
    """The records of one object type in one portal: by id, in the order of ids, and by unique value."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.records: dict[str, Record] = {}
        self._order: dict[bool, list[int]] = {False: [], True: []}  # by whether they are archived
        self._unique: dict[str, dict[str, str]] = {}

    def __len__(self) -> int:
        return len(self._order[False])

    def take(self, record: Record) -> None:
        self.records[record.id] = record
        insort(self._order[record.archived_at is not None], int(record.id))
        if record.archived_at is None:
            self._hold(record)

    def remove(self, record: Record) -> None:
        del self.records[record.id]
        order = self._order[record.archived_at is not None]
        order.pop(bisect_left(order, int(record.id)))
        self._let_go(record)

    def move(self, record: Record, archived_at: int | None) -> None:
        self.remove(record)
        record.archived_at = archived_at
        self.take(record)

    def set(self, record: Record, values: dict[str, str]) -> None:
        self._let_go(record)
        record.values = values
        if record.archived_at is None:
            self._hold(record)

    def after(self, ident: str, size: int, archived: bool) -> tuple[list[Record], bool]:
        """(up to `size` records behind this id, whether there are more)"""
        order = self._order[archived]
        start = bisect_right(order, int(ident)) if ident else 0
        part = order[start : start + size]
        return [self.records[str(one)] for one in part], start + size < len(order)

    def all(self, archived: bool = False) -> list[Record]:
        return [self.records[str(one)] for one in self._order[archived]]

    def by(self, prop: str, value: str) -> Record | None:
        """The live record that has this unique value."""
        found = self._unique.get(prop, {}).get(value.strip().lower())
        return self.records.get(found) if found else None

    def index(self, prop: str) -> None:
        """A new unique property: nothing has it yet."""
        self._unique.setdefault(prop, {})

    def _keys(self, record: Record) -> list[tuple[str, str]]:
        keys = []
        for name, prop in self.kind.props.items():
            if prop.unique and (value := record.values.get(name)):
                keys.append((name, value.strip().lower()))
        if self.kind.name == "contacts":
            more = record.values.get("hs_additional_emails") or ""
            keys += [("email", one.strip().lower()) for one in more.split(";") if one.strip()]
        return keys

    def _hold(self, record: Record) -> None:
        for prop, value in self._keys(record):
            self._unique.setdefault(prop, {})[value] = record.id

    def _let_go(self, record: Record) -> None:
        for prop, value in self._keys(record):
            if self._unique.get(prop, {}).get(value) == record.id:
                del self._unique[prop][value]
