"""What an account starts with: "crm" for the demo and the tests, "bulk" for measurements."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from integrations.sandbox import cast
from integrations.sandbox.airtable import base, fields_api
from integrations.sandbox.airtable.model import Base, Row, Table, fixed_id
from integrations.sandbox.hand import HandError

if TYPE_CHECKING:
    from integrations.sandbox.airtable.world import AirtableWorld

STAGES = ["Lead", "Active", "Customer", "Former"]
DEAL_STAGES = ["Qualified", "Proposal", "Negotiation", "Won", "Lost"]
TAGS = ["Newsletter 2026", "Trade fair", "Referral", "VIP", "Supplier"]
NOTES = [
    "Met at the fair in Lyon; wants a quote before the summer.",
    "Prefers to be called in the morning.",
    "Asked for references. Très intéressée.",
]
DAY = {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}}
TIME = DAY | {"timeFormat": {"name": "24hour", "format": "HH:mm"}, "timeZone": "Europe/Rome"}


def sow(world: AirtableWorld, name: str, sizes: dict[str, int]) -> dict[str, Any]:
    sowers = {"crm": sow_crm, "bulk": sow_bulk}
    if name not in sowers:
        raise HandError(f"no such seed: {name}; one of {', '.join(sowers)}")
    try:
        return sowers[name](world, **sizes)
    except TypeError as error:
        raise HandError(str(error)) from error


def _choices(names: list[str]) -> dict[str, Any]:
    return {"choices": [{"name": name} for name in names]}


class _Sower:
    """Fills tables with rows at given times, without a request or an event per row."""

    def __init__(self, world: AirtableWorld, home: str, seed: int) -> None:
        self.world = world
        self.dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.people = [fixed_id("usr", email) for _, email in base.PEOPLE]
        self.base = Base(fixed_id("app", home), home)
        world.save(self.base)

    def table(self, name: str, *fields: tuple[str, str, dict[str, Any]]) -> Table:
        """The first field is the primary one."""
        made = Table(fixed_id("tbl", f"{self.base.name}/{name}"), self.base.id, name, "", {})
        self.world.tables[made.id] = made
        for field_name, kind, options in fields:
            self.field(made, field_name, kind, options)
        made.primary = next(iter(made.fields))
        self.world.save(made)
        return made

    def field(self, table: Table, name: str, kind: str, options: dict[str, Any]) -> None:
        spec = {"id": fixed_id("fld", f"{table.id}/{name}"), "name": name, "type": kind, "options": options}
        fields_api.make_field(self.world, table, spec, computed=True)

    def row(self, table: Table, values: dict[str, Any], minutes_ago: int) -> Row:
        """Values by field name, as the API takes them."""
        created = self.world.now() - minutes_ago * 60_000 - self.dice.randrange(60_000)
        table.counter += 1
        author = self.dice.choice(self.people)
        ident = "rec" + "".join(self.dice.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghkmnopqrstuvwxyz23456789", k=14))
        row = Row(ident, table.id, created, created, author, author, number=table.counter)
        for name, value in values.items():
            field = table.field(name)
            assert field is not None, name  # noqa: S101 - a seed names its own fields
            kept = self.world.cells.written(table, field, value or None, True, [])
            if kept is not None:
                row.cells[field["id"]] = kept
            for other in kept or () if field["type"] == "multipleRecordLinks" else ():
                back = self.world.rows[other]
                back.cells.setdefault(field["options"]["inverseLinkFieldId"], []).append(ident)
                self.world.save(back)
        self.world.save(row)
        return row

    def day(self, first: int, last: int) -> str:
        """A day between so many days from now."""
        now = datetime.fromtimestamp(self.world.now() / 1000, UTC).date()
        return (now + timedelta(days=self.dice.randint(first, last))).isoformat()

    def done(self, *tables: Table) -> dict[str, Any]:
        for table in tables:
            self.world.save(table)
        return {table.name: {"base": table.base, "table": table.id} for table in tables}


def sow_crm(
    world: AirtableWorld, contacts: int = 120, companies: int = 40, deals: int = 40, tasks: int = 60
) -> dict[str, Any]:
    """Contacts, companies, deals and tasks of a small sales team, linked to each other."""
    sower = _Sower(world, "Acme CRM", seed=2026)
    dice = sower.dice
    firms_table = sower.table(
        "Companies",
        ("Name", "singleLineText", {}),
        ("Website", "url", {}),
        ("Industry", "singleSelect", _choices(sorted({company.industry for company in cast.COMPANIES}))),
    )
    people_table = _contacts(sower, firms_table)
    count = {"recordLinkFieldId": next(f["id"] for f in firms_table.fields.values() if f["name"] == "Contacts")}
    sower.field(firms_table, "Contact count", "count", count)
    deals_table = sower.table(
        "Deals",
        ("Name", "singleLineText", {}),
        ("Amount", "currency", {"precision": 2, "symbol": "€"}),
        ("Stage", "singleSelect", _choices(DEAL_STAGES)),
        ("Close date", "date", DAY),
        ("Company", "multipleRecordLinks", {"linkedTableId": firms_table.id, "prefersSingleRecordLink": True}),
        ("Contacts", "multipleRecordLinks", {"linkedTableId": people_table.id}),
    )
    tasks_table = sower.table(
        "Tasks",
        ("Task", "singleLineText", {}),
        ("Done", "checkbox", {"icon": "check", "color": "greenBright"}),
        ("Due", "dateTime", TIME),
        ("Assignee", "singleCollaborator", {}),
        ("Deal", "multipleRecordLinks", {"linkedTableId": deals_table.id, "prefersSingleRecordLink": True}),
        ("Priority", "singleSelect", _choices(["Low", "Normal", "High"])),
    )
    firms = []
    for number in range(companies):
        firm = cast.COMPANIES[number % len(cast.COMPANIES)]
        branch = f" {1 + number // len(cast.COMPANIES)}" if number >= len(cast.COMPANIES) else ""
        values = {"Name": firm.name + branch, "Website": firm.website, "Industry": firm.industry}
        firms.append(sower.row(firms_table, values, 90_000 - number * 20).id)
    people = [_contact(sower, people_table, number, firms).id for number in range(contacts)]
    offers = []
    for number in range(deals):
        topic = dice.choice(("Rebranding", "Spring order", "Website", "Maintenance 2027", "Pilot", "Catering"))
        offer: dict[str, Any] = {
            "Name": f"{topic} {number + 1}",
            "Amount": dice.randrange(500, 60_000, 250) + dice.choice((0, 0, 0.5)),
            "Stage": dice.choice(DEAL_STAGES),
            "Close date": sower.day(-60, 120),
            "Company": [dice.choice(firms)] if firms else None,
            "Contacts": [dice.choice(people)] if people else None,
        }
        offers.append(sower.row(deals_table, offer, 40_000 - number * 31).id)
    for number in range(tasks):
        task: dict[str, Any] = {
            "Task": f"{dice.choice(('Call', 'Thank', 'Visit'))} {cast.invented(number * 3 % 90).name}",
            "Done": dice.random() < 0.35,
            "Due": f"{sower.day(-20, 40)}T{dice.randint(8, 17):02}:30:00.000Z",
            "Assignee": {"id": dice.choice(sower.people)},
            "Deal": [dice.choice(offers)] if offers else None,
            "Priority": dice.choice(["Low", "Normal", "High"]),
        }
        sower.row(tasks_table, task, 20_000 - number * 17)
    return sower.done(people_table, firms_table, deals_table, tasks_table)


def _contacts(sower: _Sower, firms: Table) -> Table:
    """The one table with a field that tells when a record was edited: most have none."""
    made = sower.table(
        "Contacts",
        ("Name", "singleLineText", {}),
        ("Email", "email", {}),
        ("Phone", "phoneNumber", {}),
        ("Company", "multipleRecordLinks", {"linkedTableId": firms.id, "prefersSingleRecordLink": True}),
        ("Stage", "singleSelect", _choices(STAGES)),
        ("Owner", "singleCollaborator", {}),
        ("Score", "number", {"precision": 1}),
        ("Birthday", "date", DAY),
        ("Last met", "dateTime", TIME),
        ("Newsletter", "checkbox", {"icon": "check", "color": "greenBright"}),
        ("Website", "url", {}),
        ("Tags", "multipleSelects", _choices(TAGS)),
        ("Notes", "multilineText", {}),
        ("Briefing", "richText", {}),
        ("Stars", "rating", {"icon": "star", "max": 5, "color": "yellowBright"}),
        ("Files", "multipleAttachments", {}),
    )
    stamp = {"isValid": True, "referencedFieldIds": [], "result": {"type": "dateTime", "options": TIME}}
    label = {"formula": '{Name} & " / " & {Stage}', "isValid": True, "result": {"type": "singleLineText"}}
    for name, kind, options in (
        ("Label", "formula", label),
        ("Number", "autoNumber", {}),
        ("Created", "createdTime", {"result": {"type": "dateTime", "options": TIME}}),
        ("Last modified", "lastModifiedTime", stamp),
        ("Made by", "createdBy", {}),
    ):
        sower.field(made, name, kind, options)
    return made


def _contact(sower: _Sower, table: Table, number: int, firms: list[str]) -> Row:
    person, dice = cast.invented(number), sower.dice
    values = {
        "Name": person.name,
        "Email": person.email,
        "Phone": f"+{dice.choice((33, 39, 49, 34, 31, 353))} {dice.randint(100, 999)} {dice.randint(100_000, 999_999)}",
        "Company": [firms[cast.COMPANIES.index(person.company) % len(firms)]] if firms else None,
        "Stage": dice.choice(STAGES),
        "Owner": {"id": dice.choice(sower.people)},
        "Score": dice.randint(1, 100) if dice.random() < 0.8 else None,
        "Birthday": sower.day(-22_000, -8_000) if dice.random() < 0.5 else None,
        "Newsletter": dice.random() < 0.4,
        "Website": person.company.website,
        "Tags": dice.sample(TAGS, dice.randint(0, 3)),
        "Notes": dice.choice(NOTES) if dice.random() < 0.7 else None,
    }
    return sower.row(table, values, minutes_ago=80_000 - number * 13 % 80_000)


def sow_bulk(world: AirtableWorld, records: int = 20_000) -> dict[str, Any]:
    """One wide table of many contacts."""
    sower = _Sower(world, "Bulk", seed=7)
    table = sower.table(
        "Bulk contacts",
        ("Name", "singleLineText", {}),
        ("Email", "email", {}),
        ("Phone", "phoneNumber", {}),
        ("Score", "number", {"precision": 0}),
        ("Newsletter", "checkbox", {"icon": "check", "color": "greenBright"}),
    )
    for number in range(records):
        person = cast.PEOPLE[number % len(cast.PEOPLE)]
        values = {
            "Name": f"{person.name} {number}",
            "Email": person.email.replace("@", f".{number}@"),
            "Phone": f"+33 {number:09}",
            "Score": sower.dice.randint(0, 100),
            "Newsletter": number % 3 == 0,
        }
        sower.row(table, values, minutes_ago=records // 400 + 10 - number // 400)
    return sower.done(table)
