"""How a canonical value looks to a person, in their language and the tenant's time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _

from config.times import day, exact
from crm import listing
from crm.records import Item
from crm.registry import Entity, Field, People
from values import Type, Value

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CHF": "CHF"}
LINKS = {Type.EMAIL: "mailto:", Type.PHONE: "tel:"}


@dataclass(frozen=True)
class Shown:
    """kind: text, paragraphs, number, badge, badges, yes, no, person, link, web, records, time or empty.

    parts: (words, address) of each of several values; at: the instant, for a time that is told relatively.
    """

    kind: str
    text: str = ""
    url: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    at: dt.datetime | None = None


EMPTY = Shown("empty")


class Presenter:
    """Shows values of one entity; asks for the titles of related records once, however many there are."""

    def __init__(self, entity: Entity, people: People, values: Iterable[dict[str, Value]] = ()) -> None:
        self.entity, self.people = entity, people
        wanted: dict[str, set[str]] = {}
        for held in values:
            for described in entity.fields.values():
                if described.target and held.get(described.name):
                    wanted.setdefault(described.target, set()).update(map(str, held[described.name]))
        self.titles = listing.titles(wanted)
        self.addresses = {target: addresses(target) for target in wanted}

    @classmethod
    def of(cls, entity: Entity, people: People, items: Iterable[Item]) -> Presenter:
        return cls(entity, people, [item.values for item in items])

    def show(self, described: Field, value: Value) -> Shown:
        if value in (None, "", []):
            return self._no if described.type is Type.BOOLEAN and value is not None else EMPTY
        return getattr(self, f"_{described.type.value}", self._plain)(described, value)

    def text(self, described: Field, value: Value) -> str:
        """The value as a piece of a sentence; empty where there is none."""
        shown = self.show(described, value)
        return ", ".join(words for words, _url in shown.parts) or shown.text

    def _plain(self, described: Field, value: Value) -> Shown:
        return Shown("text", str(value))

    def _long_text(self, described: Field, value: Value) -> Shown:
        return Shown("paragraphs", value)

    def _integer(self, described: Field, value: Value) -> Shown:
        return Shown("number", number(value))

    _decimal = _integer

    def _money(self, described: Field, value: Value) -> Shown:
        return Shown("number", money(value))

    def _boolean(self, described: Field, value: Value) -> Shown:
        return self._yes if value else self._no

    @cached_property
    def _yes(self) -> Shown:
        return Shown("yes", _("Yes"))

    @cached_property
    def _no(self) -> Shown:
        return Shown("no", _("No"))

    def _date(self, described: Field, value: Value) -> Shown:
        return Shown("text", day(dt.date.fromisoformat(value)))

    def _datetime(self, described: Field, value: Value) -> Shown:
        at = dt.datetime.fromisoformat(value)
        return Shown("time", exact(at), at=at)

    def _select(self, described: Field, value: Value) -> Shown:
        return Shown("badge", value)

    def _multi_select(self, described: Field, value: Value) -> Shown:
        return Shown("badges", parts=tuple((name, "") for name in value))

    def _person(self, described: Field, value: Value) -> Shown:
        emails: list[str] = value if isinstance(value, list) else [value]
        return Shown("person", ", ".join(self.people.names.get(email, email) for email in emails))

    def _email(self, described: Field, value: Value) -> Shown:
        return Shown("link", value, LINKS[described.type] + value)

    _phone = _email

    def _url(self, described: Field, value: Value) -> Shown:
        safe = value.lower().startswith(("http://", "https://"))
        return Shown("web", value.partition("://")[2].rstrip("/") or value, value) if safe else Shown("text", value)

    def _relation(self, described: Field, value: Value) -> Shown:
        known = self.titles.get(described.target, {})
        parts = [(known[pk], self.addresses[described.target](pk)) for pk in value if pk in known]
        return Shown("records", parts=tuple(sorted(parts))) if parts else EMPTY

    def _file(self, described: Field, value: Value) -> Shown:
        return Shown("records", parts=tuple((str(f.get("name") or f.get("url")), str(f.get("url"))) for f in value))


def addresses(entity: str) -> Callable[[str], str]:
    """The address of a record's page, for many records: the routes are asked once."""
    nobody = str(UUID(int=0))
    pattern = reverse("records:detail", args=[entity, nobody])
    return lambda pk: pattern.replace(nobody, pk)


def number(value: Any) -> str:
    amount = Decimal(str(value))
    places = max(0, -int(amount.as_tuple().exponent))
    return formats.number_format(amount, decimal_pos=places, force_grouping=True)


def money(value: dict[str, Any]) -> str:
    """Whole amounts without decimals, others with two or what they have."""
    amount = Decimal(value["amount"])
    places = 0 if amount == amount.to_integral_value() else max(2, -int(amount.as_tuple().exponent))
    currency = value.get("currency") or ""
    words = formats.number_format(amount, decimal_pos=places, force_grouping=True)
    return f"{words}\u00a0{SYMBOLS.get(currency, currency)}".rstrip("\u00a0")
