"""Transforms of numbers and money: reading what people wrote, rounding, currencies."""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import values
from integrations.sync.transforms.base import (
    NUMBERS,
    PLAIN_TEXTS,
    Around,
    Parameter,
    Step,
    Transform,
    always,
    inverse,
    same_type,
)
from values import Type, Unfit, Value

SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₺": "TRY", "₽": "RUB", "zł": "PLN"}
#: More digits than any field holds, so that nothing is rounded but by `round`.
EXACT = Context(prec=200)

READ_AS = (
    Parameter(
        "decimal",
        gettext_lazy("Decimal mark"),
        "choice",
        ".",
        ((".", gettext_lazy("point: 1,234.50")), (",", gettext_lazy("comma: 1.234,50"))),
    ),
    Parameter(
        "thousands",
        gettext_lazy("Thousands separator when written"),
        "separator",
        "",
        (
            ("", gettext_lazy("not separated")),
            (" ", gettext_lazy("space")),
            (",", gettext_lazy("comma")),
            (".", gettext_lazy("point")),
            ("’", gettext_lazy("apostrophe")),
        ),
        gettext_lazy("Read with any of them; this is how they are written back."),
    ),
)


def read_number(text: str, mark: str) -> tuple[str, str]:
    """(canonical decimal, currency code or "") of a number as people write it.

    Signs and codes of currencies, a percent sign, spaces of all kinds and thousands are understood; “(12)” is minus 12. Thousands
    must be whole threes, so that “1,5” with a decimal point is refused and not read as fifteen. Raises Unfit.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-").replace("’", "'").strip()
    found = re.fullmatch(r"(?P<sign>[-+]?)(?P<before>[^\d.,'()+-]*)(?P<open>\(?)(?P<inner>[-+]?)(?P<number>[\d.,' ]*\d)\s*"
                         r"(?P<close>\)?)(?P<after>[^\d()]*)", plain)  # fmt: skip
    if not found or bool(found["open"]) != bool(found["close"]) or (found["sign"] and found["inner"]):
        raise Unfit("“%(value)s” is not a number", value=text)
    number, point = found["number"].strip(), re.escape(mark)
    parts = re.fullmatch(rf"(\d+|\d{{1,3}}(?:([ '.,])\d{{3}})(?:\2\d{{3}})*)?(?:{point}(\d+))?", number)
    if not parts or parts[2] == mark:
        raise Unfit("“%(value)s” is not a number with “%(mark)s” as decimal mark", value=text, mark=mark)
    digits = re.sub(r"\D", "", parts[1] or "0") + ("." + parts[3] if parts[3] else "")
    minus = "-" in (found["sign"], found["inner"]) or bool(found["open"])
    return values.decimal(("-" if minus else "") + digits), _currency(found["before"], found["after"], text)


def _currency(before: str, after: str, text: str) -> str:
    """The code that stands around a number. Raises Unfit for words that are no currency: “12 pieces” is no amount."""
    words = [word for word in (before.strip(), after.strip().strip("%‰").strip()) if word]
    codes = [SIGNS.get(word, word) for word in words]
    if len(codes) > 1 or any(not re.fullmatch("[A-Z]{3}|\\W", code) for code in codes):
        raise Unfit("“%(value)s” is not a number", value=text)
    return codes[0] if codes and len(codes[0]) == 3 else ""


def write_number(number: str, mark: str, thousands: str) -> str:
    """A canonical decimal as people write it."""
    whole, _point, rest = number.lstrip("-").partition(".")
    if thousands:
        whole = re.sub(r"(?<=\d)(?=(\d{3})+$)", thousands, whole)
    return ("-" if number.startswith("-") else "") + whole + (mark + rest if rest else "")


def _shifted(number: str, digits: int) -> str:
    return values.decimal(Decimal(number).scaleb(digits, EXACT))


def _number(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    number, _code = read_number(str(value), step.params["decimal"])
    return _shifted(number, -2) if step.params["percent"] == "fraction" else number


def _written(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    percent = step.params["percent"]
    number = values.decimal(value)
    number = _shifted(number, 2) if percent == "fraction" else number
    text = write_number(number, step.params["decimal"], step.params["thousands"])
    return f"{text} %" if percent else text


def _check_marks(step: Step) -> str:
    same = step.params["decimal"] == step.params["thousands"]
    return _("The decimal mark and the mark between thousands must differ.") if same else ""


NUMBER = Transform(
    "number",
    gettext_lazy("Read as a number"),
    gettext_lazy("“1 234,50 €” becomes 1234.5. What is not clearly a number is refused, never guessed."),
    frozenset(PLAIN_TEXTS | {Type.SELECT}),
    always(Type.DECIMAL),
    _number,
    _written,
    (
        *READ_AS,
        Parameter(
            "percent",
            gettext_lazy("Per cent"),
            "choice",
            "",
            (
                ("", gettext_lazy("no")),
                ("points", gettext_lazy("“12 %” is 12")),
                ("fraction", gettext_lazy("“12 %” is 0.12")),
            ),
        ),
    ),
    loses=lambda _step: _("The number comes back as it is, but written the one way that is set here."),
    check=_check_marks,
)

WRITE_NUMBER = inverse(
    NUMBER,
    "write_number",
    gettext_lazy("Write a number as text"),
    gettext_lazy("1234.5 becomes “1 234,50”, and is read back from it."),
    NUMBERS,
    Type.TEXT,
)


def _round(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    if isinstance(value, dict):
        return value | {"amount": _rounded(value["amount"], step)}
    return _rounded(value, step)


def _rounded(number: Value, step: Step) -> str:
    way = ROUND_HALF_UP if step.params["half"] == "up" else ROUND_HALF_EVEN
    exponent = Decimal(1).scaleb(-step.params["places"])
    return values.decimal(Decimal(str(number)).quantize(exponent, rounding=way, context=EXACT))


ROUND = Transform(
    "round",
    gettext_lazy("Round"),
    gettext_lazy("To this many decimals, both ways."),
    frozenset(NUMBERS | {Type.MONEY}),
    same_type,
    _round,
    _round,
    (
        Parameter("places", gettext_lazy("Decimals"), "number", 2, least=0, most=10),
        Parameter(
            "half",
            gettext_lazy("Round halves"),
            "choice",
            "up",
            (("up", gettext_lazy("away from zero: 2.5 is 3")), ("even", gettext_lazy("to even: 2.5 is 2"))),
        ),
    ),
    loses=lambda _step: _("Decimals beyond the last one do not come back."),
)


def _price(value: Value, _now: Value, step: Step, around: Around) -> Value:
    amount, code = read_number(str(value), step.params["decimal"])
    return {"amount": amount, "currency": code or step.params["currency"] or around.currency}


def _priced(value: Value, _now: Value, step: Step, around: Around) -> Value:
    amount = write_number(value["amount"], step.params["decimal"], step.params["thousands"])
    return f"{amount} {value['currency'] or step.params['currency'] or around.currency}"


CURRENCY = Parameter(
    "currency", gettext_lazy("Currency"), "currency", "", help=gettext_lazy("Such as EUR; empty: your organisation’s.")
)

PRICE = Transform(
    "price",
    gettext_lazy("Read as an amount of money"),
    gettext_lazy("“1 234,50 €” becomes 1234.5 EUR; without a sign it is in the currency set here."),
    frozenset(PLAIN_TEXTS),
    always(Type.MONEY),
    _price,
    _priced,
    (*READ_AS, CURRENCY),
    loses=lambda _step: _("The amount comes back as it is, but written the one way that is set here."),
    check=_check_marks,
)


def _in_currency(value: Value, _now: Value, step: Step, around: Around) -> Value:
    return {"amount": values.decimal(value), "currency": step.params["currency"] or around.currency}


def _amount(value: Value, _now: Value, step: Step, around: Around) -> Value:
    wanted = step.params["currency"] or around.currency
    if value["currency"] not in (None, wanted):
        raise Unfit(
            "this is in %(currency)s, and the field holds %(wanted)s", currency=value["currency"], wanted=wanted
        )
    return value["amount"]


IN_CURRENCY = Transform(
    "currency",
    gettext_lazy("Number in one currency"),
    gettext_lazy(
        "The tool keeps a bare number; here it is an amount in this currency. Other currencies do not go out."
    ),
    frozenset(NUMBERS),
    always(Type.MONEY),
    _in_currency,
    _amount,
    (CURRENCY,),
)

AMOUNT = inverse(
    IN_CURRENCY,
    "amount",
    gettext_lazy("Amount without its currency"),
    gettext_lazy("The tool keeps money; here it is a bare number. Amounts in other currencies do not come in."),
    {Type.MONEY},
    Type.DECIMAL,
)
