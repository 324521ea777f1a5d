"""What a workspace starts with: "crm" for the demo, "bulk" for measurements."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from integrations.sandbox import cast
from integrations.sandbox.hand import HandError
from integrations.sandbox.notion import base, schema
from integrations.sandbox.notion.model import Page, Source

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

STAGES = ["Lead", "Qualified", "Customer", "Former customer"]
DEAL_STAGES = [("New", "To-do"), ("Proposal", "In progress"), ("Negotiation", "In progress"), ("Won", "Complete")]
TAGS = ["Newsletter 2026", "Trade fair", "Referral", "VIP", "Supplier"]
NOTES = [
    "Met at the fair in Lyon; wants a quote before the summer.",
    "Prefers to be called in the morning.",
    "Asked for references. Très intéressée.",
    "Call back after the holidays – budget is decided in October.",
    "Introduced by Ada.",
]
TASKS = ["Send the quote to", "Call", "Prepare the visit of", "Check the contract with", "Thank"]


def sow(world: NotionWorld, name: str, sizes: dict[str, int]) -> dict[str, Any]:
    sowers = {"crm": sow_crm, "bulk": sow_bulk}
    if name not in sowers:
        raise HandError(f"no such seed: {name}; one of {', '.join(sowers)}")
    try:
        return sowers[name](world, **sizes)
    except TypeError as error:
        raise HandError(str(error)) from error


def _options(*names: str) -> dict[str, Any]:
    return {"options": [{"name": name} for name in names]}


class _Sower:
    """Fills data sources with rows at given times, without a request or an event per row."""

    def __init__(self, world: NotionWorld, seed: int) -> None:
        self.world = world
        self.dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.people = [base.fixed_id(email) for _, email in base.PEOPLE]
        self.made: list[Page] = []

    def table(self, title: str, properties: dict[str, Any]) -> Source:
        home = self.world.workspaces[base.ACME].root_page
        return schema.make_database(self.world, base.ACME, home, title, self.people[0], properties)[1]

    def row(self, source: Source, values: dict[str, Any], minutes_ago: int = 0) -> Page:
        """Values by property name, compact; options by name."""
        created = self.world.now() - minutes_ago * 60_000 - self.dice.randrange(60_000)
        source.counter += 1
        author = self.dice.choice(self.people)
        ident = "".join(self.dice.choices("0123456789abcdef", k=32))
        dashed = f"{ident[:8]}-{ident[8:12]}-{ident[12:16]}-{ident[16:20]}-{ident[20:]}"
        compact = {}
        for name, value in values.items():
            prop = source.prop(name)
            if prop is None or value in (None, "", [], False):
                continue
            if prop.type in ("select", "status"):
                value = prop.option(value)["id"]  # type: ignore[index]
            elif prop.type == "multi_select":
                value = [prop.option(each)["id"] for each in value]  # type: ignore[index]
            compact[prop.id] = value
        page = Page(dashed, self.world.next_seq(), source.id, base.ACME, created, created, author, author, compact)
        page.number = source.counter
        self.made.append(page)
        return page

    def relate(self, source: Source, name: str, page: Page, other: Page) -> None:
        prop = source.prop(name)
        if prop is None:
            return
        page.values.setdefault(prop.id, []).append(other.id)
        if synced := prop.config.get("synced"):
            other.values.setdefault(synced, []).append(page.id)

    def done(self) -> None:
        for source in self.world.sources.values():
            self.world.save(source)
        for page in self.made:
            self.world.save(page)
        self.world.add_pages(self.made)


def sow_crm(
    world: NotionWorld, contacts: int = 120, companies: int = 40, deals: int = 40, tasks: int = 60
) -> dict[str, Any]:
    """Contacts, companies, deals and tasks of a small sales team, related to each other."""
    sower = _Sower(world, seed=2026)
    tables = _crm_tables(sower)
    firms = [_company(sower, tables["Companies"], number) for number in range(companies)]
    people = [_contact(sower, tables["Contacts"], number, firms) for number in range(contacts)]
    offers = [_deal(sower, tables["Deals"], number, people, firms) for number in range(deals)]
    for number in range(tasks):
        _task(sower, tables["Tasks"], number, offers)
    sower.done()
    return {name: {"data_source_id": s.id, "database_id": s.database} for name, s in tables.items()}


def _crm_tables(sower: _Sower) -> dict[str, Source]:
    companies = sower.table(
        "Companies",
        {
            "Name": {"title": {}},
            "Website": {"url": {}},
            "Industry": {"select": _options(*sorted({company.industry for company in cast.COMPANIES}))},
        },
    )
    contacts = sower.table("Contacts", _contact_properties(companies))
    schema.change(sower.world, companies, _count_of_contacts(), sower.people[0])
    one_way = {"single_property": {}}
    deals = sower.table(
        "Deals",
        {
            "Name": {"title": {}},
            "Amount": {"number": {"format": "euro"}},
            "Stage": {"status": _options(*(name for name, _ in DEAL_STAGES), "Lost")},
            "Close date": {"date": {}},
            "Contact": {"relation": {"data_source_id": contacts.id} | one_way},
            "Company": {"relation": {"data_source_id": companies.id} | one_way},
        },
    )
    _group_stages(deals)
    tasks = sower.table(
        "Tasks",
        {
            "Task": {"title": {}},
            "Done": {"checkbox": {}},
            "Due": {"date": {}},
            "Assignee": {"people": {}},
            "Deal": {"relation": {"data_source_id": deals.id} | one_way},
            "Priority": {"select": _options("High", "Medium", "Low")},
        },
    )
    return {"Contacts": contacts, "Companies": companies, "Deals": deals, "Tasks": tasks}


def _contact_properties(companies: Source) -> dict[str, Any]:
    dual = {"dual_property": {"synced_property_name": "Contacts"}}
    return {
        "Name": {"title": {}},
        "Email": {"email": {}},
        "Phone": {"phone_number": {}},
        "Company": {"relation": {"data_source_id": companies.id} | dual},
        "Stage": {"select": _options(*STAGES)},
        "Owner": {"people": {}},
        "Score": {"number": {"format": "number"}},
        "Birthday": {"date": {}},
        "Last met": {"date": {}},
        "Newsletter": {"checkbox": {}},
        "Website": {"url": {}},
        "Tags": {"multi_select": _options(*TAGS)},
        "Notes": {"rich_text": {}},
        "Full label": {"formula": {"expression": 'prop("Name") + " (" + prop("Stage") + ")"'}},
        "ID": {"unique_id": {"prefix": "CON"}},
        "Last edited time": {"last_edited_time": {}},
        "Created time": {"created_time": {}},
    }


def _count_of_contacts() -> dict[str, Any]:
    rollup = {"relation_property_name": "Contacts", "rollup_property_name": "Name", "function": "count"}
    return {"Contact count": {"rollup": rollup}}


def _group_stages(deals: Source) -> None:
    stage = deals.prop("Stage")
    if stage is None:
        return
    wanted = dict(DEAL_STAGES) | {"Lost": "Complete"}
    for group in stage.config["groups"]:
        group["option_ids"] = [o["id"] for o in stage.options if wanted[o["name"]] == group["name"]]


def _company(sower: _Sower, source: Source, number: int) -> Page:
    firm = cast.COMPANIES[number % len(cast.COMPANIES)]
    branch = f" {1 + number // len(cast.COMPANIES)}" if number >= len(cast.COMPANIES) else ""
    values = {"Name": firm.name + branch, "Website": firm.website, "Industry": firm.industry}
    return sower.row(source, values, minutes_ago=90_000 - number * 20)


def _day(sower: _Sower, first: int, last: int) -> dict[str, Any]:
    """A date between so many days from now, as stored."""
    now = datetime.fromtimestamp(sower.world.now() / 1000, UTC).date()
    return {"start": (now + timedelta(days=sower.dice.randint(first, last))).isoformat(), "end": None}


def _contact(sower: _Sower, source: Source, number: int, firms: list[Page]) -> Page:
    person, dice = cast.invented(number), sower.dice
    values = {
        "Name": person.name,
        "Email": person.email,
        "Phone": f"+{dice.choice((33, 39, 49, 34, 31, 353))} {dice.randint(100, 999)} {dice.randint(100_000, 999_999)}",
        "Stage": dice.choice(STAGES),
        "Owner": [dice.choice(sower.people)],
        "Score": dice.randint(0, 100) if dice.random() < 0.8 else None,
        "Birthday": _day(sower, -22_000, -8_000) if dice.random() < 0.5 else None,
        "Last met": _day(sower, -200, -1) if dice.random() < 0.6 else None,
        "Newsletter": dice.random() < 0.4,
        "Website": person.company.website,
        "Tags": dice.sample(TAGS, dice.randint(0, 3)),
        "Notes": dice.choice(NOTES) if dice.random() < 0.7 else None,
    }
    page = sower.row(source, values, minutes_ago=80_000 - number * 13 % 80_000)
    if firms:
        sower.relate(source, "Company", page, firms[cast.COMPANIES.index(person.company) % len(firms)])
    return page


def _deal(sower: _Sower, source: Source, number: int, people: list[Page], firms: list[Page]) -> Page:
    dice = sower.dice
    topic = dice.choice(("Rebranding", "Spring order", "Website", "Maintenance 2027", "Pilot", "Catering"))
    values = {
        "Name": f"{topic} {number + 1}",
        "Amount": dice.randrange(500, 60_000, 250) + dice.choice((0, 0, 0.5)),
        "Stage": dice.choice([name for name, _ in DEAL_STAGES] + ["Lost"]),
        "Close date": _day(sower, -60, 120),
    }
    page = sower.row(source, values, minutes_ago=40_000 - number * 31 % 40_000)
    if people:
        sower.relate(source, "Contact", page, dice.choice(people))
    if firms:
        sower.relate(source, "Company", page, dice.choice(firms))
    return page


def _task(sower: _Sower, source: Source, number: int, offers: list[Page]) -> None:
    dice = sower.dice
    day, hour = _day(sower, -20, 40)["start"], dice.randint(8, 17)
    values = {
        "Task": f"{dice.choice(TASKS)} {cast.invented(number * 3 % 90).name}",
        "Done": dice.random() < 0.35,
        "Due": {"start": f"{day}T{hour:02}:{dice.choice((0, 15, 30, 45)):02}:00.000+00:00", "end": None},
        "Assignee": [dice.choice(sower.people)],
        "Priority": dice.choice(("High", "Medium", "Low")),
    }
    page = sower.row(source, values, minutes_ago=20_000 - number * 17 % 20_000)
    if offers:
        sower.relate(source, "Deal", page, dice.choice(offers))


def sow_bulk(world: NotionWorld, records: int = 20_000, per_minute: int = 400) -> dict[str, Any]:
    """One wide table of many contacts, `per_minute` of them created in each minute."""
    sower = _Sower(world, seed=7)
    properties = {
        "Name": {"title": {}},
        "Email": {"email": {}},
        "Phone": {"phone_number": {}},
        "Company": {"rich_text": {}},
        "Stage": {"select": _options(*STAGES)},
        "Score": {"number": {"format": "number"}},
        "Birthday": {"date": {}},
        "Newsletter": {"checkbox": {}},
        "Website": {"url": {}},
        "Tags": {"multi_select": _options(*TAGS)},
        "Notes": {"rich_text": {}},
        "External ID": {"rich_text": {}},
    }
    source = sower.table("Bulk contacts", properties)
    oldest = records // per_minute + 10
    for number in range(records):
        sower.row(source, _bulk_values(sower, number), minutes_ago=oldest - number // per_minute)
    sower.done()
    return {"Bulk contacts": {"data_source_id": source.id, "database_id": source.database}}


def _bulk_values(sower: _Sower, number: int) -> dict[str, Any]:
    person, dice = cast.PEOPLE[number % len(cast.PEOPLE)], sower.dice
    return {
        "Name": f"{person.name} {number}",
        "Email": person.email.replace("@", f".{number}@"),
        "Phone": f"+33 {number:09}",
        "Company": person.company.name,
        "Stage": STAGES[number % len(STAGES)],
        "Score": dice.randint(0, 100),
        "Birthday": {"start": f"19{60 + number % 40}-0{1 + number % 9}-1{number % 10}", "end": None},
        "Newsletter": number % 3 == 0,
        "Website": person.company.website,
        "Tags": [TAGS[number % len(TAGS)]],
        "Notes": NOTES[number % len(NOTES)],
    }
