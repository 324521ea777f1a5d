"""The records of the demo tenant: the same on every machine, dated around today, written through the engine's bulk doors."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from config.demo.people import MEMBER, OWNER
from crm import feed, records, registry
from crm.fields import new_id
from crm.models import Contact
from crm.registry import Entity, People, Row
from integrations.sandbox import cast
from values import Value

COMPANIES = 25
#: The sandbox's Notion workspace holds the first 120 of the cast: 48 of them (40 %) are known here as well.
IN_NOTION = 120
FIRST_CONTACT, CONTACTS = 72, 250
#: Of those, one in eight has a phone number here that is not Notion's: a few conflicts to look at, not a wall of them.
DISAGREEING = 8
DEALS, TASKS = 40, 60

CITIES = (
    "Lyon|Hamburg|Verona|Paris|Appenzell|München|Porto|Göteborg|Milano|Rotterdam|Galway|Siena|Lille|Annecy|Kraków|Aarhus|Trier|"
    "Sevilla|Brno|Torino|Larissa|Gent|Helsinki|Lisboa|Dublin"
).split("|")
CALLING_CODES = {
    "Lyon": 33, "Paris": 33, "Lille": 33, "Annecy": 33, "Hamburg": 49, "München": 49, "Trier": 49, "Verona": 39, "Milano": 39,
    "Siena": 39, "Torino": 39, "Appenzell": 41, "Porto": 351, "Lisboa": 351, "Göteborg": 46, "Rotterdam": 31, "Galway": 353,
    "Dublin": 353, "Kraków": 48, "Aarhus": 45, "Sevilla": 34, "Brno": 420, "Larissa": 30, "Gent": 32, "Helsinki": 358,
}  # fmt: skip
COMPANY_NOTES = (
    "Family business in the third generation.",
    "Orders twice a year, before Easter and before Christmas.",
    "Invoices go to the head office.\nPayment within 30 days.",
    "Came to us through the chamber of commerce.",
)
JOBS = (
    "Owner", "Managing director", "Head of marketing", "Shop manager", "Buyer", "Art director", "Brand manager", "Accountant",
    "Project lead", "Assistant to the management", "Head of production", "Sales",
)  # fmt: skip
CONTACT_NOTES = (
    "Met at the Salone del Mobile; asked for our catalogue.",
    "Répond vite par e-mail, rarement au téléphone.",
    "Likes the botanical labels. Send new designs first.",
    "Decides together with the production.\nOffer has to name the delivery date.",
    "Back from parental leave in spring.",
    "Bevorzugt Angebote auf Deutsch.",
)
TAGS = ("Newsletter 2026", "Trade fair", "Referral", "VIP", "Supplier", "Press")
WORK = (
    "Packaging for {}", "Rebranding of {}", "Spring catalogue for {}", "New website for {}", "Labels for {}",
    "Trade fair stand of {}", "Photo shoot for {}", "Signage for {}",
)  # fmt: skip
DEAL_NOTES = (
    "First draft liked; the price is open.",
    "Wants to start after the summer break.",
    "Two other studios were asked.",
)
TODO = (
    ("Send the offer for “{deal}”", "High"),
    ("Call {person} back", "Normal"),
    ("Prepare the presentation of “{deal}”", "High"),
    ("Ask {person} for the print data", "Normal"),
    ("Check the proofs of “{deal}”", "High"),
    ("Thank {person} for the referral", "Low"),
    ("Send samples to {person}", "Normal"),
)


def ensure() -> dict[str, int]:
    """Fill an empty tenant; one that has contacts is left alone. Inside the tenant. Answers how many records were made."""
    if Contact.objects.exists():
        return {}
    with feed.acting(feed.SYSTEM):
        registry.add_options("company", "industry", sorted({company.industry for company in cast.COMPANIES}))
        studio = _Studio()
        for name in ("company", "contact", "deal", "task"):
            getattr(studio, f"make_{name}")()
            records.insert_rows(studio.entities[name], studio.rows[name])
    return {name: len(rows) for name, rows in studio.rows.items()}


@dataclass
class _Studio:
    dice: random.Random = field(default_factory=lambda: random.Random(1883))  # noqa: S311 - repeatable on purpose
    now: dt.datetime = field(default_factory=timezone.now)
    people: People = field(default_factory=People)
    entities: dict[str, Entity] = field(
        default_factory=lambda: {name: records.describe(name) for name in registry.names()}
    )
    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in registry.names()})

    def make_company(self) -> None:
        for firm, city in zip(cast.COMPANIES[:COMPANIES], CITIES, strict=True):
            self.add("company", 500, {
                "name": firm.name,
                "website": firm.website,
                "industry": firm.industry,
                "employees": self.dice.choice((3, 5, 8, 12, 18, 25, 40, 75, 120, 260)),
                "phone": self.phone(city),
                "city": city,
                "owner": self.owner(),
                "notes": self.sometimes(0.4, COMPANY_NOTES),
            })  # fmt: skip

    def make_contact(self) -> None:
        homes = {row["website"]: row for row in self.rows["company"]}
        for number in range(FIRST_CONTACT, FIRST_CONTACT + CONTACTS):
            person = cast.invented(number)
            home = homes.get(person.company.website)
            values = {
                "name": person.name,
                "email": person.email,
                "job_title": self.dice.choice(JOBS),
                "company": [home["id"]] if home else None,
            }
            if number >= IN_NOTION:
                values |= self.known_only_here(person, home["city"] if home else "Lyon")
            elif number % DISAGREEING == 0:
                values["phone"] = self.phone("Lyon")
            self.add("contact", 400, values)

    def known_only_here(self, person: cast.Person, city: str) -> dict[str, Value]:
        met = self.dice.random() < 0.7
        return {
            "phone": self.phone(city) if self.dice.random() < 0.8 else None,
            "status": self.dice.choices(("Lead", "Active", "Customer", "Former"), (4, 3, 5, 1))[0],
            "owner": self.owner(),
            "tags": self.dice.sample(TAGS, self.dice.choice((0, 0, 1, 1, 2))),
            "birthday": self.day(-24_000, -8_000) if self.dice.random() < 0.3 else None,
            "last_contacted_at": self.moment(-180, -1) if met else None,
            "newsletter": self.dice.random() < 0.45,
            "score": str(self.dice.randint(0, 200) / 2) if met else None,
            "website": person.company.website if self.dice.random() < 0.5 else None,
            "notes": self.sometimes(0.35, CONTACT_NOTES),
        }

    def make_deal(self) -> None:
        for number in range(DEALS):
            firm = self.rows["company"][number % COMPANIES]
            staff = [row["id"] for row in self.rows["contact"] if row["company_id"] == firm["id"]]
            stage = self.dice.choices(("Qualified", "Proposal", "Negotiation", "Won", "Lost"), (3, 4, 3, 5, 2))[0]
            ended = stage in ("Won", "Lost")
            work = WORK[number % len(WORK)].format(firm["name"])
            self.add("deal", 200, {
                "name": work if number < COMPANIES else f"{work}, second part",
                "amount": {"amount": str(self.dice.randrange(1_200, 48_000, 50)), "currency": "EUR"},
                "stage": stage,
                "close_date": self.day(-150, -2) if ended else self.day(5, 150),
                "company": [firm["id"]],
                "contacts": self.dice.sample(staff, min(len(staff), self.dice.choice((1, 1, 2)))),
                "owner": self.owner(),
                "notes": self.sometimes(0.4, DEAL_NOTES),
            })  # fmt: skip

    def make_task(self) -> None:
        contacts = {row["id"]: row for row in self.rows["contact"]}
        for _ in range(TASKS):
            deal = self.dice.choice(self.rows["deal"])
            contact = contacts[deal["contacts"][0]]
            words, priority = self.dice.choice(TODO)
            done = self.dice.random() < 0.4
            self.add("task", 60, {
                "title": words.format(deal=deal["name"], person=contact["name"]),
                "done": done,
                "due_at": self.moment(-40, -1) if done else self.moment(-3, 45),
                "priority": priority,
                "assignee": self.owner(),
                "deal": [deal["id"]],
                "contact": [contact["id"]],
            })  # fmt: skip

    def add(self, name: str, oldest_days: int, values: dict[str, Value]) -> None:
        entity = self.entities[name]
        row = registry.blank_row(
            entity, new_id(), self.now - dt.timedelta(minutes=self.dice.randrange(oldest_days * 1440))
        )
        for field_name, value in values.items():
            described = entity.fields[field_name]
            registry.write(row, described, registry.check(described, value), self.people)
        self.rows[name].append(row)

    def owner(self) -> str:
        return self.dice.choices((OWNER.email, MEMBER.email), (3, 2))[0]

    def phone(self, city: str) -> str:
        return f"+{CALLING_CODES[city]} {self.dice.randint(20, 99)} {self.dice.randint(100, 999)} {self.dice.randint(1000, 9999)}"

    def sometimes(self, share: float, choices: tuple[str, ...]) -> Any:
        return self.dice.choice(choices) if self.dice.random() < share else None

    def day(self, first: int, last: int) -> str:
        return (self.now.date() + dt.timedelta(days=self.dice.randint(first, last))).isoformat()

    def moment(self, first: int, last: int) -> str:
        """Within working hours, on a quarter of an hour."""
        return f"{self.day(first, last)}T{self.dice.randint(7, 16):02}:{self.dice.choice((0, 15, 30, 45)):02}:00Z"
