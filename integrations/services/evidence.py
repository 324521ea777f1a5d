"""What sampled values say of a pair of fields: which steps would make them fit, and whether they look alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

import values
from crm import registry
from integrations.adapters.base import Field as RemoteField
from integrations.services import names
from integrations.sync import mapping
from integrations.sync.merge import Waiting
from integrations.sync.transforms import numbers, texts, times
from integrations.sync.transforms.base import NO, PLAIN_TEXTS, YES, as_text
from values import Type, Unfit, Value

#: So many of the values must be alike before anything is concluded from them.
MOST = 0.8

LOOKS: dict[Type, re.Pattern[str]] = {
    Type.EMAIL: re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    Type.PHONE: re.compile(r"\+?[\d\s().\-/]{7,20}"),
    Type.URL: re.compile(r"(https?://|www\.)\S+"),
}
LOOK_WORDS: dict[Type, Callable[[], str]] = {
    Type.EMAIL: lambda: _("its values are e-mail addresses"),
    Type.PHONE: lambda: _("its values look like phone numbers"),
    Type.URL: lambda: _("its values are web addresses"),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """options: of the mapping, with the steps that make the values fit. strength: how much the values alone say, 0 to 1."""

    options: dict[str, Any] = field(default_factory=dict)
    strength: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Seen:
    """A remote field and its values that are not empty, maybe none. What they say by themselves is found once for all of ours."""

    remote: RemoteField
    values: Sequence[Value]

    def look(self, local: registry.Field) -> Evidence:
        if local.type in LOOKS:
            return _looks(self.remote, local, self.values)
        if local.type in (Type.SELECT, Type.MULTI_SELECT) and local.options:
            return _options(self.remote, local, self.values)
        if self.remote.type is Type.MULTI_SELECT and local.type in PLAIN_TEXTS:
            return Evidence(_steps(texts.JOIN.name), 0, _("its options are joined into one text"))
        if self.remote.type in PLAIN_TEXTS | {Type.SELECT} and self.values:
            if local.type is Type.MONEY:
                return self._price
            if local.type in (Type.INTEGER, Type.DECIMAL):
                return self._number
            if local.type in (Type.DATE, Type.DATETIME):
                return self._date
            if local.type is Type.BOOLEAN:
                return self._yes_or_no
        return Evidence()

    @cached_property
    def _words(self) -> list[str]:
        return [str(value) for value in self.values]

    @cached_property
    def _price(self) -> Evidence:
        return _numbers(numbers.PRICE.name, self._words)

    @cached_property
    def _number(self) -> Evidence:
        return _numbers(numbers.NUMBER.name, self._words)

    @cached_property
    def _date(self) -> Evidence:
        return _dates(self._words)

    @cached_property
    def _yes_or_no(self) -> Evidence:
        return _yes_and_no(self._words)


def share_that_fits(mapped: mapping.Mapped, seen: Sequence[Value], around: mapping.Context) -> float:
    """How many of the values our field could hold; 1 where there are none."""
    fits = 0
    for value in seen:
        try:
            fits += isinstance(mapped.to_local(value, None, around), Waiting) or True
        except Unfit:
            continue
    return fits / len(seen) if seen else 1.0


def _looks(remote: RemoteField, local: registry.Field, seen: Sequence[Value]) -> Evidence:
    if remote.type is local.type:
        return Evidence(strength=0.6, reason=_("same kind of value"))
    if remote.type in PLAIN_TEXTS and seen and _share(LOOKS[local.type].fullmatch, seen) >= MOST:
        return Evidence(strength=0.55, reason=LOOK_WORDS[local.type]())
    return Evidence()


def _options(remote: RemoteField, local: registry.Field, seen: Sequence[Value]) -> Evidence:
    """Options that mean the same, as a list of values where they are written differently."""
    if remote.type not in PLAIN_TEXTS | {Type.SELECT, Type.MULTI_SELECT}:
        return Evidence()
    options = {}
    if remote.type in PLAIN_TEXTS and local.type is Type.MULTI_SELECT:
        separator = _separator(seen)
        options = _steps(texts.SPLIT.name, separator=separator)
        there = {part.strip() for value in seen for part in str(value).split(separator)} - {""}
    else:
        there = {str(one) for value in seen for one in (value if isinstance(value, list) else [value])}
    known = list(remote.options) or sorted(there)
    if not known or len(known) > 60:
        return Evidence(options)
    found = {name: same for name in known if (same := names.same_option(name, local.options))}
    share = len(found) / len(known)
    if share < 0.5 and local.type is Type.SELECT:
        return Evidence(options)
    pairs = [[theirs, ours] for theirs, ours in found.items() if values.key(theirs) != values.key(ours)]
    if pairs and not _wanders(found):
        steps = options.get("transforms", []) + [{"name": "values", "pairs": pairs}]
        options = {"transforms": steps}
    strength = 0.5 * share if len(found) > 1 else 0.0
    return Evidence(
        options, strength, _("%(n)s of %(all)s options mean the same") % {"n": len(found), "all": len(known)}
    )


def _wanders(found: dict[str, str]) -> bool:
    """Whether several there are one here: a person should choose the way back."""
    return len(set(found.values())) < len(found)


def _separator(seen: Sequence[Value]) -> str:
    return max((one for one, _label in texts.SEPARATORS), key=lambda mark: sum(mark in str(value) for value in seen))


def _numbers(name: str, seen: Sequence[str]) -> Evidence:
    """The decimal mark with which most can be read; of two that read all, the one that none of them has: 1.234 is a thousand."""
    share = {mark: _share_read(numbers.read_number, seen, mark) for mark in (".", ",")}
    mark = max(share, key=lambda one: (share[one], -sum(one in text for text in seen)))
    if share[mark] < MOST:
        return Evidence()
    params = {"decimal": mark}
    if any("%" in text for text in seen) and name == numbers.NUMBER.name:
        params["percent"] = "points"
    reason = _("its values are numbers with a decimal comma") if mark == "," else _("its values are numbers")
    return Evidence(_steps(name, **params), 0.0, reason)


def _dates(seen: Sequence[str]) -> Evidence:
    """The pattern in which most are written; the day comes first where both could be."""
    found = []
    for transform, patterns in ((times.TIME, times.WITH_TIME), (times.DATE, times.PATTERNS)):
        for pattern in patterns:
            share = _share_read(times.read_time, seen, pattern)
            found.append((share, transform.name, pattern))
    share, name, pattern = max(found, key=lambda one: one[0])
    if share < MOST:
        return Evidence()
    example = times.write_time(times.EXAMPLE, pattern)
    return Evidence(
        _steps(name, pattern=pattern), 0.0, _("its values are dates like %(example)s") % {"example": example}
    )


def _yes_and_no(seen: Sequence[str]) -> Evidence:
    words = sorted(set(seen))
    if len(words) > 4 or not all(word.strip().casefold() in YES | NO for word in words):
        return Evidence()
    yes = [word for word in words if word.strip().casefold() in YES]
    no = [word for word in words if word not in yes]
    pairs = [[word, as_text(True)] for word in yes] + [[word, as_text(False)] for word in no]
    return Evidence(_steps("values", pairs=pairs), 0.0, _("its values say yes or no"))


def _steps(name: str, **params: Any) -> dict[str, Any]:
    return {"transforms": [{"name": name, **params}]}


def _share(test: Callable[[str], Any], seen: Sequence[Value]) -> float:
    return sum(bool(test(str(value).strip())) for value in seen) / len(seen) if seen else 0.0


def _share_read(read: Callable[[str, str], Any], seen: Sequence[str], how: str) -> float:
    """0 as soon as it is less than what counts."""
    most, left = len(seen), len(seen)
    for text in seen:
        try:
            read(text.strip(), how)
        except Unfit:
            left -= 1
            if left / most < MOST:
                return 0.0
    return left / most
