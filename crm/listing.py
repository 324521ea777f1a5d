"""A page of records: searched, filtered, sorted by any shown column, and reached by key instead of by offset.

A page begins after (or ends before) the sort key and id of a record, so the thousandth page costs what the first does.
Empty values stand last, in whichever direction one sorts: they are a second part of the list, asked for by itself, because
no index is in an order that has them last both ways.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    DecimalField,
    F,
    Func,
    IntegerField,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Lower, NullIf
from django.db.models.lookups import Exact
from django.utils.functional import cached_property

from crm import filters, letters, registry
from crm.records import Item, items
from crm.registry import Entity, Field, People
from values import Type

PAGE = 50
MAX_COUNT = 10_000  # more are not counted for a page
FEW = (
    1000  # what a search finds is fetched at once up to here, and not counted beyond: somebody will type another letter
)
RESERVED = {"q", "sort", "after", "before"}
#: Of the address as well, but no filter: the saved view, the columns, the list one came from, what was chosen in it.
ASIDE = {"view", "columns", "list", "all", "match", "ids", "csrfmiddlewaretoken"}
NUMBERS = (Type.INTEGER, Type.DECIMAL)
UNSORTED = {Type.RELATION, Type.MULTI_SELECT, Type.LONG_TEXT, Type.FILE, Type.JSON}


@dataclass(frozen=True)
class Asked:
    """What a person asks of a list, as it stands in the address."""

    q: str = ""
    sort: str = ""  # a column's name, with "-" before it for descending
    after: str = ""
    before: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    me: int | None = None  # the person that "me" is

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        given = {name: plain(query[name]) for name in query}
        chosen = tuple((name, value) for name, value in given.items() if name not in RESERVED | ASIDE and value)
        known = {name: given.get(name, "") for name in RESERVED}
        return cls(known["q"], known["sort"], known["after"], known["before"], chosen)


def plain(text: str) -> str:
    """What an address says, without the one character that PostgreSQL does not take."""
    return text.replace("\x00", "").strip()


@dataclass(frozen=True)
class Page:
    items: list[Item]
    previous: str  # cursors; empty where there is nothing
    next: str
    count: int | None = None  # None: more than `Listing.most`, or not counted


class Listing:
    """One list of one entity. `page()` costs the same few queries however many records it shows."""

    def __init__(self, entity: Entity, asked: Asked, size: int = PAGE, people: People | None = None) -> None:
        self.entity, self.asked, self.size = entity, asked, size
        if people is not None:
            self.people = people
        wanted = asked.sort.lstrip("-")
        self.sorted_by = wanted if wanted in self.sortable else entity.title
        self.descending = asked.sort.startswith("-") and self.sorted_by == wanted
        self.few: int | None = None  # how many there are, once that is known to be few

    @cached_property
    def people(self) -> People:
        return People()

    @cached_property
    def sortable(self) -> set[str]:
        fields = self.entity.fields
        return {
            name
            for name in fields
            if name != "id" and (fields[name].type not in UNSORTED or (fields[name].target and not fields[name].many))
        }

    @cached_property
    def matching(self) -> QuerySet[Any]:
        """The records that the search and the filters leave, in no order."""
        found = self.entity.model._default_manager.all()
        if self.asked.q:
            found = found.filter(self._search(self.asked.q))
        for name, value in self.asked.filters:
            value = str(self.asked.me) if value == filters.ME and self.asked.me else value
            found = found.filter(filters.condition(self.entity, name, value))
        return found

    def page(self, counted: bool = True) -> Page:
        if self.is_sought:
            self._settle_few()
        back = bool(self.asked.before)
        pairs = self._walk(back, self.asked.before or self.asked.after, self.size + 1)
        more, pairs = len(pairs) > self.size, pairs[: self.size]
        pairs = pairs[::-1] if back else pairs
        has_next = bool(pairs) and (more if not back else True)
        has_previous = bool(pairs) and (more if back else bool(self.asked.after))
        is_all = not has_next and not has_previous
        return Page(
            self._items([pk for _key, pk in pairs]),
            _cursor(pairs[0]) if has_previous else "",
            _cursor(pairs[-1]) if has_next else "",
            len(pairs) if is_all else self._count() if counted else None,
        )

    def neighbours(self, item_id: str) -> tuple[str, str]:
        """The ids before and after a record in this order; empty where there is none, or where the record is not in the list."""
        if self.is_sought:
            self._settle_few()
        here = self.matching.annotate(_key=self._order.key).filter(pk=item_id).values_list("_key", "id").first()
        if here is None:
            return "", ""
        cursor = _cursor((None if self._order.is_text and not here[0] else here[0], here[1]))
        before, after = (self._walk(back, cursor, 1) for back in (True, False))
        return str(before[0][1]) if before else "", str(after[0][1]) if after else ""

    @property
    def is_sought(self) -> bool:
        """By words, or by one of several related records: of how many such a filter leaves, PostgreSQL knows little."""
        fields = self.entity.fields
        return bool(self.asked.q) or any(
            (name in fields and fields[name].many) or filters.contained(self.entity, name)
            for name, _value in self.asked.filters
        )

    @property
    def most(self) -> int:
        """How many a page counts."""
        return FEW if self.is_sought else MAX_COUNT

    @cached_property
    def about(self) -> int:
        """How many there are, as `estimate` says."""
        return estimate(self.matching)

    def _settle_few(self) -> None:
        """What is rare is looked for once. Otherwise PostgreSQL, hoping for a page full of matches soon, walks the index of the
        sort past every record, and once more to count: 250 instead of 60 ms with 100,000 records."""
        found = list(self.matching.order_by().values_list("id", flat=True)[: FEW + 1])
        if len(found) <= FEW:
            self.matching = self.entity.model._default_manager.filter(Among(found))
            self.few = len(found)

    def _search(self, text: str) -> Q:
        """Every word stands somewhere in one of the searched fields."""
        words = (Cast(Value(word), TextField()) for word in text.split()[:8])
        return Q(*(Q(search__contains=letters.folded(word)) for word in words))

    @cached_property
    def _order(self) -> Order:
        return Order.of(self.entity.fields[self.sorted_by], self.sorted_by == self.entity.title)

    def _walk(self, back: bool, cursor: str, size: int) -> list[tuple[Any, UUID]]:
        """So many (key, id) from a place on; the key is None in the part of the empty values, asked only if it is met."""
        place = self._begin(cursor)
        parts = [False] if self._order.never_empty else [back, not back]
        if place and parts[0] != (place[0] is None):
            parts = parts[1:]
        found: list[tuple[Any, UUID]] = []
        for is_empty in parts:
            asked = self._empty(back, place) if is_empty else self._filled(back, place)
            found += [(None if is_empty else key, pk) for key, pk in asked[: size - len(found)]]
            if len(found) == size:
                break
            place = None
        return found

    def _begin(self, cursor: str) -> tuple[Any, str] | None:
        """A cursor as the key's type. None at the beginning, and for a cursor of another column."""
        place = _place(cursor)
        if place is None:
            return None
        try:
            key = _typed(self.entity, self.entity.fields[self.sorted_by], place[0])
        except (ValidationError, ValueError, TypeError, ArithmeticError):
            return None
        return None if key is None and self._order.never_empty else (key, place[1])

    def _filled(self, back: bool, place: tuple[Any, str] | None) -> QuerySet[Any, Any]:
        """(key, id) of the records with a value, from a place on."""
        order, descending = self._order, self.descending != back
        found = self.matching.annotate(_key=order.key)
        if not order.never_empty:
            found = found.filter(_key__gt="") if order.is_text else found.filter(_key__isnull=False)
        if place:
            found = found.filter(Beyond(F("_key"), place, descending))
            if order.lead:  # the row is of two tables: with this, the other one's index begins at the place as well
                found = found.filter(**{f"_key__{'lte' if descending else 'gte'}": place[0]})
        return _in_order(found, descending, "_key").values_list("_key", "id")

    def _empty(self, back: bool, place: tuple[Any, str] | None) -> QuerySet[Any, Any]:
        """(None, id) of the records without one, from a place on."""
        order, descending = self._order, self.descending != back
        if order.lead:
            found = self.matching.filter(**{f"{order.lead}__isnull": True})
        else:
            is_empty = {"_key": ""} if order.is_text else {"_key__isnull": True}
            found = self.matching.annotate(_key=order.key).filter(**is_empty)
        if place:
            found = found.filter(**{f"id__{'lt' if descending else 'gt'}": place[1]})
        by = () if order.lead else ("_key",)
        return _in_order(found, descending, *by).values_list(Value(None, TextField()), "id")

    def _items(self, ids: list[UUID]) -> list[Item]:
        rows = registry.rows(self.entity, ids)
        return items(self.entity, [rows[str(pk)] for pk in ids if str(pk) in rows], self.people)

    def _count(self) -> int | None:
        if self.few is not None:
            return self.few
        if self.is_sought:
            return None
        counted = self.matching.order_by().values("id")[: self.most + 1].count()
        return None if counted > self.most else counted


