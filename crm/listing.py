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
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Case, DecimalField, F, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Lower, NullIf
from django.db.models.lookups import Exact
from django.utils.functional import cached_property

from crm import filters, registry
from crm.records import Item, items
from crm.registry import Entity, Field, People
from values import Type

PAGE = 50
MAX_COUNT = 10_000
FEW = 1000  # what a search finds is fetched at once up to here, instead of walking through all records in their order
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
    count: int | None  # None: more than MAX_COUNT


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

    def page(self) -> Page:
        if self._looks_for_words:
            self._settle_few()
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

    def neighbours(self, item_id: str) -> tuple[str, str]:
        """The ids before and after a record in this order; empty where there is none, or where the record is not in the list."""
        if self._looks_for_words:
            self._settle_few()
        described = self.entity.fields[self.sorted_by]
        keyed = self.matching.annotate(_key=_sort_key(described, self.sorted_by == self.entity.title))
        here = keyed.filter(pk=item_id).values_list("_key", "id").first()
        if here is None:
            return "", ""
        cursor = _cursor(here)
        before, after = (self._keyed(back, cursor).values_list("id", flat=True).first() for back in (True, False))
        return str(before or ""), str(after or "")

    @property
    def _looks_for_words(self) -> bool:
        return bool(self.asked.q) or any(filters.contained(self.entity, name) for name, _value in self.asked.filters)

    @cached_property
    def about(self) -> int:
        """How many there are, as `estimate` says."""
        return estimate(self.matching)

    def _settle_few(self) -> None:
        """A rare word is looked for once. Otherwise PostgreSQL, hoping for a page full of matches soon, walks the index of the
        sort past every record, and once more to count: 250 instead of 60 ms with 100,000 records."""
        found = list(self.matching.order_by().values_list("id", flat=True)[: FEW + 1])
        if len(found) <= FEW:
            self.matching = self.entity.model._default_manager.filter(pk__in=found)
            self.few = len(found)

    def _search(self, text: str) -> Q:
        """Every word stands somewhere in one of the searched fields."""
        return Q(*(Q(search__contains=Lower(Value(word))) for word in text.split()[:8]))

    def _keyed(self, back: bool, cursor: str) -> QuerySet[Any]:
        described = self.entity.fields[self.sorted_by]
        descending = self.descending != back
        never_empty = described.required or described.name in registry.READ_ONLY
        found = self.matching.annotate(_key=_sort_key(described, self.sorted_by == self.entity.title))
        if place := _place(cursor):
            try:
                key = _typed(self.entity, described, place[0])
                found = found.filter(_beyond(key, place[1], descending, back or never_empty))
            except (ValidationError, ValueError, TypeError):
                pass  # a cursor of another column: the list begins at its beginning
        empty = {"nulls_first": True} if back else {"nulls_last": True}
        if never_empty:
            empty = {}  # the plain order is the index's
        order = F("_key").desc(**empty) if descending else F("_key").asc(**empty)
        return found.order_by(order, "-id" if descending else "id")

    def _items(self, ids: list[UUID]) -> list[Item]:
        rows = registry.rows(self.entity, ids)
        return items(self.entity, [rows[str(pk)] for pk in ids if str(pk) in rows], self.people)

    def _count(self) -> int | None:
        if self.few is not None:
            return self.few
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


def search(entity: Entity, q: str, size: int = 8) -> list[tuple[str, str]]:
    """The first (id, title) that hold these words."""
    page = Listing(entity, Asked(q=plain(q)), size=size).page()
    return [(item.id, item.title) for item in page.items]


def estimate(found: QuerySet[Any]) -> int:
    """About how many there are, as PostgreSQL would plan for: costs a millisecond, says nothing exact."""
    text = found.order_by().values("id").explain(format="json")
    return round(json.loads(text)[0]["Plan"]["Plan Rows"])


def _sort_key(described: Field, is_title: bool) -> Any:
    if described.custom:
        return _custom_key(described)
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
