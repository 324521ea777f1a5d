"""Which column of a file is which field: what is possible and why not, what is suggested, and the one function that reads a cell.

The steps of a mapping, their forms and the suggestions are those of the syncs; what a cell can hold beyond a tool's field (a
person by name, a company by its title, yes and no as words) is read by `cells`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

import values
from crm import registry
from crm.fields import is_id
from crm.registry import Entity, Field
from integrations.adapters.base import Collection, Record, Schema
from integrations.adapters.base import Field as RemoteField
from integrations.files import cells
from integrations.files.cells import CURRENCY, Around
from integrations.services import evidence, names, suggestions
from integrations.sync import mapping, transforms
from integrations.sync.mapping import Fit, Links
from integrations.sync.transforms.base import Mismatch, type_words
from values import Type, Unfit, Value

#: What a column whose cells are all of one type can be besides a field of that type, or text.
BECOMES: dict[Type, set[Type]] = {
    Type.DECIMAL: {Type.INTEGER, Type.DECIMAL, Type.MONEY, Type.PHONE, Type.SELECT, Type.BOOLEAN},
    Type.DATE: {Type.DATE, Type.DATETIME},
    Type.DATETIME: {Type.DATE, Type.DATETIME},
    Type.BOOLEAN: {Type.BOOLEAN, Type.SELECT},
}
WORDS = {Type.TEXT, Type.LONG_TEXT}
#: Types whose cells have a form, so that a column in which none has it is no partner.
FORMED = {Type.INTEGER, Type.DECIMAL, Type.MONEY, Type.DATE, Type.DATETIME, Type.BOOLEAN, Type.EMAIL}
#: Fields that suggestions for tools do not know in a text column.
OWN = {Type.PERSON, Type.RELATION, Type.BOOLEAN, Type.MULTI_SELECT}
ENOUGH = 3
#: A name is enough from here on: the very name, or a word for the same; of OWN types a similar one.
NAMED, SURE = 0.9, 0.7


@dataclass(slots=True)
class Choice:
    """One column as it is mapped; field "" is one that is left out. options: {"transforms", "adds", "lenient", "creates"}.

    adds: options that are missing here are made. lenient: a cell that names somebody who is not here leaves the field as it is.
    creates: a record of that name is made.
    """

    column: str
    field: str = ""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    reason: str = ""

    def stored(self) -> dict[str, Any]:
        return {"column": self.column, "field": self.field, "options": self.options, "reason": self.reason}


def remote(column: Mapping[str, Any]) -> RemoteField:
    return RemoteField(column["id"], column["name"], Type(column["type"]))


def fields_of(entity: Entity) -> dict[str, Field]:
    return cells.fields_of(entity)


def around(tenant: Any) -> Around:
    return Around(tenant.timezone, tenant.currency, registry.People())


# --- what is possible -------------------------------------------------------------------------------------------------------


def fit(column: Mapping[str, Any], local: Field, options: Mapping[str, Any], near: Around) -> Fit:
    """Whether a column can go into a field with these steps; the reason in words where not."""
    if local.name == "id":
        return Fit(("import",), lambda: _("Finds the record by its id; it is not changed."))
    if local.read_only:
        return Fit((), lambda: _("%(field)s is kept by Raccord.") % {"field": f"“{local.label}”"})
    if local.type in (Type.FILE, Type.JSON):
        return Fit((), lambda: _("%(field)s holds %(type)s, which no cell can.") % _words(column, local))
    there = Type(column["type"])
    try:
        steps = transforms.chain(_steps(options), there, local.type)
    except Mismatch as mismatch:
        return Fit((), mismatch.__str__)
    if "import" not in steps.ways:
        return Fit((), lambda: _("These steps run in opposite directions."))
    given = steps.gives
    if given not in WORDS | {local.type} and local.type not in BECOMES.get(given, set()) | WORDS:
        return Fit((), lambda: _holds_other(column, local, given))
    return (
        Fit(("import",)) if _can_be_read(column, local, options, near) else Fit((), lambda: _unreadable(column, local))
    )


def _can_be_read(column: Mapping[str, Any], local: Field, options: Mapping[str, Any], near: Around) -> bool:
    """Whether any of the cells seen has the form; asked of fields whose cells have one."""
    seen = column["seen"][:30]
    if local.type not in FORMED or len(seen) < ENOUGH or options.get("transforms"):
        return True
    if Type(column["type"]) not in WORDS:
        return True
    if _share(column, local, {}, near, seen) > 0:
        return True
    return bool(evidence.Seen(remote(column), seen).look(local).options)


def _holds_other(column: Mapping[str, Any], local: Field, given: Type) -> str:
    told = _words(column, local) | {"a": type_words(given)}
    return _("%(column)s holds %(a)s, %(field)s holds %(type)s.") % told


def _unreadable(column: Mapping[str, Any], local: Field) -> str:
    return _("%(column)s has no cell that is %(type)s.") % _words(column, local)


def _words(column: Mapping[str, Any], local: Field) -> dict[str, str]:
    return {"column": f"“{column['name']}”", "field": f"“{local.label}”", "type": type_words(local.type)}


def _steps(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"transforms": options.get("transforms") or []}


# --- reading a cell ---------------------------------------------------------------------------------------------------------


def reader(column: Mapping[str, Any], local: Field, options: Mapping[str, Any]) -> cells.Read:
    """Text of a cell as a value of the field, through the mapping's steps. Raises Unfit. Made once, run for every row."""
    there = Type(column["type"])
    read = _with_options(local, options, cells.reader(local, bool(options.get("creates"))))
    if not options.get("transforms"):
        return read
    chain = transforms.chain(_steps(options), there, local.type)
    if chain.gives in WORDS or (chain.gives is Type.SELECT and local.type is not Type.SELECT):

        def through(text: str, near: Around) -> Value:
            value = chain.here(_typed(there, text, near), near)
            return None if value is None else read(str(value), near)

        return through
    mapped = mapping.compile_mapping(
        replace(local, options=()) if local.type is Type.SELECT else local,
        remote(column),
        "import",
        _steps(options),
    )
    chosen = _chooser(local, options)

    def converted(text: str, near: Around) -> Value:
        context = mapping.Context(near.zone, near.currency, Links())
        return chosen(mapped.to_local(_typed(there, text, near), None, context))

    return converted


