"""What an account starts with: "crm" for the demo, "bulk" for measurements."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from integrations.sandbox import cast
from integrations.sandbox.hand import HandError
from integrations.sandbox.hubspot import base
from integrations.sandbox.hubspot.model import Kind, Record
from integrations.sandbox.hubspot.world import association, primary

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

STAGES = ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "closedwon")
LIFECYCLE = ("subscriber", "lead", "opportunity", "customer")
TASKS = ("Send the quote to", "Call", "Prepare the visit of", "Check the contract with", "Thank")
INDUSTRIES = {"Design": "DESIGN", "Food": "FOOD_BEVERAGES", "Logistics": "LOGISTICS_AND_SUPPLY_CHAIN",
              "Media": "MEDIA_PRODUCTION", "Retail": "RETAIL", "Services": "CONSUMER_SERVICES",
              "Hospitality": "HOSPITALITY", "Manufacturing": "MANUFACTURING", "Health": "HOSPITAL_HEALTH_CARE",
              "Technology": "COMPUTER_SOFTWARE"}  # fmt: skip


def sow(world: HubSpotWorld, name: str, sizes: dict[str, int]) -> dict[str, Any]:
    sowers = {"crm": sow_crm, "bulk": sow_bulk}
    if name not in sowers:
        raise HandError(f"no such seed: {name}; one of {', '.join(sowers)}")
    try:
        return sowers[name](world, **sizes)
    except TypeError as error:
        raise HandError(str(error)) from error


def sow_crm(
    world: HubSpotWorld, contacts: int = 40, companies: int = 12, deals: int = 15, tasks: int = 12, projects: int = 3
) -> dict[str, Any]:
    """Answers {name: object type id}."""
    sower = _Sower(world)
    firms = [sower.company(number) for number in range(companies)]
    people = [sower.contact(number, firms) for number in range(contacts)]
    agreed = [sower.deal(number, firms, people) for number in range(deals)]
    for number in range(tasks):
        sower.task(number, people, agreed)
    for number in range(projects):
        sower.row("projects", 900 - number, project_name=f"Project {number + 1}", budget=str(1000 * (number + 1)))
    return {kind.plural: kind.type_id for kind in world.kinds_of(base.ACME)}


def sow_bulk(world: HubSpotWorld, contacts: int = 10_000, at_once: int = 0) -> dict[str, Any]:
    """Contacts only; the last `at_once` of them all changed in the same millisecond, as after an import."""
    sower = _Sower(world)
    for number in range(contacts):
        sower.row("contacts", 1 if number >= contacts - at_once else 2 + number % 5000, exact=True,
                  firstname="Contact", lastname=str(number), email=f"contact.{number}@bulk.example")  # fmt: skip
    return {"contacts": contacts}


class _Sower:
    """Records of earlier days, without an event for each."""

    def __init__(self, world: HubSpotWorld) -> None:
        self.world = world
        self.dice = random.Random(11)  # noqa: S311 - repeatable on purpose
        self.now = world.now()
        self.owners = [owner.id for owner in world.owners.values() if owner.portal == base.ACME]

    def row(self, table: str, minutes_ago: int, exact: bool = False, **given: str) -> Record:
        world, kind = self.world, self.kind(table)
        at = self.now - minutes_ago * 60_000 - (0 if exact else self.dice.randrange(60_000))
        record = Record(world.ids.next(), kind.name, kind.portal, at, at, {})
        world._put(kind, record, {key: value for key, value in given.items() if value}, at)
        world.table(kind).take(record)
        world.save_record(record)
        world.store.put("ids", "ids", {"given": world.ids.given})
        return record

    def kind(self, name: str) -> Kind:
        return self.world.kinds[base.ACME, name]

    def link(self, one: Record, other: Record) -> None:
        main = primary(one.kind, other.kind) if "companies" in (one.kind, other.kind) else None
        self.world.link(one, other, association(one.kind, other.kind), main)

    def company(self, number: int) -> Record:
        firm = cast.COMPANIES[number % len(cast.COMPANIES)]
        again = f" {number // len(cast.COMPANIES) + 1}" if number >= len(cast.COMPANIES) else ""
        return self.row("companies", 50_000 - number * 7, name=firm.name + again, domain=firm.domain,
                        website=firm.website, industry=INDUSTRIES.get(firm.industry, ""),
                        numberofemployees=str(5 + number * 3), hubspot_owner_id=self.dice.choice(self.owners))  # fmt: skip

    def contact(self, number: int, firms: list[Record]) -> Record:
        person = cast.PEOPLE[number % len(cast.PEOPLE)]
        round = number // len(cast.PEOPLE)
        again = f".{round + 1}" if round else ""
        made = self.row(
            "contacts", 40_000 - number * 11, firstname=person.first, lastname=person.last + (f" {round + 1}" if round else ""),
            email=person.email.replace("@", f"{again}@").lower(), phone=f"+33 1 23 45 {number % 100:02d}",
            jobtitle="Director" if number % 3 == 0 else "", lifecyclestage=LIFECYCLE[number % len(LIFECYCLE)],
            hs_persona="fair;vip" if number % 4 == 0 else "", hs_newsletter="true" if number % 3 == 0 else "false",
            hubspot_owner_id=self.dice.choice(self.owners),
        )  # fmt: skip
        if firms:
            self.link(made, firms[number % len(firms)])
        return made

    def deal(self, number: int, firms: list[Record], people: list[Record]) -> Record:
        made = self.row(
            "deals", 30_000 - number * 13, dealname=f"Order {number + 1}", amount=f"{(number + 1) * 750}.00",
            pipeline="default", dealstage=STAGES[number % len(STAGES)], closedate=f"2026-12-{number % 28 + 1:02d}T09:00:00Z",
            hubspot_owner_id=self.dice.choice(self.owners),
        )  # fmt: skip
        if firms:
            self.link(made, firms[number % len(firms)])
        for person in people[number * 2 : number * 2 + 2]:
            self.link(made, person)
        return made

    def task(self, number: int, people: list[Record], agreed: list[Record]) -> Record:
        person = people[number % len(people)] if people else None
        whom = person.values.get("firstname", "") if person else "everybody"
        made = self.row(
            "tasks", 20_000 - number * 17, hs_task_subject=f"{TASKS[number % len(TASKS)]} {whom}",
            hs_task_status="COMPLETED" if number % 4 == 0 else "NOT_STARTED", hs_task_priority="MEDIUM",
            hs_task_type="TODO", hs_timestamp=f"2026-12-{number % 28 + 1:02d}T08:00:00Z",
            hubspot_owner_id=self.dice.choice(self.owners),
        )  # fmt: skip
        if person:
            self.link(made, person)
        if agreed:
            self.link(made, agreed[number % len(agreed)])
        return made
