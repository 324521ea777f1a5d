"""The furniture of an empty sandbox: two accounts, their owners, and well-known tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.sandbox.hubspot import catalogue
from integrations.sandbox.hubspot.model import Owner, Portal, Prop

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

DEMO_TOKEN = "pat-eu1-sandbox-demo"  # noqa: S105 - the whole point is that everybody knows it
READ_ONLY_TOKEN = "pat-eu1-sandbox-readonly"  # noqa: S105
OTHER_TOKEN = "pat-eu1-sandbox-other"  # noqa: S105
CLIENT_ID = "3f1d872b-594c-40aa-9b1e-0037a5b0c002"
CLIENT_SECRET = "7a1b-sandbox-client-secret"  # noqa: S105
APP_ID = 54321
DEVELOPER_KEY = "sandbox-developer-key"

ACME, NORD = 62515, 71820
PEOPLE = (("Ada", "Lovelace", "ada@acme.example"), ("Grace", "Hopper", "grace@acme.example"),
          ("Margherita", "Hack", "margherita@acme.example"))  # fmt: skip
OTHER_PEOPLE = (("Émilie", "du Châtelet", "emilie@nord.example"), ("Katherine", "Johnson", "katherine@nord.example"))

READ = [f"crm.objects.{kind}.read" for kind in ("contacts", "companies", "deals", "custom", "owners")]
WRITE = [f"crm.objects.{kind}.write" for kind in ("contacts", "companies", "deals", "custom")]
SCHEMAS = [f"crm.schemas.{kind}.{way}" for kind in ("contacts", "companies", "deals", "custom")
           for way in ("read", "write")]  # fmt: skip
ALL_SCOPES = ["oauth", *READ, *WRITE, *SCHEMAS]


def furnish(world: HubSpotWorld) -> None:
    for ident, name, zone, currency, people in (
        (ACME, "Acme Studio", "Europe/Paris", "EUR", PEOPLE),
        (NORD, "Nord Atelier", "Europe/Stockholm", "SEK", OTHER_PEOPLE),
    ):
        world.save_portal(Portal(ident, name, zone, currency))
        for place, (first, last, email) in enumerate(people):
            world.save_owner(Owner(str(ident * 1000 + place), ident, ident * 10 + place, first, last, email))
        for kind in catalogue.standard(ident):
            world.save_kind(kind)
    states = catalogue.options("planned=Planned", "done=Done")
    props = [
        Prop("project_name", "Project name"),
        Prop("budget", "Budget", "number", "number"),
        Prop("state", "State", "enumeration", "select", options=states),
    ]
    world.save_kind(catalogue.custom(ACME, "projects", "2-1001", "Project", "Projects", props, "project_name"))
    add_token(world, DEMO_TOKEN, ACME, "Raccord demo", ALL_SCOPES)
    add_token(world, READ_ONLY_TOKEN, ACME, "Raccord read-only", READ)
    add_token(world, OTHER_TOKEN, NORD, "Raccord demo", ALL_SCOPES)


def add_token(world: HubSpotWorld, token: str, portal: int, name: str, scopes: list[str]) -> None:
    """A private app's: it does not expire."""
    world.save_token(
        {
            "token": token,
            "portal": portal,
            "name": name,
            "scopes": scopes,
            "user": "",
            "refresh": None,
            "expires": None,
            "revoked": False,
            "hidden": [],
        }
    )


def welcome(world: HubSpotWorld) -> list[tuple[str, str]]:
    lines = [
        (f"Token of “{doc['name']}” in {world.portals[doc['portal']].name}", token)
        for token, doc in world.tokens.items()
        if not doc["revoked"] and doc["refresh"] is None
    ]
    return [
        *lines,
        ("OAuth client id", CLIENT_ID),
        ("OAuth client secret", CLIENT_SECRET),
        ("App id", str(APP_ID)),
        ("Developer key", DEVELOPER_KEY),
    ]
