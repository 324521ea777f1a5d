"""Transforms that put one value in the place of another: value maps, defaults, constants."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.sync.transforms.base import (
    IN_ONLY,
    NUMBERS,
    OUT_ONLY,
    SIMPLE,
    TEXTS,
    Around,
    Parameter,
    Step,
    Transform,
    as_text,
    no_way,
    same_type,
    type_words,
    typed,
)
from values import Type, Unfit, Value

# --- value maps -------------------------------------------------------------------------------------------------------


def _gives(takes: Type, wanted: Type) -> Type:
    if takes is Type.MULTI_SELECT:
        return takes
    if wanted in NUMBERS | {Type.BOOLEAN}:
        return wanted
    return takes if takes in TEXTS else Type.SELECT


def renames(pairs: Iterable[Iterable[str]]) -> tuple[dict[str, str], dict[str, str]]:
    """({theirs: ours}, {ours: theirs}). Where several share a value, the first pair is the one that is taken."""
    inward: dict[str, str] = {}
    outward: dict[str, str] = {}
    for theirs, ours in pairs:
        inward.setdefault(theirs, ours)
        outward.setdefault(ours, theirs)
    return inward, outward


def _renamed(value: Value, known: dict[str, str], target: Type, step: Step) -> Value:
    if isinstance(value, list):
        return [new for one in value if (new := _renamed(one, known, Type.TEXT, step)) is not None]
    name = as_text(value)
    if name in known:
        return typed(target, known[name])
    if step.params["other"] == "empty":
        return None
    if step.params["other"] == "keep" and (step.takes == step.gives or target is Type.TEXT):
        return value
    raise Unfit("the list of values says nothing of “%(value)s”", value=name)


def _map_in(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return _renamed(value, renames(step.params["pairs"])[0], step.gives, step)


def _map_out(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return _renamed(value, renames(step.params["pairs"])[1], step.takes, step)


def _check_map(step: Step) -> str:
    """Every value is of its type; and one that went there and back goes there and back again unchanged."""
    inward, outward = renames(step.params["pairs"])
    element = {Type.MULTI_SELECT: Type.TEXT}
    try:
        for theirs, ours in step.params["pairs"]:
            typed(element.get(step.takes, step.takes), theirs)
            typed(element.get(step.gives, step.gives), ours)
    except Unfit as unfit:
        return _("The list of values: %(reason)s.") % {"reason": unfit}
    for theirs, ours in inward.items():
        back = outward[ours]
        if inward.get(back, back) != ours:
            return _("“%(theirs)s” comes in as “%(ours)s”, goes out as “%(back)s”, and that comes in as something else.") % {
                "theirs": theirs, "ours": ours, "back": back,
            }  # fmt: skip
    for ours, theirs in outward.items():
        back = inward[theirs]
        if outward.get(back, back) != theirs:
            return _("“%(ours)s” goes out as “%(theirs)s”, comes in as “%(back)s”, and that goes out as something else.") % {
                "theirs": theirs, "ours": ours, "back": back,
            }  # fmt: skip
    return ""


def _grouped(step: Step) -> str:
    inward, outward = renames(step.params["pairs"])
    for theirs, ours in inward.items():
        if outward[ours] != theirs:
            return _("“%(theirs)s” comes in as “%(ours)s”, which goes out as “%(back)s”.") % {
                "theirs": theirs, "ours": ours, "back": outward[ours],
            }  # fmt: skip
    for ours, theirs in outward.items():
        if inward[theirs] != ours:
            return _("“%(ours)s” goes out as “%(theirs)s”, which comes in as “%(back)s”.") % {
                "ours": ours, "theirs": theirs, "back": inward[theirs],
            }  # fmt: skip
    if step.params["other"] == "empty":
        return _("Values that are not in the list become empty.")
    return ""


VALUES = Transform(
    "values",
    gettext_lazy("List of values"),
    gettext_lazy(
        "Which value there stands for which value here. Where several become one, one of them is the way back."
    ),
    frozenset(SIMPLE - {Type.MONEY, Type.DATE, Type.DATETIME}),
    _gives,
    _map_in,
    _map_out,
    (
        Parameter("pairs", gettext_lazy("Values"), "pairs", ()),
        Parameter(
            "other",
            gettext_lazy("Values that are not listed"),
            "choice",
            "keep",
            (
                ("keep", gettext_lazy("stay as they are")),
                ("empty", gettext_lazy("become empty")),
                ("refuse", gettext_lazy("are set aside")),
            ),
        ),
    ),
    loses=_grouped,
    check=_check_map,
)

# --- defaults and constants -------------------------------------------------------------------------------------------

VALUE = Parameter("value", gettext_lazy("Value"), "value")


def _check_value(step: Step, kind: Type) -> str:
    if not step.params["value"]:
        return _("“%(transform)s” wants a value.") % {"transform": step.transform.label}
    if kind not in SIMPLE:
        return _("“%(transform)s” cannot write %(type)s.") % {
            "transform": step.transform.label,
            "type": type_words(kind),
        }
    try:
        typed(kind, step.params["value"])
    except Unfit as unfit:
        return f"{step.transform.label}: {unfit}."
    return ""


def _default_in(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return typed(step.gives, step.params["value"]) if value is None and step.params["side"] != "out" else value


def _default_out(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return typed(step.takes, step.params["value"]) if value is None and step.params["side"] != "in" else value


def _default_loses(step: Step) -> str:
    return _("An empty field does not stay empty: it comes back as “%(value)s”.") % {"value": step.params["value"]}


DEFAULT = Transform(
    "default",
    gettext_lazy("When empty"),
    gettext_lazy("An empty field gets this value instead."),
    frozenset(SIMPLE),
    same_type,
    _default_in,
    _default_out,
    (
        VALUE,
        Parameter(
            "side",
            gettext_lazy("Where"),
            "choice",
            "in",
            (
                ("in", gettext_lazy("coming in")),
                ("out", gettext_lazy("going out")),
                ("both", gettext_lazy("both ways")),
            ),
        ),
    ),
    loses=_default_loses,
    fills=True,
    check=lambda step: _check_value(step, step.takes),
)


def _constant_in(_value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return typed(step.gives, step.params["value"])


def _constant_out(_value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return typed(step.takes, step.params["value"])


CONSTANT = Transform(
    "constant",
    gettext_lazy("Always the same here"),
    gettext_lazy("Whatever stands there, the field here gets this value."),
    frozenset(Type),
    lambda _takes, wanted: wanted,
    _constant_in,
    no_way,
    (VALUE,),
    IN_ONLY,
    gettext_lazy("A constant says nothing of the other side, so it only flows in."),
    fills=True,
    check=lambda step: _check_value(step, step.gives),
)

CONSTANT_OUT = Transform(
    "constant_out",
    gettext_lazy("Always the same there"),
    gettext_lazy("Whatever stands here, the field there gets this value."),
    frozenset(SIMPLE),
    lambda _takes, wanted: wanted,
    no_way,
    _constant_out,
    (VALUE,),
    OUT_ONLY,
    gettext_lazy("A constant says nothing of the other side, so it only flows out."),
    fills=True,
    check=lambda step: _check_value(step, step.takes),
)
