"""Views: lists that people keep under a name, for themselves or for everybody of the organisation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.db import IntegrityError
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import filters
from crm.listing import ASIDE, RESERVED, plain
from crm.models import ListMemory, SavedView
from crm.records import Invalid, Missing
from crm.registry import Entity

NAME = 60
MOST = 50  # of one entity that one person sees


class NotYours(PermissionError):
    """The view belongs to somebody else, or sharing is beyond the role; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who asks. user_id: None for a program, which sees only what is shared."""

    user_id: int | None
    name: str
    may_share: bool
    may_manage: bool

    def may_change(self, view: SavedView) -> bool:
        return self.may_manage if view.user_id is None or view.user_id != self.user_id else True


def visible(entity: str, keeper: Keeper) -> list[SavedView]:
    """Her own and the shared ones, in the order in which they were made."""
    mine = Q(is_shared=True) | Q(user_id=keeper.user_id, user_id__isnull=False)
    return list(SavedView.objects.filter(mine, entity=entity)[:MOST])


def find(entity: str, pk: int, keeper: Keeper) -> SavedView:
    for view in visible(entity, keeper):
        if view.pk == pk:
            return view
    raise Missing(pk)


def make(
    entity: Entity, keeper: Keeper, name: str, query: str, columns: Sequence[str] = (), is_shared: bool = False
) -> SavedView:
    """Raises Invalid and NotYours."""
    if is_shared:
        _may_share(keeper)
    if len(visible(entity.name, keeper)) >= MOST:
        raise Invalid({"name": _("There are %(most)s views already. Delete one that nobody needs.") % {"most": MOST}})
    return SavedView.objects.create(
        entity=entity.name,
        name=_named(name),
        query=cleaned(entity, query),
        columns=known(entity, columns),
        is_shared=is_shared,
        user_id=keeper.user_id,
        made_by=keeper.name,
    )


def change(
    entity: Entity,
    view: SavedView,
    keeper: Keeper,
    name: str | None = None,
    query: str | None = None,
    columns: Sequence[str] | None = None,
    is_shared: bool | None = None,
) -> SavedView:
    """Only what is given: who renames a view leaves alone what somebody else keeps in it meanwhile. Raises Invalid, NotYours, and
    Missing for one that was deleted since."""
    _may_change(view, keeper)
    if is_shared and not view.is_shared:
        _may_share(keeper)
    given: dict[str, object] = {}
    if name is not None:
        given["name"] = _named(name)
    if query is not None:
        given["query"] = cleaned(entity, query)
    if columns is not None:
        given["columns"] = known(entity, columns)
    if is_shared is not None:
        given["is_shared"] = is_shared
    if not SavedView.objects.filter(pk=view.pk).update(**given, updated_at=timezone.now()):
        raise Missing(view.pk)
    view.refresh_from_db()
    return view


def remove(view: SavedView, keeper: Keeper) -> None:
    _may_change(view, keeper)
    view.delete()


def cleaned(entity: Entity, query: str) -> str:
    """The search, the filters and the sort of an address, always in the same order: two equal lists are equal texts."""
    given = {name: plain(str(value)) for name, value in QueryDict(query[:4000]).items()}
    given[f"{given.get('in')}{filters.CONTAINS}"] = given.get("contains", "")  # as its form sends it
    kept = {
        name: given[name] for name in sorted(given) if name not in ASIDE | RESERVED and filters.exists(entity, name)
    }
    ordered = {"q": given.get("q", "")} | kept | {"sort": given.get("sort", "")}
    made = QueryDict(mutable=True)
    for name, value in ordered.items():
        if value:
            made[name] = value
    return made.urlencode()


def known(entity: Entity, columns: Iterable[str]) -> list[str]:
    """Those that the entity has, each once, the title first: it is what leads to the record."""
    named = [name for name in dict.fromkeys(columns) if name in entity.fields and name not in ("id", entity.title)]
    return [entity.title, *named] if named else []


# --- how somebody left a list -----------------------------------------------------------------------------------------


def memory(entity: str, user_id: int) -> ListMemory:
    found = ListMemory.objects.filter(entity=entity, user_id=user_id).first()
    return found or ListMemory(entity=entity, user_id=user_id)


def remember(kept: ListMemory, **changes: object) -> None:
    """Writes only what is new; two tabs that do it at once end with the later one."""
    fresh = {name: value for name, value in changes.items() if getattr(kept, name) != value}
    if fresh:
        for name, value in fresh.items():
            setattr(kept, name, value)
        with suppress(IntegrityError):  # the view was deleted in this very moment
            ListMemory.objects.update_or_create(user_id=kept.user_id, entity=kept.entity, defaults=fresh)


def _named(name: str) -> str:
    name = " ".join(plain(name).split())
    if not name:
        raise Invalid({"name": _("Give the view a name.")})
    if len(name) > NAME:
        raise Invalid({"name": _("A name has up to %(limit)s characters.") % {"limit": NAME}})
    return name


def _may_share(keeper: Keeper) -> None:
    if not keeper.may_share:
        raise NotYours(_("Your role keeps views for yourself only. A member can share this one."))


def _may_change(view: SavedView, keeper: Keeper) -> None:
    if not keeper.may_change(view):
        raise NotYours(
            _("%(who)s made this view. Ask them, an admin or an owner to change it, or save it as one of your own.")
            % {"who": view.made_by or _("A program")}
        )