def titles(wanted: Mapping[str, Iterable[str]]) -> dict[str, dict[str, str]]:
    """{entity: {id: title}} of the records that exist; one query per entity that has any."""
    return {name: _titles(registry.ENTITIES[name], set(ids)) for name, ids in wanted.items()}


def _titles(declared: registry.Declared, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    table = declared.model._meta.db_table
    sql = f'SELECT id::text, "{declared.title}" FROM "{table}" WHERE id = ANY(%s::uuid[])'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(ids)])
        return dict(cursor.fetchall())


def search(entity: Entity, q: str, size: int = 8) -> list[tuple[str, str]]:
    """The first (id, title) that hold these words."""
    page = Listing(entity, Asked(q=plain(q)), size=size).page(counted=False)
    return [(item.id, item.title) for item in page.items]


def estimate(found: QuerySet[Any]) -> int:
    """About how many there are, as PostgreSQL would plan for: costs a millisecond, says nothing exact."""
    text = found.order_by().values("id").explain(format="json")
    return round(json.loads(text)[0]["Plan"]["Plan Rows"])


@dataclass(frozen=True)
class Order:
    """What a list is sorted by. is_text: "" is empty as well; lead: the column that is null where there is nothing to follow."""

    key: Any
    never_empty: bool = False
    is_text: bool = False
    lead: str = ""

    @classmethod
    def of(cls, described: Field, is_title: bool) -> Order:
        name = described.name
        if described.custom:
            return cls(_custom_key(described))
        if described.required and is_title:
            return cls(Lower(name), never_empty=True)
        if described.type is Type.PERSON:
            return cls(Lower(f"{name}__name"), lead=name)
        if described.target:
            return cls(Lower(f"{name}__{registry.ENTITIES[described.target].title}"), lead=name)
        if described.type is Type.SELECT:  # in the order of a pipeline, not of the alphabet
            steps = [When(**{name: option}, then=Value(i)) for i, option in enumerate(described.options)]
            return cls(Case(*steps, default=None, output_field=IntegerField()))
        if described.type in (Type.TEXT, Type.EMAIL, Type.PHONE, Type.URL):
            return cls(Lower(name), is_text=True)
        return cls(F(name), never_empty=name in registry.READ_ONLY)


