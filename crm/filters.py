"""The filters of a list, made from the entity's fields: a choice, a person, yes or no, there or not, when, what it contains."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import F, Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Lower
from django.db.models.lookups import Contains, IRegex
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import letters
from crm.registry import Entity, Field, People
from values import Type

NONE, ANY = "-none", "-any"
ME = "-me"  # who looks at the list, so that one view serves everybody
#: After a field's name: `email.contains=nord`, anywhere in the text; crm.letters says what counts as the same.
CONTAINS = ".contains"
TEXTS = (Type.TEXT, Type.LONG_TEXT, Type.EMAIL, Type.PHONE, Type.URL)
#: A list of people or options longer than this is searched instead.
MAX_OPTIONS = 40


@dataclass(frozen=True)
class Filter:
    """One chip. options: (value in the address, words)."""

    name: str
    label: str
    options: list[tuple[str, str]] = field(default_factory=list)


def available(entity: Entity, people: People, me: int | None = None) -> list[Filter]:
    """me: the person who looks, where she is one of the tenant's people."""
    made = []
    for described in entity.fields.values():
        if options := _options(described, people, me):
            made.append(Filter(described.name, described.label, options))
    return made


def exists(entity: Entity, name: str) -> bool:
    described = entity.fields.get(name)
    return (described is not None and described.type in CONDITIONS) or contained(entity, name) is not None


def contained(entity: Entity, name: str) -> Field | None:
    """The field that "<field>.contains" asks about, or None."""
    if name in entity.fields or not name.endswith(CONTAINS):
        return None
    described = entity.fields.get(name.removesuffix(CONTAINS))
    return described if described and is_text(described) else None


def texts(entity: Entity) -> list[Field]:
    """The fields that can be asked what they contain."""
    return [described for described in entity.fields.values() if is_text(described)]


def is_text(described: Field) -> bool:
    return described.type in TEXTS and described.name != "id"


def understood(entity: Entity, name: str, value: str) -> bool:
    """Whether `condition` asks what the value says. A page may pass over what it does not know; a deletion may not."""
    if not exists(entity, name) or not value:
        return False
    if contained(entity, name):
        return True
    described = entity.fields[name]
    if value in (NONE, ANY) or described.type in (Type.SELECT, Type.MULTI_SELECT):
        return True
    match described.type:
        case Type.PERSON:
            return described.custom or value == ME or (value.isdecimal() and len(value) < 18)
        case Type.BOOLEAN:
            return value in ("yes", "no")
        case Type.RELATION:
            return _is_id(value)
        case Type.DATE | Type.DATETIME:
            return value in ("past", "week")
    return False


def _is_id(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def condition(entity: Entity, name: str, value: str) -> Q:
    """What a filter asks of the database; a filter that does not exist asks nothing."""
    if searched := contained(entity, name):
        return contains(searched, value)
    described = entity.fields.get(name)
    make = CONDITIONS.get(described.type) if described else None
    if described is None or make is None:
        return Q()
    return make(described, value)


def contains(described: Field, text: str) -> Q:
    """The text stands somewhere in the field, in whatever case and with whatever accents."""
    held: Any = KeyTextTransform(described.name.partition(".")[2], "custom") if described.custom else F(described.name)
    pattern = letters.pattern(text) if len(text) <= letters.LONGEST else ""
    return Q(IRegex(held, Value(pattern))) if pattern else Q(Contains(Lower(held), Lower(Value(text))))


def _options(described: Field, people: People, me: int | None) -> list[tuple[str, str]]:
    kind = described.type
    if kind is Type.SELECT and described.options:
        return [*((option, option) for option in described.options[:MAX_OPTIONS]), (NONE, _("None"))]
    if kind is Type.PERSON and not described.custom:
        known = sorted((people.names.get(email, email), pk) for pk, email in people.emails.items())
        mine = [(ME, _("Me"))] if me else []
        return [*mine, *((str(pk), name) for name, pk in known[:MAX_OPTIONS]), (NONE, _("Nobody"))]
    if kind is Type.BOOLEAN:
        return [("yes", _("Yes")), ("no", _("No"))]
    if kind in (Type.EMAIL, Type.PHONE) or (kind is Type.RELATION and not described.many):
        return [(ANY, _("Has one")), (NONE, _("Has none"))]
    if kind is Type.MULTI_SELECT:
        tags = ((option, option) for option in described.options[:MAX_OPTIONS])
        return [*tags, (ANY, _("Has one")), (NONE, _("Has none"))]
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
    if described.custom:  # holds an e-mail address
        own = described.name.partition(".")[2]
        return ~Q(custom__has_key=own) if value == NONE else Q(custom__contains={own: value})
    if value == ME:  # somebody who is none of the tenant's people
        return Q(pk__in=[])
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


def _related(described: Field, value: str) -> Q:
    """Points to one record, by its id; or to any, or to none."""
    if value in (ANY, NONE):
        if described.many and not described.custom:
            return ~Q(**{described.name: []}) if value == ANY else Q(**{described.name: []})
        return _present(described, value)
    try:
        pk = str(UUID(value))
    except ValueError:
        return Q()
    if described.custom:
        return Q(custom__contains={described.name.partition(".")[2]: [pk]})
    return Q(**{f"{described.name}__contains": [pk]}) if described.many else Q(**{f"{described.name}_id": pk})


def _holds(described: Field, value: str) -> Q:
    """One of several tags; or any, or none."""
    if described.custom:
        own = described.name.partition(".")[2]
        one_of = Q(custom__contains={own: [value]}) | Q(
            custom__contains={own: value}
        )  # not a list yet: registry.reader
        return _present(described, value) if value in (ANY, NONE) else one_of
    if value in (ANY, NONE):
        return ~Q(**{described.name: []}) if value == ANY else Q(**{described.name: []})
    return Q(**{f"{described.name}__contains": [value]})


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
    Type.RELATION: _related,
    Type.MULTI_SELECT: _holds,
    Type.DATE: _when,
    Type.DATETIME: _when,
}
