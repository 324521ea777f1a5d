"""Which list a person sees: what its address asks for, the view it names, and how she left it.

An address says all or nothing: `?status=Lead&sort=-name` is the whole list, with `view=7` beside it the view 7, changed.
`?view=7` alone is the view as it was saved, `?view=all` every record, and no query at all where she was last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, urlencode

from django.http import HttpRequest, QueryDict

from crm import filters, saved_views
from crm.listing import plain
from crm.models import ListMemory, SavedView
from crm.registry import Entity, People
from crm.saved_views import Keeper

ALL = "all"


@dataclass
class Arrangement:
    """query: search, filters and sort, nothing else; columns: names, the title first; is_lost: the view is not there."""

    entity: Entity
    path: str
    keeper: Keeper
    memory: ListMemory
    views: list[SavedView]
    view: SavedView | None
    query: str
    columns: list[str]
    people: People
    is_lost: bool = False

    @property
    def me(self) -> int | None:
        """The one of the tenant's people who looks."""
        return self.people.of_users.get(self.memory.user_id)

    @property
    def usual(self) -> list[str]:
        """The columns that this list has when nobody chooses others."""
        chosen = self.view.columns if self.view else self.memory.columns
        return saved_views.known(self.entity, chosen) or list(self.entity.columns_shown)

    @property
    def is_changed(self) -> bool:
        return self.view is not None and (self.query != self.view.query or self.columns != self.usual)

    @property
    def match(self) -> str:
        """The list for everybody and everything that reads an address: without "me", with its columns."""
        query = QueryDict(self.query, mutable=True)
        for name in query:
            if query[name] == filters.ME:
                query[name] = str(self.me or 0)
        if self.columns != list(self.entity.columns_shown):
            query["columns"] = ",".join(self.columns)
        return query.urlencode(safe=",")

    def address(self, changes: Mapping[str, str] | None = None, only: bool = False) -> str:
        """This list with some of its query changed, from its first page; only: with nothing else of the query."""
        changes = dict(changes or {})
        query = {} if only else dict(self._asked)
        columns = changes.pop("columns", "" if self.columns == self.usual else ",".join(self.columns))
        for name, value in changes.items():
            query.pop(name, None)
            if value:
                query[name] = value
        if columns:
            query["columns"] = columns
        if self.view:
            if not query:
                query["q"] = ""  # something beside the view: it is the whole list that is meant
            query["view"] = str(self.view.pk)
        elif not query:
            query["view"] = ALL
        return f"{self.path}?{urlencode(query, safe=',', quote_via=quote)}"

    @cached_property
    def _asked(self) -> dict[str, str]:
        return QueryDict(self.query).dict()


def of(request: HttpRequest, entity: Entity, people: People) -> Arrangement:
    """Remembers it as well. Two small queries."""
    keeper, asked = keeper_of(request), request.GET
    memory = saved_views.memory(entity.name, request.membership.user_id)
    views = saved_views.visible(entity.name, keeper)
    explicit = [name for name in asked if name not in ("view", "after", "before")]
    view, is_lost = _view(asked.get("view", ""), views, None if asked else memory)
    if explicit:
        query = saved_views.cleaned(entity, asked.urlencode())
    else:
        query = view.query if view else ""
    if not view and "sort" not in QueryDict(query) and memory.sort:
        query = saved_views.cleaned(entity, f"{query}&sort={memory.sort}")
    arranged = Arrangement(
        entity,
        request.path,
        keeper,
        memory,
        views,
        view,
        query,
        [],
        people,
        is_lost,
    )
    arranged.columns = saved_views.known(entity, plain(asked.get("columns", "")).split(",")) or arranged.usual
    _remember(arranged, bool(explicit))
    return arranged


def keeper_of(request: HttpRequest) -> Keeper:
    may = request.membership.may
    return Keeper(request.membership.user_id, str(request.user), may("member"), may("admin"))


def _view(asked: str, views: list[SavedView], left: ListMemory | None) -> tuple[SavedView | None, bool]:
    """The view, and whether one was asked for that is not there. left: how she left the list, for an address without a query."""
    if left is not None:
        wanted = {left.first_id, left.last_id}
        kept = [view for view in views if view.pk in wanted]
        return next((view for view in kept if view.pk == left.first_id), kept[0] if kept else None), False
    found = next((view for view in views if str(view.pk) == asked), None)
    return found, found is None and asked not in ("", ALL)


def _remember(arranged: Arrangement, is_explicit: bool) -> None:
    changes: dict[str, object] = {"last_id": arranged.view.pk if arranged.view else None}
    if is_explicit and not arranged.view:
        columns = arranged.columns if arranged.columns != list(arranged.entity.columns_shown) else []
        changes |= {"sort": QueryDict(arranged.query).get("sort", ""), "columns": columns}
    saved_views.remember(arranged.memory, **changes)