def _typed(there: Type, text: str, near: Around) -> Value:
    """The cell as its column's type."""
    if there in WORDS:
        return values.text(text)
    if there is Type.BOOLEAN:
        return text == "true"
    if there in (Type.DATE, Type.DATETIME):
        return cells.READ[there](text, near)
    return values.canonical(there, text)


def _with_options(local: Field, options: Mapping[str, Any], read: cells.Read) -> cells.Read:
    if local.type not in (Type.SELECT, Type.MULTI_SELECT):
        return read
    chosen = _chooser(local, options)
    return lambda text, near: chosen(read(text, near))


def _chooser(local: Field, options: Mapping[str, Any]) -> Callable[[Value], Value]:
    """Options by what they are called; one that is missing is made only where somebody asked for it."""
    if local.type not in (Type.SELECT, Type.MULTI_SELECT):
        return lambda value: value
    by_key = {values.key(one): one for one in local.options}
    adds = bool(options.get("adds")) or not local.options

    def named(name: str) -> str:
        found = by_key.get(values.key(name))
        if found is None and not adds:
            raise Unfit("%(label)s has no option “%(value)s”", label=local.label, value=name)
        if found is None and local.max_length and len(name) > local.max_length:
            raise Unfit("%(label)s holds %(limit)s characters, this has %(count)s",
                        label=local.label, limit=local.max_length, count=len(name))  # fmt: skip
        return found or name

    def chosen(value: Value) -> Value:
        if isinstance(value, list):
            return values.names([named(one) for one in value])
        return None if value is None else named(value)

    return chosen


def _share(
    column: Mapping[str, Any], local: Field, options: Mapping[str, Any], near: Around, seen: Sequence[str]
) -> float:
    """How many of these cells can be read."""
    read, fits = reader(column, local, options), 0
    for text in seen:
        try:
            read(text, near)
        except Unfit:
            continue
        fits += 1
    return fits / len(seen) if seen else 1.0


# --- suggestions ------------------------------------------------------------------------------------------------------------


