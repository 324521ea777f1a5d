"""The records that a person chose in a list: some by id, or all that its search and filters leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import cached_property

from crm import filters
from crm.fields import is_id
from crm.listing import Asked, Listing
from crm.registry import Entity

MAX_IDS = 1000  # more are chosen with "all that match"


@dataclass(frozen=True)
class Selection:
    """`matching` is in no order; `walk` goes through the ids in one that new records only extend at its end."""

    entity: Entity
    ids: tuple[str, ...] = ()
    query: str | None = None  # of the list; None: what is chosen is chosen by id, be it nothing

    @classmethod
    def of(cls, entity: Entity, sent: QueryDict) -> Selection:
        """From a bulk form (`ids`, or `all=1` and `match`) or from the address of a list."""
        if "ids" in sent or "all" in sent or "match" in sent:
            if sent.get("all"):
                return cls(entity, query=sent.get("match", ""))
            return cls(entity, tuple(dict.fromkeys(pk for pk in sent.getlist("ids") if is_id(pk)))[:MAX_IDS])
        return cls(entity, query=sent.urlencode())

    @property
    def is_all(self) -> bool:
        return self.query is not None

    @cached_property
    def matching(self) -> QuerySet[Any]:
        if self.query is None:
            return self.entity.model._default_manager.filter(pk__in=self.ids)
        return Listing(self.entity, Asked.of(QueryDict(self.query))).matching

    @cached_property
    def unclear(self) -> str:
        """A part of the query that no filter understands, as when its field was removed: it would leave every record."""
        if self.query is None:
            return ""
        for name, value in Asked.of(QueryDict(self.query)).filters:
            if not filters.understood(self.entity, name, value):
                return f"{name}={value}" if filters.exists(self.entity, name) else name
        return ""

    @cached_property
    def count(self) -> int:
        return self.matching.order_by().count()

    def walk(self, after: str = "", size: int = 500) -> Iterator[list[str]]:
        """The ids in parts of `size`, oldest record first, each with one query."""
        while True:
            part = self.matching.filter(pk__gt=after) if after else self.matching
            found = [str(pk) for pk in part.order_by("pk").values_list("pk", flat=True)[:size]]
            if not found:
                return
            yield found
            after = found[-1]

    def hidden(self) -> list[tuple[str, str]]:
        """The inputs with which another form carries the selection on."""
        if self.query is not None:
            return [("all", "1"), ("match", self.query)]
        return [("ids", pk) for pk in self.ids]
