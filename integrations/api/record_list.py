"""The records of an entity as a program asks for them: exact filters, ranges, a stable default order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

import values
from crm import filters as in_lists
from crm import listing, registry
from crm.listing import Asked, Listing
from crm.records import Item
from integrations.api.paging import Paging, bad_cursor
from integrations.api.problems import Problem
from values import Type, Unfit

RANGES = ("gt", "gte", "lt", "lte")
RANGED = {Type.INTEGER, Type.DECIMAL, Type.MONEY, Type.DATE, Type.DATETIME}
CASELESS = {Type.TEXT, Type.LONG_TEXT, Type.EMAIL, Type.PHONE, Type.URL, Type.SELECT}
YES_NO = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


class RecordList(Listing):
    """Without `sort`, in the order in which records were made: a walk through all pages then sees each record once."""

    def __init__(
        self, entity: registry.Entity, search: str, sort: str, filters: Iterable[tuple[str, str]], paging: Paging
    ) -> None:
        asked = Asked(q=search, sort=sort, after=paging.after, filters=tuple(filters))
        super().__init__(entity, asked, paging.limit)
        if sort and sort.lstrip("-") not in self.sortable:
            raise _unknown(_("Records cannot be sorted by “%(name)s”."), sort)

    @cached_property
    def matching(self) -> QuerySet[Any]:
        found = self.entity.model._default_manager.all()
        if self.asked.q:
            found = found.filter(self._search(self.asked.q))
        for name, text in self.asked.filters:
            found = _filtered(found, self.entity, name, text)
        return found

    def items(self) -> tuple[list[Item], str | None]:
        """One page and the cursor of the next."""
        if not self.asked.sort:
            return self._in_order_of_making()
        if self.asked.after and listing._place(self.asked.after) is None:
            raise bad_cursor()
        pairs = self._walk(False, self.asked.after, self.size + 1)
        kept = pairs[: self.size]
        following = listing._cursor(kept[-1]) if len(pairs) > self.size else None
        return self._items([pk for _key, pk in kept]), following

    def _in_order_of_making(self) -> tuple[list[Item], str | None]:
        found = self.matching.order_by("id")
        if self.asked.after:
            try:
                found = found.filter(id__gt=UUID(self.asked.after))
            except ValueError as error:
                raise bad_cursor() from error
        ids = list(found.values_list("id", flat=True)[: self.size + 1])
        kept = ids[: self.size]
        return self._items(kept), str(kept[-1]) if len(ids) > self.size else None


def _filtered(found: QuerySet[Any], entity: registry.Entity, name: str, text: str) -> QuerySet[Any]:
    """`name` is a field, or a field with a range or a part of its text: "amount.gte", "email.contains"."""
    if searched := in_lists.contained(entity, name):
        return found.filter(in_lists.contains(searched, text)) if text else found
    field_name, _dot, step = name.rpartition(".")
    if step not in RANGES:
        field_name, step = name, ""
    described = entity.fields.get(field_name)
    if described is None:
        raise _unknown(_("There is no field “%(name)s”."), field_name)
    if step and (described.type not in RANGED or described.custom):
        raise _unknown(_("“%(name)s” takes no range."), field_name)
    try:
        if described.type in CASELESS and not described.custom and text and described.name != "id":
            key = f"_lower_{described.name}"
            return found.alias(**{key: Lower(described.name)}).filter(**{key: text.lower()})
        return found.filter(_condition(described, step, text))
    except Unfit as error:
        raise Problem("invalid", str(error), [{"field": name, "detail": str(error)}]) from error


def _condition(described: registry.Field, step: str, text: str) -> Q:
    if described.custom:
        return _custom(described, text)
    name, kind = described.name, described.type
    if not text:
        return _empty(described)
    if name == "id":
        return Q(id=_uuid(described, text))
    if kind is Type.BOOLEAN:
        return Q(**{name: _yes_no(text)})
    if kind is Type.PERSON:
        return Q(**{f"{name}__email": text.strip().lower()})
    if kind is Type.RELATION:
        wanted = _uuid(described, text)
        return Q(**{f"{name}__contains": [wanted]}) if described.many else Q(**{f"{name}_id": wanted})
    if kind is Type.MULTI_SELECT:
        return Q(**{f"{name}__contains": [text]})
    value = values.canonical(kind, text)
    value = value["amount"] if kind is Type.MONEY else value
    return Q(**{f"{name}__{step or 'exact'}": value})


def _custom(described: registry.Field, text: str) -> Q:
    name = described.name.partition(".")[2]
    if not text:
        return ~Q(custom__has_key=name)
    value: Any = _yes_no(text) if described.type is Type.BOOLEAN else values.canonical(described.type, text)
    if described.type is Type.MULTI_SELECT:  # not a list yet: registry.reader
        return Q(custom__contains={name: value}) | Q(custom__contains={name: text})
    return Q(custom__contains={name: value})


def _empty(described: registry.Field) -> Q:
    if described.many or described.type is Type.MULTI_SELECT:
        return Q(**{described.name: []})
    if described.type in CASELESS:
        return Q(**{described.name: ""})
    return Q(**{f"{described.name}__isnull": True})


def _yes_no(text: str) -> bool:
    if text.lower() not in YES_NO:
        raise Unfit("“%(text)s” is neither true nor false", text=text)
    return YES_NO[text.lower()]


def _uuid(described: registry.Field, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Unfit("%(label)s: “%(text)s” is not an id", label=described.label, text=text) from error


def _unknown(words: str, name: str) -> Problem:
    detail = words % {"name": name}
    return Problem("unknown_field", detail, [{"field": name, "detail": detail}])
