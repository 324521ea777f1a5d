"""The laws of every transform, and what each does to the values that people meet."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import values
from integrations.sync.transforms import TRANSFORMS, chain
from integrations.sync.transforms.base import Mismatch
from values import Type, Unfit

AROUND = SimpleNamespace(zone=ZoneInfo("Europe/Rome"), currency="EUR")
ZONES = st.sampled_from(sorted(available_timezones()))

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12)
NUMBERS = st.decimals(-(10**12), 10**12, allow_nan=False, places=6).map(values.decimal)
DAYS = st.dates(dt.date(1950, 1, 2), dt.date(2068, 12, 30))
INSTANTS = st.builds(dt.datetime.combine, DAYS, st.times()).map(values.datetime)
MONEY = st.fixed_dictionaries({"amount": NUMBERS, "currency": st.sampled_from(["EUR", "USD", None])})


def written(numbers, days):
    """Text as it stands in a field that somebody once filled with numbers and dates."""
    forms = ["{}", "{} €", "€ {}", "EUR {}", " {} %", "+{}", "({})"]
    dates = [f"{{:{one}}}" for one in ("%d/%m/%Y", "%d.%m.%y", "%Y-%m-%d", "%d/%m/%Y 14:30")]
    return st.one_of(
        WORDS,
        st.builds(str.format, st.sampled_from(forms), numbers),
        st.builds(lambda form, day: form.format(day), st.sampled_from(dates), days),
        st.sampled_from(["1 234,50", "1.234.567,8", "1'000", "12,5", "red, green", "Lead", "true"]),
    )


TEXTS = written(NUMBERS, DAYS)
OF_TYPE = {
    Type.INTEGER: st.integers(-(10**9), 10**9),
    Type.DECIMAL: NUMBERS,
    Type.MONEY: MONEY,
    Type.BOOLEAN: st.booleans(),
    Type.DATE: DAYS.map(str),
    Type.DATETIME: INSTANTS,
    Type.MULTI_SELECT: st.lists(st.one_of(WORDS, st.sampled_from(["Lead", "New", "a, b"])), max_size=4),
    Type.PERSON: st.just("ada@rossi.example"),
    Type.RELATION: st.just(["1"]),
    Type.FILE: st.just([{"name": "a", "url": "https://a.example"}]),
    Type.JSON: st.just({"a": 1}),
}


def of(kind):
    made = OF_TYPE.get(kind, TEXTS).map(lambda value: values.canonical(kind, value))
    return st.one_of(st.none(), made)


@dataclass(frozen=True)
class Case:
    """A step, and values of both its sides."""

    step: object
    theirs: object
    ours: object


@st.composite
def cases(draw, transform):
    """A transform with settings of its own choice."""
    given = {}
    for one in transform.parameters:
        if one.kind in ("choice", "separator"):
            given[one.name] = draw(st.sampled_from([value for value, _label in one.choices]))
        elif one.kind == "number":
            given[one.name] = draw(st.integers(max(one.least, -4), min(one.most, 4)))
        elif one.kind == "yes":
            given[one.name] = draw(st.booleans())
        elif one.kind == "zone":
            given[one.name] = draw(st.one_of(st.just(""), ZONES))
        elif one.kind == "currency":
            given[one.name] = draw(st.sampled_from(["", "USD"]))
        elif one.kind == "value":
            given[one.name] = draw(st.sampled_from(["Lead", "12", "2026-09-15", "true"]))
        elif one.kind == "pairs":
            name = st.sampled_from(["Lead", "New", "Prospect", "true", "false", "1", "2"])
            given[one.name] = draw(st.lists(st.tuples(name, name).map(list), max_size=4))
    takes, wanted = draw(st.sampled_from(sorted(transform.takes))), draw(st.sampled_from(list(Type)))
    try:
        step = transform.step(given, takes, wanted)
    except Mismatch:
        assume(False)
    return Case(step, draw(of(takes)), draw(of(step.gives)))


def here(case, value):
    return case.step.here(value, AROUND)


def there(case, value, now=None):
    return case.step.there(value, now, AROUND)


LAWS = settings(max_examples=40)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_values_come_out_in_canonical_form(name):
    @LAWS
    @given(cases(TRANSFORMS[name]))
    def law(case):
        for run, value, kind in ((here, case.theirs, case.step.gives), (there, case.ours, case.step.takes)):
            try:
                result = run(case, value)
            except Unfit as unfit:
                assert str(unfit)
                continue
            assert result == values.canonical(kind, result)

    law()


@pytest.mark.parametrize("name", [name for name, one in TRANSFORMS.items() if one.invertible])
def test_a_value_that_went_round_goes_round_unchanged(name):
    """What came in once is settled: out and in again, it stays as it is. The same of what went out once."""

    @LAWS
    @given(cases(TRANSFORMS[name]))
    def law(case):
        if name == "values" and case.step.params["other"] == "keep":
            listed = {part for pair in case.step.params["pairs"] for part in pair}
            assume(not listed & set(map(str, _parts(case.theirs) + _parts(case.ours))) or _only_listed(case))
        ways = ((here, there, case.theirs), (there, here, case.ours))
        if name == "default":  # what it fills in on one way only, it does not take back on the other
            ways = {"in": ways[:1], "out": ways[1:], "both": ways}[case.step.params["side"]]
        for first, second, value in ways:
            try:
                once = first(case, value)
                twice = first(case, second(case, once))
            except Unfit:
                continue
            if name == "time":  # the night when clocks go back has an hour twice
                once, twice = str(once)[:-4], str(twice)[:-4]
                assume(_no_clock_turns(case, value, once))
            assert twice == once

    law()


@pytest.mark.parametrize("name", ["currency", "amount"])
def test_what_loses_nothing_gives_everything_back(name):
    @LAWS
    @given(cases(TRANSFORMS[name]))
    def law(case):
        assert not case.step.loses
        for first, second, value in ((here, there, case.theirs), (there, here, case.ours)):
            try:
                once = first(case, value)
            except Unfit:
                continue
            if not isinstance(value, dict) or value["currency"]:  # no currency means the one that is set
                assert second(case, once) == value

    law()


@LAWS
@given(st.dictionaries(WORDS.filter(bool), WORDS.filter(bool), min_size=1, max_size=6), st.data())
def test_values_one_to_one_give_everything_back(known, data):
    renamed = run("values", Type.SELECT, Type.SELECT, pairs=list({ours: one for one, ours in known.items()}.items()))
    listed = data.draw(st.sampled_from(renamed.steps[0].params["pairs"]))
    assert not renamed.loses or len(set(known.values())) < len(known)
    assert renamed.there(renamed.here(listed[0], AROUND), None, AROUND) == listed[0]


def _parts(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def _only_listed(case):
    inward = [pair[0] for pair in case.step.params["pairs"]]
    outward = [pair[1] for pair in case.step.params["pairs"]]
    word = lambda value: str(value).lower() if isinstance(value, bool) else str(value)  # noqa: E731
    return all(word(one) in inward for one in _parts(case.theirs)) and all(
        word(one) in outward for one in _parts(case.ours)
    )


def _no_clock_turns(case, *instants):
    zone = ZoneInfo(case.step.params["zone"] or "Europe/Rome")
    for text in instants:
        if text and text[:2].isdigit() and "T" in text:
            moment = dt.datetime.fromisoformat(text[:16] + "Z").astimezone(zone).replace(tzinfo=None)
            offsets = {(moment + dt.timedelta(hours=h)).replace(tzinfo=zone).utcoffset() for h in range(-4, 5)}
            if len(offsets) > 1 or any(offset.total_seconds() % 60 for offset in offsets):
                return False
    return True


# --- what people meet ---------------------------------------------------------------------------------------------------


def run(name, takes, wanted=Type.TEXT, **params):
    return chain({"transforms": [{"name": name, **params}]}, takes, wanted)


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("1234.5", ".", "1234.5"),
        ("1,234.50", ".", "1234.5"),
        ("1.234,50", ",", "1234.5"),
        ("1 234,50 €", ",", "1234.5"),
        ("1\u00a0234,50\u00a0€", ",", "1234.5"),
        ("1\u202f234,5", ",", "1234.5"),
        ("€ 12", ".", "12"),
        ("-€12.30", ".", "-12.3"),
        ("\N{MINUS SIGN}3,5", ",", "-3.5"),
        ("(1,000.00)", ".", "-1000"),
        ("1'234'567.80", ".", "1234567.8"),
        ("12 %", ".", "12"),
        ("CHF 1’200.50", ".", "1200.5"),
        (".5", ".", "0.5"),
    ],
)
def test_numbers_as_people_write_them(text, mark, number):
    assert run("number", Type.TEXT, decimal=mark).here(text, AROUND) == number


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("1,5", "."),
        ("1.5", ","),
        ("12 pieces", "."),
        ("1,23,4", "."),
        ("", "."),
        ("5-3", "."),
        ("1.2.3", "."),
        ("½", "."),
    ],
)
def test_what_is_not_clearly_a_number_is_refused(text, mark):
    with pytest.raises(Unfit):
        run("number", Type.TEXT, decimal=mark).steps[0].transform.here(
            text, None, run("number", Type.TEXT, decimal=mark).steps[0], AROUND
        )


def test_numbers_are_written_the_way_that_is_set():
    french = run("number", Type.TEXT, decimal=",", thousands=" ", percent="fraction")
    assert french.there("12.345", None, AROUND) == "1 234,5 %"
    assert french.here("1 234,5 %", AROUND) == "12.345"


def test_halves_go_up_or_to_the_even_one():
    assert run("round", Type.DECIMAL, places=0, half="up").here("2.5", AROUND) == "3"
    assert run("round", Type.DECIMAL, places=0, half="even").here("2.5", AROUND) == "2"
    assert run("round", Type.DECIMAL, places=0, half="up").here("-2.5", AROUND) == "-3"
    money = {"amount": "9.999", "currency": "EUR"}
    assert run("round", Type.MONEY, places=2).here(money, AROUND) == {"amount": "10", "currency": "EUR"}


def test_money_out_of_text_and_out_of_a_bare_number():
    price = run("price", Type.TEXT, decimal=",")
    assert price.here("1.234,50 $", AROUND) == {"amount": "1234.5", "currency": "USD"}
    assert price.here("12", AROUND) == {"amount": "12", "currency": "EUR"}
    assert price.there({"amount": "12.5", "currency": None}, None, AROUND) == "12,5 EUR"
    fixed = run("currency", Type.DECIMAL, Type.MONEY, currency="chf")
    assert fixed.here("3", AROUND) == {"amount": "3", "currency": "CHF"}
    assert fixed.there({"amount": "3", "currency": "CHF"}, None, AROUND) == "3"
    with pytest.raises(Unfit, match="EUR"):
        fixed.there({"amount": "3", "currency": "EUR"}, None, AROUND)


def test_days_first_and_years_in_two_digits():
    assert run("date", Type.TEXT, pattern="DD/MM/YYYY").here("5/9/2026", AROUND) == "2026-09-05"
    assert run("date", Type.TEXT, pattern="MM/DD/YYYY").here("5/9/2026", AROUND) == "2026-05-09"
    short = run("date", Type.TEXT, pattern="DD.MM.YY")
    assert (short.here("01.02.69", AROUND), short.here("01.02.68", AROUND)) == ("1969-02-01", "2068-02-01")
    with pytest.raises(Unfit, match="1950"):
        short.there("1950-01-01", None, AROUND)
    with pytest.raises(Unfit, match="calendar"):
        run("date", Type.TEXT, pattern="DD/MM/YYYY").here("31/02/2026", AROUND)


def test_the_day_of_a_moment_is_the_zones():
    late = "2026-03-28T23:30:00Z"  # in Rome, half past midnight of the day on which clocks go forward
    assert run("day", Type.DATETIME).here(late, AROUND) == "2026-03-29"
    assert run("day", Type.DATETIME, zone="America/New_York").here(late, AROUND) == "2026-03-28"


def test_another_day_keeps_the_hour_across_the_change_of_clocks():
    rome = run("day", Type.DATETIME)
    assert rome.there("2026-03-29", "2026-03-28T13:00:00Z", AROUND) == "2026-03-29T12:00:00Z"  # 14:00 on both days
    assert rome.there("2026-03-29", "2026-03-28", AROUND) == "2026-03-29"  # a plain day stays one
    assert rome.there("2026-10-25", None, AROUND) == "2026-10-24T22:00:00Z"


def test_a_day_without_midnight_begins_when_the_clocks_say():
    beirut = run("day", Type.DATETIME, zone="Asia/Beirut")  # on 2021-03-28 clocks went from 0:00 to 1:00
    first = beirut.there("2021-03-28", None, AROUND)
    assert first == "2021-03-27T22:00:00Z"
    assert beirut.here(first, AROUND) == "2021-03-28"


def test_values_grouped_with_the_way_back_that_is_first():
    stages = run("values", Type.SELECT, Type.SELECT, pairs=[["New", "Lead"], ["Open", "Lead"], ["Won", "Customer"]])
    assert [stages.here(one, AROUND) for one in ("New", "Open", "Won", "Else")] == ["Lead", "Lead", "Customer", "Else"]
    assert stages.there("Lead", None, AROUND) == "New"
    assert "“Open” comes in as “Lead”" in stages.loses[0]
    assert not run("values", Type.SELECT, Type.SELECT, pairs=[["New", "Lead"]]).loses


def test_values_between_types():
    done = run("values", Type.SELECT, Type.BOOLEAN, pairs=[["Done", True], ["To do", False]])
    assert (done.here("Done", AROUND), done.there(False, None, AROUND)) == (True, "To do")
    with pytest.raises(Unfit, match="Doing"):
        done.here("Doing", AROUND)
    rank = run("values", Type.SELECT, Type.INTEGER, pairs={"High": 3, "Low": 1})
    assert (rank.here("High", AROUND), rank.there(1, None, AROUND)) == (3, "Low")
    tags = run("values", Type.MULTI_SELECT, Type.MULTI_SELECT, pairs=[["vip", "VIP"]], other="empty")
    assert tags.here(["new", "vip"], AROUND) == ["VIP"]


def test_a_list_of_values_that_would_wander_is_refused():
    with pytest.raises(Mismatch, match="something else"):
        run("values", Type.SELECT, Type.SELECT, pairs=[["A", "x"], ["A", "y"], ["B", "y"]])


def test_parts_and_lists():
    assert run("part", Type.TEXT, number=1).here("Ada King Lovelace", AROUND) == "Ada"
    assert run("part", Type.TEXT, number=2, rest=True).here("Ada King Lovelace", AROUND) == "King Lovelace"
    assert run("part", Type.TEXT, number=-1).here("Ada King Lovelace", AROUND) == "Lovelace"
    assert run("part", Type.TEXT, number=4).here("Ada King Lovelace", AROUND) is None
    split = run("split", Type.TEXT, Type.MULTI_SELECT)
    assert split.here("red, green,red", AROUND) == ["green", "red"]
    assert split.there(["green", "red"], None, AROUND) == "green, red"
    with pytest.raises(Unfit, match="a, b"):
        split.there(["a, b"], None, AROUND)


def test_chains_run_backwards_on_the_way_out():
    both = chain(
        {"transforms": [{"name": "number", "decimal": ","}, {"name": "round", "places": 1}, {"name": "currency"}]},
        Type.TEXT,
        Type.MONEY,
    )
    assert both.gives is Type.MONEY
    assert both.here("12,345", AROUND) == {"amount": "12.3", "currency": "EUR"}
    assert both.there({"amount": "12.35", "currency": "EUR"}, None, AROUND) == "12,4"


@pytest.mark.parametrize(
    ("steps", "takes", "reason"),
    [
        ([{"name": "number"}, {"name": "trim"}], Type.TEXT, "cannot follow a number"),
        ([{"name": "round"}], Type.TEXT, "cannot follow text"),
        ([{"name": "round", "places": 11}], Type.DECIMAL, "from 0 to 10"),
        ([{"name": "round", "digits": 1}], Type.DECIMAL, "no setting “digits”"),
        ([{"name": "shout"}], Type.TEXT, "no transform"),
        (["trim"], Type.TEXT, "no transform"),
        ([{"name": "number", "thousands": "."}], Type.TEXT, "must differ"),
        ([{"name": "day", "zone": "Mars/North"}], Type.DATETIME, "Mars/North"),
        ([{"name": "currency", "currency": "euro"}], Type.DECIMAL, "euro"),
        ([{"name": "values", "pairs": [["x", "perhaps"]]}], Type.SELECT, "neither yes nor no"),
        ([{"name": "part", "number": 0}], Type.TEXT, "from 1"),
        ([{"name": "default"}], Type.TEXT, "wants a value"),
    ],
)
def test_a_chain_that_cannot_be_says_why(steps, takes, reason):
    with pytest.raises(Mismatch, match=reason):
        chain({"transforms": steps}, takes, Type.BOOLEAN)


def test_the_page_about_mapping_tells_every_transform_and_its_settings():
    page = (Path(__file__).resolve().parents[3] / "docs" / "mapping.md").read_text()
    told = {cells[1].strip(" `"): cells for cells in (line.split("|") for line in page.splitlines()) if len(cells) == 6}
    for name, one in TRANSFORMS.items():
        assert ("one way" in told[name][4]) is not one.invertible
        settings_told = told["number" if name == "write_number" else name][3]
        assert all(f"`{parameter.name}`" in settings_told for parameter in one.parameters), name
