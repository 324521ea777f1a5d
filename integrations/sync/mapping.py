"""How a remote field and a local field hold the same thing: which pairs are possible, and the two conversions.

Pure but for what the caller looks up beforehand: relations are translated through `Links`, which the store fills
per batch. A conversion that cannot be reversed makes the pair import-only; an impossible pair has a reason in words.

Between the two fields may stand a chain of transforms (`transforms`): what the tool holds goes through the chain, and then
from the type that the chain gives to the type of our field.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

import values
from crm import registry
from integrations.adapters.base import Field as RemoteField
from integrations.sync.merge import Rule, Waiting
from integrations.sync.transforms import Chain, Mismatch, chain
from integrations.sync.transforms import bridge as steps_between
from integrations.sync.transforms.base import type_words
from values import Type, Unfit, Value

TEXTS = {Type.TEXT, Type.LONG_TEXT, Type.EMAIL, Type.PHONE, Type.URL, Type.SELECT}
NUMBERS = {Type.INTEGER, Type.DECIMAL, Type.MONEY}
TIMES = {Type.DATE, Type.DATETIME}


@dataclass(slots=True)
class Links:
    """Known pairs of records, for relations: {remote id: our id} and back, per target entity.

    gone: remote ids of what was deleted on both sides, and our ids that name no record any more: relations pass over them.
    """

    local: dict[str, dict[str, str]] = field(default_factory=dict)
    remote: dict[str, dict[str, str]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What conversions need to know of the tenant and the batch."""

    zone: ZoneInfo
    currency: str
    links: Links


@dataclass(frozen=True, slots=True)
class Mapped:
    """One field mapping, ready to run.

    to_local(remote value, present local value, context) and to_remote(local value, present remote value, context) give
    canonical values, Waiting for a relation whose other end is not linked, or raise Unfit.
    """

    name: str
    remote: RemoteField
    local: registry.Field
    rule: Rule
    to_local: Callable[[Value, Value, Context], Value | Waiting]
    to_remote: Callable[[Value, Value, Context], Value | Waiting]
    policy: str = ""
    critical: bool = False
    adds_options: bool = False  # an option that is missing there is made: a person asked for it


