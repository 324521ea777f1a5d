"""The filters of a list, made from the entity's fields: a choice, a person, yes or no, there or not, when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.registry import Entity, Field, People
from values import Type

NONE, ANY = "-none", "-any"
#: A list of people or options longer than this is searched instead.
MAX_OPTIONS = 40

Words = str | Promise


@dataclass(frozen=True)
class Filter:
    """One chip. options: (value in the address, words)."""

    name: str
    label: str
    options: list[tuple[str, Words]] = field(default_factory=list)


def available(entity: Entity, people: People) -> list[Filter]:
    made = []
    for described in entity.fields.values():
        if options := _options(described, people):
            made.append(Filter(described.name, described.label, options))
    return made


def condition(entity: Entity, name: str, value: str) -> Q:
    """What a filter asks of the database; a filter that does not exist asks nothing."""
    described = entity.fields.get(name)
    make = CONDITIONS.get(described.type) if described else None
    if described is None or make is None:
        return Q()
    return make(described, value)


def _options(described: Field, people: People) -> list[tuple[str, Words]]:
    kind = described.type
    if kind is Type.SELECT and described.options:
        named: list[tuple[str, Words]] = [(option, option) for option in described.options[:MAX_OPTIONS]]
        return [*named, (NONE, _("None"))]
    if kind is Type.PERSON and not described.custom:
        known = sorted((people.names.get(email, email), pk) for pk, email in people.emails.items())
        return [*((str(pk), name) for name, pk in known[:MAX_OPTIONS]), (NONE, _("Nobody"))]
    if kind is Type.BOOLEAN:
        return [("yes", _("Yes")), ("no", _("No"))]
    if kind in (Type.EMAIL, Type.PHONE) or (kind is Type.RELATION and not described.many):
        return [(ANY, _("Has one")), (NONE, _("Has none"))]
    if kind in (Type.DATE, Type.DATETIME) and not described.read_only and "birth" not in described.name:
        return [
            ("past", _("In the past")),
            ("week", _("In the next 7 days")),
            (ANY, _("Has one")),
            (NONE, _("Has none")),
        ]
    return []


def _choice(described: Field, value: str) -> Q:
    wanted = "" if value == NONE else value
    if described.custom:
        name = described.name.partition(".")[2]
        return Q(custom__contains={name: wanted}) if wanted else ~Q(custom__has_key=name)
    return Q(**{described.name: wanted})


def _person(described: Field, value: str) -> Q:
    if value == NONE:
        return Q(**{f"{described.name}__isnull": True})
    return Q(**{f"{described.name}_id": int(value)}) if value.isdecimal() and len(value) < 18 else Q()


def _yes_no(described: Field, value: str) -> Q:
    if described.custom:
        yes = Q(custom__contains={described.name.partition(".")[2]: True})
        return yes if value == "yes" else ~yes
    return Q(**{described.name: value == "yes"})


def _present(described: Field, value: str) -> Q:
    if described.custom:
        there = Q(custom__has_key=described.name.partition(".")[2])
    elif described.type is Type.RELATION:
        there = Q(**{f"{described.name}__isnull": False})
    else:
        there = ~Q(**{described.name: ""})
    return there if value == ANY else ~there


def _when(described: Field, value: str) -> Q:
    if value in (ANY, NONE):
        if described.custom:
            return _present(described, value)
        return Q(**{f"{described.name}__isnull": value == NONE})
    now: Any = timezone.now() if described.type is Type.DATETIME else timezone.localdate()
    path = f"custom__{described.name.partition('.')[2]}" if described.custom else described.name
    shown: Callable[[Any], Any] = (lambda at: at.isoformat()) if described.custom else (lambda at: at)
    if value == "past":
        return Q(**{f"{path}__lt": shown(now)})
    return Q(**{f"{path}__gte": shown(now), f"{path}__lt": shown(now + dt.timedelta(days=7))})


CONDITIONS: dict[Type, Callable[[Field, str], Q]] = {
    Type.SELECT: _choice,
    Type.PERSON: _person,
    Type.BOOLEAN: _yes_no,
    Type.EMAIL: _present,
    Type.PHONE: _present,
    Type.RELATION: _present,
    Type.DATE: _when,
    Type.DATETIME: _when,
}
