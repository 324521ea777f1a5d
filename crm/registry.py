"""The entity registry: which local records can be synced, and their fields as types, derived from the models.

A `Field` here is the local counterpart of an adapter's field. The registry also knows how a row of the database turns into
canonical values and back; nothing else in the project reads columns of an entity it does not know by name.

A *row* is a dict of column names to JSON, exactly as PostgreSQL's `to_jsonb(record)` gives it and as
`jsonb_populate_recordset` takes it: the change feed, the history, the engine and the services share this form.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils.translation import pgettext_lazy

import values
from crm import fields as kinds
from crm.models import Company, Contact, CustomField, Deal, Person, Record, SelectOption, Task
from values import Type, Unfit, Value

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A local field. `column` is the row's key; custom fields are named "custom.<name>" and stand in `custom`."""

    name: str
    label: str
    type: Type
    column: str
    many: bool = False
    read_only: bool = False
    required: bool = False
    options: tuple[str, ...] = ()
    target: str = ""  # relation: the other entity
    max_length: int | None = None
    critical: bool = False
    custom: bool = False


@dataclass(frozen=True)
class Entity:
    """A kind of record. `keys` are the fields that may pair records at a first meeting, best first; `search` are those that its
    column of that name holds in one form."""

    name: str
    model: type[Record]
    title: str
    keys: tuple[str, ...]
    search: tuple[str, ...]
    columns_shown: tuple[str, ...]
    icon: str
    fields: dict[str, Field] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return str(self.model._meta.verbose_name).capitalize()

    @property
    def one(self) -> str:
        """With its article where the language wants one, as in "Add …"."""
        return str(ONE.get(self.name) or self.label.lower())

    @property
    def plural(self) -> str:
        return str(self.model._meta.verbose_name_plural).capitalize()

    @cached_property
    def table(self) -> str:
        return self.model._meta.db_table

    @cached_property
    def columns(self) -> list[str]:
        return [str(f.column) for f in self.model._meta.concrete_fields if not f.generated]


@dataclass(frozen=True)
class Declared:
    model: type[Record]
    title: str
    keys: tuple[str, ...]
    search: tuple[str, ...]
    shown: tuple[str, ...]
    icon: str
    critical: tuple[str, ...] = ()


ENTITIES: dict[str, Declared] = {
    "contact": Declared(
        Contact,
        "name",
        ("email", "name", "phone"),
        ("name", "email"),
        ("name", "email", "phone", "company", "status", "owner"),
        "users",
        ("email", "phone"),
    ),
    "company": Declared(
        Company,
        "name",
        ("website", "name"),
        ("name",),
        ("name", "industry", "city", "employees", "website", "owner"),
        "building-2",
    ),
    "deal": Declared(
        Deal,
        "name",
        ("name",),
        ("name",),
        ("name", "amount", "stage", "close_date", "company", "owner"),
        "handshake",
        ("amount",),
    ),
    "task": Declared(
        Task,
        "title",
        ("title",),
        ("title",),
        ("title", "done", "due_at", "priority", "assignee", "deal"),
        "list-todo",
    ),
}

ONE = {
    "contact": pgettext_lazy("with its article", "contact"),
    "company": pgettext_lazy("with its article", "company"),
    "deal": pgettext_lazy("with its article", "deal"),
    "task": pgettext_lazy("with its article", "task"),
}
READ_ONLY = {"id", "created_at", "updated_at"}
HIDDEN = {"custom"}


def names() -> list[str]:
    return list(ENTITIES)


def entity(name: str) -> Entity:
    """The entity with the tenant's own fields and options. Two small queries. Raises KeyError for an unknown name."""
    ENTITIES[name]
    if _read.get() is not None:
        return _described(name, _rows(SelectOption.objects.all()), _rows(CustomField.objects.all()))
    return _described(name, SelectOption.objects.filter(entity=name), CustomField.objects.filter(entity=name))