# --- which pairs are possible ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether two fields can be paired. directions: those that are possible; why: says why not, or why only one way.

    loses: what does not survive the way there and back, though both ways are possible. Of the many pairs that are tried, few are
    asked for words.
    """

    directions: tuple[str, ...] = ("both", "import", "export")
    why: Callable[[], str] = str
    loses: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        return bool(self.directions)

    @property
    def reason(self) -> str:
        return self.why()


def fit(remote: RemoteField, local: registry.Field, options: Mapping[str, Any] | None = None) -> Fit:
    """What a pair of fields allows with these options, with the reason in words for a person."""
    try:
        steps = chain(options or {}, remote.type, local.type)
    except Mismatch as mismatch:
        return Fit((), mismatch.__str__)
    ways = steps.ways
    if not ways:
        return Fit((), lambda: _("These steps run in opposite directions."))
    base = _fit_of_types(remote, local, steps)
    directions = tuple(way for way in base.directions if way in ways)
    if base.directions and not directions:
        return Fit((), lambda: " ".join((base.reason, steps.why)).strip())
    return Fit(directions, lambda: base.reason or steps.why, tuple(steps.loses) if "both" in directions else ())


def bridge(remote: RemoteField, local: registry.Field) -> dict[str, Any]:
    """Options with the step that makes an impossible pair possible; {} where none does, or none is needed."""
    if fit(remote, local).possible:
        return {}
    return steps_between(remote.type, local.type, lambda options: fit(remote, local, options).possible)


def _fit_of_types(remote: RemoteField, local: registry.Field, steps: Chain) -> Fit:
    def told(directions: tuple[str, ...], text: str) -> Fit:
        return Fit(directions, lambda: _(text) % _words(remote, local, steps.gives))

    converts = _conversion(steps.gives, local.type)
    if converts == "no" and steps.steps:
        return told((), gettext_noop("After these steps it is %(a)s; %(local)s holds %(b)s."))
    if converts == "no":
        return told((), gettext_noop("%(remote)s holds %(a)s, %(local)s holds %(b)s."))
    if remote.read_only and local.read_only:
        return told((), gettext_noop("Neither side can be written."))
    if remote.read_only and remote.note:
        return Fit(("import",), lambda: _(remote.note))
    if remote.read_only:
        return told(("import",), gettext_noop("%(remote)s is computed by the tool and only flows in."))
    if local.read_only:
        return told(("export",), gettext_noop("%(local)s is kept by Raccord and only flows out."))
    if converts == "in":
        return told(("import",), gettext_noop("%(a)s cannot be made back from %(b)s, so it only flows in."))
    return Fit()


def _conversion(there: Type, here: Type) -> str:
    if there == here or (there in TEXTS and here in TEXTS) or (there in NUMBERS and here in NUMBERS):
        return "both"
    if there in TIMES and here in TIMES:
        return "both"
    if here in (Type.TEXT, Type.LONG_TEXT) and there in NUMBERS | TIMES | {
        Type.BOOLEAN,
        Type.MULTI_SELECT,
        Type.PERSON,
    }:
        return "in"
    if here is Type.EMAIL and there is Type.PERSON:
        return "in"
    if here is Type.URL and there is Type.FILE:
        return "in"
    if here is Type.JSON:
        return "in"
    return "no"


def _words(remote: RemoteField, local: registry.Field, reached: Type) -> dict[str, str]:
    return {
        "remote": f"“{remote.name}”",
        "local": f"“{local.label}”",
        "a": type_words(reached),
        "b": type_words(local.type),
    }


# --- the conversions ------------------------------------------------------------------------------------------------


def compile_mapping(
    local: registry.Field,
    remote: RemoteField,
    direction: str,
    options: Mapping[str, Any],
    policy: str = "newest",
    critical: bool | None = None,
    first: str = "",
) -> Mapped:
    """Make one mapping ready to run; `direction` is already narrowed to what stream, mapping and fields allow.

    critical None: as the local field says. policy, first: as in merge.Rule.
    """
    steps = chain(options, remote.type, local.type)
    adds = remote.creates_options and options.get("options_there") == "add"
    to_local, to_remote = _to_local(remote, local, options), _to_remote(remote, local, adds)
    if steps.steps:
        to_local, to_remote = _through(steps, remote, local, options, adds)
    return Mapped(
        local.name,
        remote,
        local,
        Rule(local.name, direction in ("both", "import"), direction in ("both", "export"), _same(local), policy, first),
        to_local,
        to_remote,
        policy,
        local.critical if critical is None else critical,
        adds,
    )


def _through(
    steps: Chain, remote: RemoteField, local: registry.Field, options: Mapping[str, Any], adds: bool
) -> tuple[Callable, Callable]:
    """The two conversions with the chain between: from the tool's field to one of the chain's type, and from that to ours."""
    reached = replace(remote, type=steps.gives, many=False, options=(), max_length=None)
    last, first = _to_local(reached, local, options), _to_remote(reached, local, adds=True)
    into = _to_remote(
        remote, replace(local, type=remote.type), adds
    )  # what the tool's field itself demands: its options, say

    def to_local(value: Value, now: Value, context: Context) -> Value | Waiting:
        return last(steps.here(value, context), now, context)

    def to_remote(value: Value, now: Value, context: Context) -> Value | Waiting:
        stands = _unless_unfit(steps.here, now, context) if steps.gives in TIMES else None
        return into(steps.there(first(value, stands, context), now, context), now, context)

    return to_local, to_remote


def _unless_unfit(here: Callable[[Value, Context], Value], value: Value, context: Context) -> Value:
    try:
        return here(value, context)
    except Unfit:
        return None


def _same(local: registry.Field) -> Callable[[Value, Value], bool]:
    if local.type is Type.EMAIL:
        return lambda ours, theirs: ours == theirs or values.key(ours) == values.key(theirs)
    if local.type is Type.DATETIME:
        return _same_minute
    if local.type is Type.BOOLEAN:
        return lambda ours, theirs: bool(ours) == bool(theirs)
    return lambda ours, theirs: bool(ours == theirs)


def _same_minute(ours: Value, theirs: Value) -> bool:
    """Equal up to the minute when the other side keeps no seconds."""
    if ours == theirs:
        return True
    return bool(ours and theirs and theirs.endswith(":00Z") and ours[:16] == theirs[:16])


def _to_local(remote: RemoteField, local: registry.Field, options: Mapping[str, Any]) -> Callable:
    there, here = remote.type, local.type
    check = registry.checker(local)
    if here is Type.RELATION:
        target = local.target

        def relation(value: Value, _now: Value, context: Context) -> Value | Waiting:
            if not value:
                return None
            known, gone = context.links.local.get(target, {}), context.links.gone.get(target, set())
            value = [one for one in value if one not in gone]
            if any(one not in known for one in value):
                return Waiting()
            return check([known[one] for one in value])

        return relation
    if here in TIMES:
        return lambda value, _now, context: check(_time_here(here, value, context))
    if here is Type.MONEY:
        fixed = options.get("currency")

        def money(value: Value, now: Value, context: Context) -> Value:
            if value is None:
                return None
            amount, currency = (value["amount"], value["currency"]) if isinstance(value, dict) else (value, None)
            kept = now.get("currency") if isinstance(now, dict) else None
            return check({"amount": amount, "currency": currency or kept or fixed or context.currency})

        return money
    if here in NUMBERS:
        return lambda value, _now, _context: check(value["amount"] if isinstance(value, dict) else value)
    if here is Type.PERSON:
        return lambda value, _now, _context: check(value)
    if here is Type.SELECT:
        by_key = {values.key(option): option for option in local.options}
        adds = options.get("new_options", "add") == "add"

        def select(value: Value, _now: Value, _context: Context) -> Value:
            if value is None:
                return check(None)
            value = by_key.get(values.key(value), value)
            if adds and len(value) <= (local.max_length or 100):
                return value
            return check(value)

        return select
    if here is Type.MULTI_SELECT:
        return lambda value, _now, _context: check(value)
    if here in TEXTS and there not in TEXTS:
        return lambda value, _now, _context: check(_as_text(value))
    if here is Type.URL and there is Type.FILE:
        return lambda value, _now, _context: check(value[0]["url"] if value else None)
    return lambda value, _now, _context: check(value)


def _as_text(value: Value) -> Value:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or None
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values() if part) or None
    return None if value is None else str(value)


def _to_remote(remote: RemoteField, local: registry.Field, adds: bool) -> Callable:
    there, here = remote.type, local.type
    if there is Type.RELATION:
        target = local.target

        def relation(value: Value, _now: Value, context: Context) -> Value | Waiting:
            if not value:
                return None
            known, gone = context.links.remote.get(target, {}), context.links.gone.get(target, set())
            value = [one for one in value if one not in gone]
            if any(one not in known for one in value):
                return Waiting()
            return sorted(known[one] for one in value) or None

        return relation
    if there in TIMES:
        return lambda value, now, context: _time_there(here, there, value, now, context)
    if there is Type.MONEY:
        return lambda value, _now, context: (
            None
            if value is None
            else value
            if isinstance(value, dict)
            else {"amount": value, "currency": context.currency}
        )
    if there in NUMBERS:
        return lambda value, _now, _context: values.canonical(
            there, value["amount"] if isinstance(value, dict) else value
        )
    if there is Type.PERSON and remote.many:
        return lambda value, _now, _context: [value] if isinstance(value, str) else value
    if there is Type.SELECT:
        option = _option(remote, adds)
        return lambda value, _now, _context: None if value is None else option(value)
    if there is Type.MULTI_SELECT:
        option = _option(remote, adds)
        return lambda value, _now, _context: values.names([option(name) for name in values.names(value) or []])
    if there is Type.BOOLEAN:
        return lambda value, _now, _context: bool(value)
    return lambda value, _now, _context: value


def _option(remote: RemoteField, adds: bool) -> Callable[[str], str]:
    """A value as the option of that name there. Raises Unfit for one that is missing, unless it is to be made.

    A field that lists no options and makes any by writing them takes free words.
    """
    by_key = {values.key(option): option for option in remote.options}
    takes_any = adds or (remote.creates_options and not remote.options)

    def named(value: str) -> str:
        found = by_key.get(values.key(value))
        if found is None and not takes_any:
            raise Unfit(_("“%(field)s” has no option “%(value)s” there") % {"field": remote.name, "value": value})
        return found or value

    return named


# --- days and instants ----------------------------------------------------------------------------------------------


def _is_day(value: str) -> bool:
    return len(value) == 10


def _instant(value: str) -> dt.datetime:
    return dt.datetime.fromisoformat(value)


def _time_here(here: Type, value: Value, context: Context) -> Value:
    """A remote day or instant as the local field keeps it; days are days in the tenant's zone."""
    if value is None:
        return None
    if here is Type.DATE:
        return value if _is_day(value) else _instant(value).astimezone(context.zone).date().isoformat()
    if _is_day(value):
        return values.datetime(dt.datetime.fromisoformat(value).replace(tzinfo=context.zone))
    return values.datetime(value)


def _time_there(here: Type, there: Type, value: Value, now: Value, context: Context) -> Value:
    """A local day or instant for a remote field, keeping what the remote value has beyond it (its hour, say)."""
    if value is None:
        return None
    if there is Type.DATE:
        return value if _is_day(value) else _instant(value).astimezone(context.zone).date().isoformat()
    if here is Type.DATE:
        if not now or _is_day(now):
            return value  # a day goes out as a day
        clock = _instant(now).astimezone(context.zone).timetz().replace(tzinfo=None)
        moved = dt.datetime.combine(dt.date.fromisoformat(value), clock, tzinfo=context.zone)
        return values.datetime(moved)
    local = _instant(value).astimezone(context.zone)
    if now and _is_day(now) and local.time() == dt.time(0):
        return local.date().isoformat()
    return value
