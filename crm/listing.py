"""A page of records: searched, filtered, sorted by any shown column, and reached by key instead of by offset.

A page begins after (or ends before) the sort key and id of a record, so the thousandth page costs what the first does.
Empty values stand last, in whichever direction one sorts.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import BooleanField, Case, F, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Lower, NullIf
from django.utils.functional import cached_property

from crm import filters, registry
from crm.records import Item, item
from crm.registry import Entity, Field, People
from values import Type

PAGE = 50
MAX_COUNT = 10_000
RESERVED = {"q", "sort", "after", "before"}
UNSORTED = {Type.RELATION, Type.MULTI_SELECT, Type.LONG_TEXT, Type.FILE, Type.JSON}


@dataclass(frozen=True)
class Asked:
    """What a person asks of a list, as it stands in the address."""

    q: str = ""
    sort: str = ""  # a column's name, with "-" before it for descending
    after: str = ""
    before: str = ""
    filters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        given = {name: plain(query[name]) for name in query}
        chosen = tuple((name, value) for name, value in given.items() if name not in RESERVED and value)
        known = {name: given.get(name, "") for name in RESERVED}
        return cls(**known, filters=chosen)


def plain(text: str) -> str:
    """What an address says, without the one character that PostgreSQL does not take."""
    return text.replace("\x00", "").strip()


@dataclass(frozen=True)
class Page:
    items: list[Item]
    previous: str  # cursors; empty where there is nothing
    next: str
    count: int | None  # None: more than MAX_COUNT


class Listing:
    """One list of one entity. `page()` costs the same few queries however many records it shows."""

    def __init__(self, entity: Entity, asked: Asked, size: int = PAGE) -> None:
        self.entity, self.asked, self.size = entity, asked, size
        self.people = People()
        wanted = asked.sort.lstrip("-")
        self.sorted_by = wanted if wanted in self.sortable else entity.title
        self.descending = asked.sort.startswith("-") and self.sorted_by == wanted

    @cached_property
    def sortable(self) -> set[str]:
        fields = self.entity.fields
        return {
            name
            for name in (*self.entity.columns_shown, "created_at", "updated_at")
            if fields[name].type not in UNSORTED or (fields[name].target and not fields[name].many)
        }

    @cached_property
    def matching(self) -> QuerySet[Any]:
        """The records that the search and the filters leave, in no order."""
        found = self.entity.model._default_manager.all()
        if self.asked.q:
            found = found.filter(self._search(self.asked.q))
        for name, value in self.asked.filters:
            found = found.filter(filters.condition(self.entity, name, value))
        return found

    def page(self) -> Page:
        back = bool(self.asked.before)
        keyed = self._keyed(back, self.asked.before or self.asked.after)
        pairs = list(keyed.values_list("_key", "id")[: self.size + 1])
        more, pairs = len(pairs) > self.size, pairs[: self.size]
        pairs = pairs[::-1] if back else pairs
        has_next = bool(pairs) and (more if not back else True)
        has_previous = bool(pairs) and (more if back else bool(self.asked.after))
        return Page(
            self._items([pk for _key, pk in pairs]),
            _cursor(pairs[0]) if has_previous else "",
            _cursor(pairs[-1]) if has_next else "",
            len(pairs) if not has_next and not has_previous else self._count(),
        )

    def _search(self, text: str) -> Q:
        """Every word stands somewhere in one of the searched fields."""
        condition = Q()
        for word in text.split()[:8]:
            condition &= Q(*[(f"{name}__icontains", word) for name in self.entity.search], _connector=Q.OR)
        return condition

    def _keyed(self, back: bool, cursor: str) -> QuerySet[Any]:
        described = self.entity.fields[self.sorted_by]
        descending = self.descending != back
        found = self.matching.annotate(_key=_sort_key(described, self.sorted_by == self.entity.title))
        if place := _place(cursor):
            try:
                key = _typed(self.entity, described, place[0])
                found = found.filter(_beyond(key, place[1], descending, back or described.required))
            except (ValidationError, ValueError, TypeError):
                pass  # a cursor of another column: the list begins at its beginning
        empty = {"nulls_first": True} if back else {"nulls_last": True}
        if described.required:
            empty = {}  # never empty: the plain order is the index's
        order = F("_key").desc(**empty) if descending else F("_key").asc(**empty)
        return found.order_by(order, "-id" if descending else "id")

    def _items(self, ids: list[UUID]) -> list[Item]:
        rows = registry.rows(self.entity, ids)
        return [item(self.entity, rows[str(pk)], self.people) for pk in ids if str(pk) in rows]

    def _count(self) -> int | None:
        counted = self.matching.order_by().values("id")[: MAX_COUNT + 1].count()
        return None if counted > MAX_COUNT else counted


def titles(wanted: Mapping[str, Iterable[str]]) -> dict[str, dict[str, str]]:
    """{entity: {id: title}} of the records that exist; one query per entity."""
    found: dict[str, dict[str, str]] = {}
    for name, ids in wanted.items():
        declared = registry.ENTITIES[name]
        pairs = declared.model._default_manager.filter(pk__in=set(ids)).values_list("id", declared.title)
        found[name] = {str(pk): title for pk, title in pairs}
    return found


def estimate(entity: Entity) -> int:
    """About how many records there are, from the table's statistics: costs nothing, says nothing exact."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [entity.table])
        return max(0, cursor.fetchone()[0])