def _in_order(found: QuerySet[Any, Any], descending: bool, *by: str) -> QuerySet[Any, Any]:
    return found.order_by(*(f"-{name}" if descending else name for name in (*by, "id")))


def _custom_key(described: Field) -> Any:
    name = described.name.partition(".")[2]
    held = KeyTextTransform(name, "custom")
    if described.type in NUMBERS:
        return Cast(held, DecimalField(max_digits=18, decimal_places=4))
    if described.type is Type.SELECT:
        steps = [When(Exact(held, Value(option)), then=Value(i)) for i, option in enumerate(described.options)]
        return Case(*steps, default=None, output_field=IntegerField())
    if described.type is Type.MONEY:
        return Cast(
            KeyTextTransform("amount", KeyTransform(name, "custom")), DecimalField(max_digits=18, decimal_places=4)
        )
    return NullIf(Lower(held), Value(""))


class Among(Func):
    """The records with these ids, as one parameter: a list of a thousand is longer in the making than in the search."""

    output_field = BooleanField()
    template = "%(expressions)s = ANY(%%s::uuid[])"

    def __init__(self, ids: list[UUID]) -> None:
        super().__init__(F("id"))
        self.ids = ids

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        statement, parameters = super().as_sql(compiler, connection, **context)
        return statement, [*parameters, self.ids]


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


def _typed(entity: Entity, described: Field, key: Any) -> Any:
    """The key of a cursor as the column's type; raises ValidationError for one of another column."""
    if key is None:
        return None
    if described.type is Type.SELECT:
        return int(key)
    if described.custom:
        return Decimal(key) if described.type in (*NUMBERS, Type.MONEY) else str(key)
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