def every() -> list[Entity]:
    """All entities, with the same two queries."""
    options, own = _rows(SelectOption.objects.all()), _rows(CustomField.objects.all())
    return [_described(name, options, own) for name in ENTITIES]


#: What was read inside `reading_once`: {(schema, model): rows}. None outside of it.
_read: ContextVar[dict[tuple[str, type[models.Model]], list[Any]] | None] = ContextVar("read", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """Inside, options, custom fields and people are asked of the database once, whoever asks, in each tenant.

    For a page that only reads: it would not see what it writes. Rows are kept, not what is made of them, so that nobody can
    change it for the next one.
    """
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def _rows(small: models.QuerySet[Any, Any]) -> list[Any]:
    """All rows of a small table."""
    kept = _read.get()
    if kept is None:
        return list(small)
    place = connection.schema_name, small.model
    if place not in kept:
        kept[place] = list(small)
    return kept[place]


def _described(name: str, named: Iterable[SelectOption], own_fields: Iterable[CustomField]) -> Entity:
    declared = ENTITIES[name]
    options: dict[str, list[str]] = {}
    for one in named:
        if one.entity == name:
            options.setdefault(one.field, []).append(one.name)
    described = _built_in(name, declared, options)
    for own in own_fields:
        if own.entity != name:
            continue
        described[f"custom.{own.name}"] = Field(
            name=f"custom.{own.name}",
            label=own.label,
            type=Type(own.type),
            column="custom",
            options=tuple(own.options),
            target=own.target,
            many=Type(own.type) is Type.RELATION,
            custom=True,
        )
    return Entity(
        name,
        declared.model,
        declared.title,
        declared.keys,
        declared.search,
        declared.shown,
        declared.icon,
        described,
    )


def _built_in(name: str, declared: Declared, options: Mapping[str, list[str]]) -> dict[str, Field]:
    described = {}
    for column in declared.model._meta.concrete_fields:
        if column.generated or column.name in HIDDEN or column.name.endswith("_currency"):
            continue
        kind, many = _type(column)
        described[column.name] = Field(
            name=column.name,
            label=str(column.verbose_name).capitalize() if column.name != "id" else "ID",
            type=kind,
            column=str(column.column),
            many=many,
            read_only=column.name in READ_ONLY,
            required=column.name == declared.title,
            options=tuple(dict.fromkeys([*getattr(column, "options", ()), *options.get(column.name, [])])),
            target=_target(column),
            max_length=getattr(column, "max_length", None),
            critical=column.name in declared.critical,
        )
    return described


TYPES: tuple[tuple[type[models.Field], Type], ...] = (  # first match wins: subclasses stand before their bases
    (kinds.SelectField, Type.SELECT),
    (kinds.PhoneField, Type.PHONE),
    (kinds.LongTextField, Type.LONG_TEXT),
    (kinds.MoneyField, Type.MONEY),
    (kinds.RelationField, Type.RELATION),
    (ArrayField, Type.MULTI_SELECT),
    (models.EmailField, Type.EMAIL),
    (models.URLField, Type.URL),
    (models.BooleanField, Type.BOOLEAN),
    (models.DateTimeField, Type.DATETIME),
    (models.DateField, Type.DATE),
    (models.DecimalField, Type.DECIMAL),
    (models.IntegerField, Type.INTEGER),
    (models.UUIDField, Type.TEXT),
    (models.CharField, Type.TEXT),
    (models.TextField, Type.LONG_TEXT),
)


def _type(column: Any) -> tuple[Type, bool]:
    if isinstance(column, models.ForeignKey):
        return (Type.PERSON, False) if column.related_model is Person else (Type.RELATION, False)
    for kind, described in TYPES:
        if isinstance(column, kind):
            return described, isinstance(column, kinds.RelationField)
    raise TypeError(f"no canonical type for {column}")


def _target(column: Any) -> str:
    if isinstance(column, kinds.RelationField):
        return column.to
    if isinstance(column, models.ForeignKey) and column.related_model is not Person:
        return str(column.related_model._meta.model_name)
    return ""


# --- people ---------------------------------------------------------------------------------------------------------


class People:
    """E-mails and ids of the tenant's people, read once; unknown e-mails are added when asked for."""

    def __init__(self) -> None:
        known = _rows(Person.objects.values_list("id", "email", "name", "user_id"))
        self.emails: dict[int, str] = {pk: email for pk, email, _name, _user in known}
        self.ids: dict[str, int] = {email: pk for pk, email, _name, _user in known}
        self.names: dict[str, str] = {email: name for _pk, email, name, _user in known}
        self.of_users: dict[int, int] = {user: pk for pk, _email, _name, user in known if user is not None}

    def id(self, email: str) -> int:
        email = email.strip().lower()
        if email not in self.ids:
            person, _ = Person.objects.get_or_create(
                email=email, defaults={"name": email.split("@")[0].replace(".", " ").title()}
            )
            self.ids[email], self.emails[person.pk] = person.pk, email
        return self.ids[email]


# --- rows <-> canonical values --------------------------------------------------------------------------------------


def reader(described: Field, people: People) -> Callable[[Row], Value]:
    """A function that takes a field's canonical value out of a row. Made once per field, run once per record."""
    column, kind = described.column, described.type
    if described.custom:
        name = described.name.partition(".")[2]
        if kind is Type.MULTI_SELECT:  # until lately it may have held one value, which a bulk action is making a list
            return lambda row: [held] if isinstance(held := (row["custom"] or {}).get(name), str) else held
        return lambda row: (row["custom"] or {}).get(name)
    if kind in (Type.INTEGER, Type.BOOLEAN, Type.DATE):
        return lambda row: row[column]
    if kind is Type.DECIMAL:
        return lambda row: None if row[column] is None else values.decimal(row[column])
    if kind is Type.MONEY:
        currency = f"{column}_currency"
        return lambda row: (
            None if row[column] is None else {"amount": values.decimal(row[column]), "currency": row[currency] or None}
        )
    if kind is Type.DATETIME:
        return lambda row: None if row[column] is None else values.datetime(row[column])
    if kind is Type.PERSON:
        return lambda row: people.emails.get(row[column])
    if kind is Type.MULTI_SELECT or described.many:
        return lambda row: sorted(row[column]) or None if row[column] else None
    if kind is Type.RELATION:
        return lambda row: None if row[column] is None else [str(row[column])]
    return lambda row: row[column] or None


def check(described: Field, value: Value) -> Value:
    """`value` in canonical form and within what the field can hold. Raises Unfit with words for a person."""
    return checker(described)(value)


def checker(described: Field) -> Callable[[Value], Value]:
    """`check` for one field, made once and run for many records."""
    kind, limit = described.type, described.max_length
    within = LIMITS.get(kind)
    empty = False if kind is Type.BOOLEAN else None

    def run(value: Value) -> Value:
        value = values.canonical(kind, value)
        if value is None:
            return empty
        if limit and isinstance(value, str) and len(value) > limit:
            raise Unfit(
                "%(label)s holds %(limit)s characters, this has %(count)s",
                label=described.label,
                limit=limit,
                count=len(value),
            )
        return within(described, value) if within else value

    return run


def _check_select(described: Field, value: str) -> str:
    if described.options and value not in described.options:
        raise Unfit("%(label)s has no option “%(value)s”", label=described.label, value=value)
    return value


def _check_relation(described: Field, value: list[str]) -> list[str]:
    if not described.many and len(value) > 1:
        raise Unfit("%(label)s holds one record, this has %(count)s", label=described.label, count=len(value))
    return value


def _check_person(described: Field, value: str | list[str]) -> str:
    if isinstance(value, list):
        if len(value) > 1:
            raise Unfit("%(label)s holds one person, this has %(count)s", label=described.label, count=len(value))
        value = value[0]
    if "@" not in value:
        raise Unfit("%(label)s: this person’s e-mail is not visible", label=described.label)
    return value


def _check_email(described: Field, value: str) -> str:
    if "@" not in value or " " in value.strip():
        raise Unfit("“%(value)s” is not an e-mail address", value=value)
    return value


def _check_integer(described: Field, value: int) -> int:
    if not -(2**31) <= value < 2**31:
        raise Unfit("%(label)s is out of range", label=described.label)
    return value


def _check_number(described: Field, value: Value) -> Value:
    text = value if isinstance(value, str) else value["amount"]
    number = Decimal(text)
    if abs(number) >= Decimal(10) ** 14:
        raise Unfit("%(label)s is out of range", label=described.label)
    if "." in text and len(text.rpartition(".")[2]) > 4:
        raise Unfit("%(label)s keeps four decimals, “%(value)s” has more", label=described.label, value=text)
    return value


LIMITS: dict[Type, Callable[[Field, Any], Value]] = {
    Type.SELECT: _check_select,
    Type.RELATION: _check_relation,
    Type.PERSON: _check_person,
    Type.EMAIL: _check_email,
    Type.INTEGER: _check_integer,
    Type.DECIMAL: _check_number,
    Type.MONEY: _check_number,
}


def write(row: Row, described: Field, value: Value, people: People) -> None:
    """Put a canonical value, already checked, into a row."""
    column, kind = described.column, described.type
    if described.custom:
        own = dict(row.get("custom") or {})
        name = described.name.partition(".")[2]
        own.pop(name, None) if value is None else own.__setitem__(name, value)
        row["custom"] = own
    elif kind is Type.MONEY:
        row[column] = value["amount"] if value else None
        row[f"{column}_currency"] = (value or {}).get("currency") or ""
    elif kind is Type.PERSON:
        row[column] = people.id(value) if value else None
    elif kind is Type.MULTI_SELECT or described.many:
        row[column] = value or []
    elif kind is Type.RELATION:
        row[column] = value[0] if value else None
    elif kind is Type.BOOLEAN:
        row[column] = bool(value)
    elif kind in (Type.INTEGER, Type.DECIMAL, Type.DATE, Type.DATETIME):
        row[column] = value
    else:
        row[column] = value or ""


def blank_row(described: Entity, record_id: Any, now: dt.datetime) -> Row:
    """A new row with every column at its default, in the form that the database takes."""
    row: Row = {}
    for column in described.model._meta.concrete_fields:
        if column.generated:
            continue
        default = column.get_default() if column.has_default() else (None if column.null else "")
        row[str(column.column)] = default
    stamp = now.isoformat()
    return row | {"id": str(record_id), "created_at": stamp, "updated_at": stamp}


def add_options(entity_name: str, field_name: str, options: Iterable[str]) -> None:
    """Let a built-in or custom select field take these options as well. Idempotent."""
    if field_name.startswith("custom."):
        own = CustomField.objects.select_for_update().get(entity=entity_name, name=field_name.partition(".")[2])
        own.options = list(dict.fromkeys([*own.options, *options]))
        own.save(update_fields=["options"])
        return
    SelectOption.objects.bulk_create(
        [SelectOption(entity=entity_name, field=field_name, name=name) for name in options], ignore_conflicts=True
    )


def rows(described: Entity, ids: Iterable[Any], lock: bool = False) -> dict[str, Row]:
    """{id: row} of the records that exist. With `lock`, they stay as they are until the transaction ends."""
    sql = f'SELECT to_jsonb(r) FROM "{described.table}" r WHERE id = ANY(%s::uuid[]) ORDER BY id'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql + (" FOR UPDATE" if lock else ""), [[str(pk) for pk in ids]])
        found = [load_row(text) for (text,) in cursor.fetchall()]
    return {row["id"]: row for row in found}


def load_row(text: str) -> Row:
    """A row from PostgreSQL's JSON. Numbers with a point stay text: a float would lose digits of an amount."""
    return json.loads(text, parse_float=str)