def _sort_key(described: Field, is_title: bool) -> Any:
    if described.required and is_title:
        return Lower(described.name)  # has an index together with the id
    if described.type is Type.PERSON:
        return Lower(f"{described.name}__name")
    if described.target:
        return Lower(f"{described.name}__{registry.ENTITIES[described.target].title}")
    if described.type is Type.SELECT:  # in the order of a pipeline, not of the alphabet
        steps = [When(**{described.name: option}, then=Value(i)) for i, option in enumerate(described.options)]
        return Case(*steps, default=None, output_field=IntegerField())
    if described.type in (Type.TEXT, Type.EMAIL, Type.PHONE, Type.URL):
        return NullIf(Lower(described.name), Value(""))
    return F(described.name)


class Beyond(Func):
    """(key, id) compared with a place as one row: the key is computed once, and an index on both can start there."""

    output_field = BooleanField()

    def __init__(self, key: Any, place: tuple[Any, str], descending: bool) -> None:
        super().__init__(key, F("id"))
        self.place, self.operator = place, "<" if descending else ">"

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        sides = [compiler.compile(side) for side in self.source_expressions]
        (key, key_params), (pk, pk_params) = sides
        return f"({key}, {pk}) {self.operator} (%s, %s::uuid)", [*key_params, *pk_params, *self.place]


def _beyond(key: Any, pk: str, descending: bool, back: bool) -> Q:
    """Those that come after this key and id in the order one walks; empty keys stand at the end of the list.

    back: no empty keys follow, because one walks away from them or because the column has none.
    """
    if key is None:
        empty = Q(_key__isnull=True) & Q(**{f"id__{'lt' if descending else 'gt'}": pk})
        return empty | Q(_key__isnull=False) if back else empty
    beyond = Q(Beyond(F("_key"), (key, pk), descending))
    return beyond if back else beyond | Q(_key__isnull=True)


def _typed(entity: Entity, described: Field, key: Any) -> Any:
    """The key of a cursor as the column's type; raises ValidationError for one of another column."""
    if key is None:
        return None
    if described.type is Type.SELECT:
        return int(key)
    if described.type in (Type.DECIMAL, Type.MONEY, Type.INTEGER, Type.BOOLEAN, Type.DATE, Type.DATETIME):
        column: Any = entity.model._meta.get_field(described.name)
        return column.to_python(key)
    return str(key)


def _cursor(pair: tuple[Any, UUID]) -> str:
    return base64.urlsafe_b64encode(json.dumps(pair, default=_exactly).encode()).decode().rstrip("=")


def _exactly(key: Any) -> str:
    """Times with their microseconds, amounts with all digits: a cursor that rounds would skip records."""
    return key.isoformat() if isinstance(key, dt.date) else str(key)


def _place(cursor: str) -> tuple[Any, str] | None:
    if not cursor:
        return None
    try:
        key, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(key, dict | list):
            return None
        return key, str(UUID(pk))
    except (ValueError, TypeError, AttributeError, binascii.Error):
        return None
