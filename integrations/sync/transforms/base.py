"""What a transform is: a declared, pure pair of functions; and chains of them, typed from the tool's field to ours.

A mapping keeps its chain as data, `{"transforms": [{"name": "number", "decimal": ","}]}`, in the order in which a value comes in.
On the way out the same steps run backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import values
from values import Type, Unfit, Value

PLAIN_TEXTS = frozenset({Type.TEXT, Type.LONG_TEXT})
TEXTS = PLAIN_TEXTS | {Type.EMAIL, Type.PHONE, Type.URL, Type.SELECT}
NUMBERS = frozenset({Type.INTEGER, Type.DECIMAL})
TIMES = frozenset({Type.DATE, Type.DATETIME})
#: What can be written down as one piece of text in a form.
SIMPLE = TEXTS | NUMBERS | TIMES | {Type.BOOLEAN, Type.MULTI_SELECT, Type.MONEY}

BOTH = ("both", "import", "export")
IN_ONLY = ("import",)
OUT_ONLY = ("export",)


class Around(Protocol):
    """What a transform may know of the tenant."""

    @property
    def zone(self) -> ZoneInfo: ...

    @property
    def currency(self) -> str: ...


class Mismatch(ValueError):
    """A chain that cannot be. The text is for a person and says why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of a transform; forms and the API are made from it.

    kind: "text", "number" (least to most), "yes" (a check box), "choice" (one of `choices`: (value, label)), "separator" (the
    same, its values may be white space), "value" (a value of the field's type, as text), "currency", "zone" ("" is the
    tenant's), or "pairs": [[theirs, ours]] as text.
    """

    name: str
    label: Any
    kind: Literal["text", "number", "yes", "choice", "separator", "value", "currency", "zone", "pairs"] = "text"
    default: Any = ""
    choices: tuple[tuple[str, Any], ...] = ()
    help: Any = ""
    least: int = 0
    most: int = 0

    def read(self, given: Any) -> Any:
        """A setting as it came from the API or a form. Raises Mismatch."""
        try:
            return READ[self.kind](self, given)
        except (ValueError, TypeError) as error:
            if isinstance(error, Mismatch):
                raise
            raise Mismatch(
                _("“%(value)s” cannot be “%(setting)s”.") % {"value": given, "setting": self.label}
            ) from error


def _read_number(parameter: Parameter, given: Any) -> int:
    number = int(given)
    if not parameter.least <= number <= parameter.most:
        raise Mismatch(
            _("“%(setting)s” is a whole number from %(least)s to %(most)s.")
            % {"setting": parameter.label, "least": parameter.least, "most": parameter.most}
        )
    return number


def _read_choice(parameter: Parameter, given: Any) -> str:
    if given not in [value for value, _label in parameter.choices]:
        raise ValueError(given)
    return str(given)


def _read_currency(_parameter: Parameter, given: Any) -> str:
    code = str(given or "").strip().upper()
    if code and not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise ValueError(given)
    return code


def _read_zone(_parameter: Parameter, given: Any) -> str:
    name = str(given or "").strip()
    if name and name not in available_timezones():
        raise ValueError(given)
    return name


def _read_pairs(_parameter: Parameter, given: Any) -> list[list[str]]:
    pairs = given.items() if isinstance(given, Mapping) else given
    read = [[as_text(theirs), as_text(ours)] for theirs, ours in pairs]
    return [pair for pair in read if all(pair)]


READ: dict[str, Callable[[Parameter, Any], Any]] = {
    "text": lambda _parameter, given: str(given),
    "value": lambda _parameter, given: as_text(given),
    "number": _read_number,
    "yes": lambda _parameter, given: given in (True, "true", "on", "1"),
    "choice": _read_choice,
    "separator": _read_choice,
    "currency": _read_currency,
    "zone": _read_zone,
    "pairs": _read_pairs,
}

#: (value, the value that stands on the other side now, the step, the tenant) -> value. Pure; raises Unfit.
Run = Callable[[Value, Value, "Step", Around], Value]


@dataclass(frozen=True, slots=True)
class Transform:
    """One kind of step. `here` takes a value in, `there` takes it out again.

    takes: the types it accepts on the tool's side. gives: the type on our side, of (the type it takes, the type our field wants).
    ways: the directions it can run in. why: why not both. loses: what does not survive the way there and back, for a person; ""
    says that everything does. fills: it is asked about empty values, too. check: why these settings cannot be, or "".
    """

    name: str
    label: Any
    help: Any
    takes: frozenset[Type]
    gives: Callable[[Type, Type], Type]
    here: Run
    there: Run
    parameters: tuple[Parameter, ...] = ()
    ways: tuple[str, ...] = BOTH
    why: Any = ""
    loses: Callable[[Step], str] = lambda _step: ""
    fills: bool = False
    check: Callable[[Step], str] = lambda _step: ""

    @property
    def invertible(self) -> bool:
        return "both" in self.ways

    def step(self, given: Mapping[str, Any], takes: Type, wanted: Type) -> Step:
        """With its settings, in its place. Raises Mismatch."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name != "name" and name not in known:
                raise Mismatch(
                    _("“%(transform)s” has no setting “%(name)s”.") % {"transform": self.label, "name": name}
                )
        if takes not in self.takes:
            raise Mismatch(
                _("“%(transform)s” cannot follow %(type)s.") % {"transform": self.label, "type": type_words(takes)}
            )
        params = {name: one.read(given[name]) if name in given else one.default for name, one in known.items()}
        step = Step(self, params, takes, self.gives(takes, wanted))
        if reason := self.check(step):
            raise Mismatch(reason)
        return step


@dataclass(frozen=True, slots=True)
class Step:
    """One transform in a chain: with its settings, and between two types."""

    transform: Transform
    params: Mapping[str, Any]
    takes: Type
    gives: Type

    def here(self, value: Value, around: Around) -> Value:
        if value is None and not self.transform.fills:
            return None
        return _formed(self.gives, self.transform.here(value, None, self, around))

    def there(self, value: Value, now: Value, around: Around) -> Value:
        if value is None and not self.transform.fills:
            return None
        return _formed(self.takes, self.transform.there(value, now, self, around))

    @property
    def loses(self) -> str:
        return self.transform.loses(self)


def _formed(kind: Type, value: Value) -> Value:
    """In canonical form. Times are left alone: a field of instants may hold a plain day, which must stay one."""
    return value if kind in TIMES else values.canonical(kind, value)


@dataclass(frozen=True, slots=True)
class Chain:
    """The steps of one mapping. `gives`: the type in which a value comes out on our side."""

    steps: tuple[Step, ...]
    gives: Type

    def here(self, value: Value, around: Around) -> Value:
        for step in self.steps:
            value = step.here(value, around)
        return value

    def there(self, value: Value, now: Value, around: Around) -> Value:
        """now: what stands there at present, in the tool's form."""
        stands = self._stands(now, around)
        for step, beyond in zip(reversed(self.steps), reversed(stands), strict=True):
            value = step.there(value, beyond, around)
        return value

    def _stands(self, now: Value, around: Around) -> list[Value]:
        """What stands there, as each step takes it."""
        found = []
        for step in self.steps:
            found.append(now)
            try:
                now = step.here(now, around)
            except Unfit:
                now = None
        return found

    @property
    def ways(self) -> tuple[str, ...]:
        left: tuple[str, ...] = BOTH
        for step in self.steps:
            left = tuple(way for way in left if way in step.transform.ways)
        return left

    @property
    def why(self) -> str:
        """Why it does not run both ways; "" where it does."""
        return next((str(step.transform.why) for step in self.steps if not step.transform.invertible), "")

    @property
    def loses(self) -> list[str]:
        return [lost for step in self.steps if (lost := step.loses)]


# --- small parts of several transforms --------------------------------------------------------------------------------

YES = {"true", "yes", "y", "1", "x", "oui", "vrai", "sì", "si", "vero"}
NO = {"false", "no", "n", "0", "non", "faux", "falso"}


def typed(kind: Type, text: str) -> Value:
    """A value of this type from text that a person wrote in a form. Raises Unfit."""
    if kind is Type.BOOLEAN:
        word = text.strip().casefold()
        if word not in YES | NO:
            raise Unfit("“%(value)s” is neither yes nor no", value=text)
        return word in YES
    return values.canonical(kind, text)


def as_text(value: Any) -> str:
    """A simple value as `typed` reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int | float):
        return values.decimal(value)
    raise Mismatch(_("A single text value is expected."))


def no_way(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    """The missing half of a transform that runs one way."""
    raise Unfit("“%(value)s” cannot be taken back through “%(transform)s”", value=value, transform=step.transform.label)


def same_type(takes: Type, _wanted: Type) -> Type:
    return takes


def always(kind: Type) -> Callable[[Type, Type], Type]:
    return lambda _takes, _wanted: kind


def inverse(of: Transform, name: str, label: Any, help: Any, takes: Iterable[Type], gives: Type) -> Transform:
    """The same two functions, the other way round."""
    return Transform(
        name=name,
        label=label,
        help=help,
        takes=frozenset(takes),
        gives=always(gives),
        here=of.there,
        there=of.here,
        parameters=of.parameters,
        loses=of.loses,
        check=of.check,
    )


TYPE_WORDS = {
    Type.TEXT: gettext_lazy("text"),
    Type.LONG_TEXT: gettext_lazy("long text"),
    Type.INTEGER: gettext_lazy("a whole number"),
    Type.DECIMAL: gettext_lazy("a number"),
    Type.MONEY: gettext_lazy("an amount of money"),
    Type.BOOLEAN: gettext_lazy("yes or no"),
    Type.DATE: gettext_lazy("a date"),
    Type.DATETIME: gettext_lazy("a date and time"),
    Type.SELECT: gettext_lazy("one of several options"),
    Type.MULTI_SELECT: gettext_lazy("several options"),
    Type.EMAIL: gettext_lazy("an e-mail address"),
    Type.PHONE: gettext_lazy("a phone number"),
    Type.URL: gettext_lazy("a web address"),
    Type.PERSON: gettext_lazy("a person"),
    Type.RELATION: gettext_lazy("links to other records"),
    Type.FILE: gettext_lazy("files"),
    Type.JSON: gettext_lazy("data"),
}


def type_words(kind: Type) -> str:
    """A type as people call it."""
    return str(TYPE_WORDS[kind])