def suggest(columns: Sequence[Mapping[str, Any]], entity: Entity, near: Around) -> list[Choice]:
    """One choice per column, in their order. What has the very name of a field is that field; the rest as for a tool's table."""
    fields = fields_of(entity)
    is_ours = any(_like_ids(column)[0] for column in columns)  # what we wrote is read as we write it
    chosen = {one.column: one for one in _by_name(columns, entity, fields, near, is_ours)}
    taken = {one.field for one in chosen.values()}
    left = [column for column in columns if column["id"] not in chosen]
    rest = replace(
        entity,
        fields={
            name: f
            for name, f in entity.fields.items()
            if name not in taken and f.type not in (Type.RELATION, Type.PERSON)
        },
    )
    for one in _as_for_a_tool(left, rest, near):
        chosen.setdefault(one.column, one)
    return [chosen.get(column["id"], Choice(column["id"])) for column in columns]


def _by_name(
    columns: Sequence[Mapping[str, Any]], entity: Entity, fields: Mapping[str, Field], near: Around, is_ours: bool
) -> list[Choice]:
    """Surest first; a field goes to one column."""
    scored = []
    for at, column in enumerate(columns):
        for local in fields.values():
            if local.name == "id":
                sure, reason = _like_ids(column)
            elif local.read_only:
                continue
            elif column["name"].strip().casefold() in (local.label.casefold(), local.name):
                sure, reason = 1.1, _("same name")
            elif local.name.endswith(CURRENCY):
                continue
            else:
                sure, reason = names.alike(column["name"], local, entity.name)
            if sure >= (SURE if local.type in OWN else NAMED):
                scored.append((-sure, at, column, local, reason))
    found: dict[str, Choice] = {}
    taken: set[str] = set()
    for _sure, _at, column, local, reason in sorted(scored, key=lambda one: one[:2]):
        if column["id"] in found or local.name in taken:
            continue
        options = {} if is_ours else options_for(column, local, near)
        if fit(column, local, options, near).possible:
            found[column["id"]] = Choice(column["id"], local.name, options, reason)
            taken.add(local.name)
    return list(found.values())


def _like_ids(column: Mapping[str, Any]) -> tuple[float, str]:
    if column["seen"] and all(is_id(text) for text in column["seen"]):
        return (
            (1.2, _("its cells are ids of records here"))
            if column["name"].casefold() in ("id", "raccord id")
            else (0, "")
        )
    return 0, ""


def options_for(column: Mapping[str, Any], local: Field, near: Around) -> dict[str, Any]:
    """The steps that the cells call for; none where all of them can be read as they stand."""
    if local.name == "id" or local.type in (Type.RELATION, Type.PERSON):
        return {}
    seen = column["seen"]
    plain = _share(column, local, {}, near, seen)
    told = evidence.Seen(remote(column), seen).look(local).options if seen else {}
    told = {} if told and transforms_fit(column, local, told) is False else told
    if not told or (plain == 1.0 and not _says_otherwise(told)):
        return {}
    return told if _share(column, local, told, near, seen) >= plain else {}


def _says_otherwise(options: Mapping[str, Any]) -> bool:
    """A decimal comma: “1.234” is a thousand where the other numbers have commas."""
    return any(step.get("decimal") == "," for step in options.get("transforms", []))


def transforms_fit(column: Mapping[str, Any], local: Field, options: Mapping[str, Any]) -> bool:
    try:
        transforms.chain(_steps(options), Type(column["type"]), local.type)
    except Mismatch:
        return False
    return True


def _as_for_a_tool(columns: Sequence[Mapping[str, Any]], entity: Entity, near: Around) -> list[Choice]:
    schema = Schema(Collection("file", "file"), tuple(remote(column) for column in columns))
    most = max((len(column["seen"]) for column in columns), default=0)
    records = [
        Record(str(at), {c["id"]: _sample(c, at, near) for c in columns if at < len(c["seen"])})
        for at in range(min(most, 50))
    ]
    context = mapping.Context(near.zone, near.currency, Links())
    fields = fields_of(entity)
    by_id = {column["id"]: column for column in columns}
    found = []
    for one in suggestions.suggest(schema, entity, context, records):
        column, local = by_id[one.remote], fields[one.local]
        options = options_for(column, local, near)
        if fit(column, local, options, near).possible:
            found.append(Choice(column["id"], local.name, options, one.reason))
    return found


def _sample(column: Mapping[str, Any], at: int, near: Around) -> Value:
    try:
        return _typed(Type(column["type"]), column["seen"][at], near)
    except Unfit:
        return None
