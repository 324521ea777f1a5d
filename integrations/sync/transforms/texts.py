"""Transforms of text: tidying, parts, lists."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.sync.transforms.base import (
    IN_ONLY,
    PLAIN_TEXTS,
    TEXTS,
    Around,
    Parameter,
    Step,
    Transform,
    always,
    inverse,
    no_way,
    same_type,
)
from values import Type, Unfit, Value

SEPARATORS = (
    (",", gettext_lazy("comma")),
    (";", gettext_lazy("semicolon")),
    ("/", gettext_lazy("slash")),
    ("|", gettext_lazy("vertical bar")),
    ("\n", gettext_lazy("new line")),
)
WITH_SPACE = ((" ", gettext_lazy("space")), *SEPARATORS)
#: How a separator is written between two names.
JOINED = {",": ", ", ";": "; ", "/": " / ", "|": " | ", "\n": "\n"}


def _trim(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    text = str(value).strip()
    return re.sub(r"[^\S\n]+", " ", text) if step.params["inside"] else text


TRIM = Transform(
    "trim",
    gettext_lazy("Trim spaces"),
    gettext_lazy("Removes spaces at both ends, and doubled ones inside if you like."),
    frozenset(TEXTS),
    same_type,
    _trim,
    _trim,
    (Parameter("inside", gettext_lazy("Doubled spaces inside, too"), "yes", False),),
    loses=lambda _step: _("Spaces that are trimmed do not come back."),
)


def _case(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return str(value).upper() if step.params["to"] == "upper" else str(value).lower()


CASE = Transform(
    "case",
    gettext_lazy("Capitals or small letters"),
    gettext_lazy("Writes everything in small letters, or everything in capitals."),
    frozenset(TEXTS),
    same_type,
    _case,
    _case,
    (
        Parameter(
            "to",
            gettext_lazy("Letters"),
            "choice",
            "lower",
            (("lower", gettext_lazy("small")), ("upper", gettext_lazy("capitals"))),
        ),
    ),
    loses=lambda _step: _("Capital letters are not restored."),
)


def _pieces(text: str, separator: str) -> list[str]:
    pieces = text.split() if separator == " " else (piece.strip() for piece in text.split(separator))
    return [piece for piece in pieces if piece]


def _part(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    """The part with this number; negative ones count from the end. None where there is no such part."""
    number, separator = step.params["number"], step.params["separator"]
    pieces = _pieces(str(value), separator)
    at = number - 1 if number > 0 else len(pieces) + number
    if not 0 <= at < len(pieces):
        return None
    return JOINED.get(separator, separator).join(pieces[at:]) if step.params["rest"] else pieces[at]


def _check_part(step: Step) -> str:
    return "" if step.params["number"] else _("Parts are counted from 1, or from -1 at the end.")


PART = Transform(
    "part",
    gettext_lazy("Take one part"),
    gettext_lazy("Of “Ada King Lovelace” the 1st part is “Ada”, and -1 is “Lovelace”."),
    frozenset(TEXTS),
    always(Type.TEXT),
    _part,
    no_way,
    (
        Parameter("separator", gettext_lazy("Separated by"), "separator", " ", WITH_SPACE),
        Parameter("number", gettext_lazy("Which part"), "number", 1, least=-20, most=20),
        Parameter("rest", gettext_lazy("With all that follows it"), "yes", False),
    ),
    IN_ONLY,
    gettext_lazy("The other parts are not known here, so the whole cannot be put together again. It only flows in."),
    check=_check_part,
)


def _split(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return _pieces(str(value), step.params["separator"])


def _join(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    separator = step.params["separator"]
    for name in value:
        if _pieces(name, separator) != [name]:
            raise Unfit("“%(value)s” contains the separator", value=name)
    return JOINED[separator].join(value)


SPLIT = Transform(
    "split",
    gettext_lazy("Split into several"),
    gettext_lazy("“red, green” becomes the two options “green” and “red”."),
    frozenset(PLAIN_TEXTS | {Type.SELECT}),
    always(Type.MULTI_SELECT),
    _split,
    _join,
    (Parameter("separator", gettext_lazy("Separated by"), "separator", ",", SEPARATORS),),
    loses=lambda _step: _("The order of the names and the spaces between them do not come back."),
)

JOIN = inverse(
    SPLIT,
    "join",
    gettext_lazy("Join into one text"),
    gettext_lazy("The options “green” and “red” become “green, red”."),
    {Type.MULTI_SELECT},
    Type.TEXT,
)
