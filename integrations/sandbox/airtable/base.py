"""The furniture of an empty sandbox: people, and tokens that everybody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.airtable.model import fixed_id

if TYPE_CHECKING:
    from integrations.sandbox.airtable.world import AirtableWorld

DEMO_TOKEN = "patSandboxDemo.0001"  # noqa: S105 - the whole point is that everybody knows it
READ_ONLY_TOKEN = "patSandboxReadOnly.0001"  # noqa: S105
CLIENT_ID = "b8e5d9fd-fa69-4f6e-a2b1-f4bdab1c0001"
CLIENT_SECRET = "sandbox-airtable-secret"  # noqa: S105
PUBLIC_CLIENT_ID = "b8e5d9fd-fa69-4f6e-a2b1-f4bdab1c0002"  # of an app without a secret

SCOPES = (
    "data.records:read", "data.records:write", "schema.bases:read", "schema.bases:write", "webhook:manage",
    "user.email:read",
)  # fmt: skip
PEOPLE = (
    ("Ada Lovelace", "ada@acme.example"),
    ("Grace Hopper", "grace@acme.example"),
    ("Margherita Hack", "margherita@acme.example"),
)


def furnish(world: AirtableWorld) -> None:
    for name, email in PEOPLE:
        world.save_user({"id": fixed_id("usr", email), "email": email, "name": name})
    add_token(world, DEMO_TOKEN)
    add_token(world, READ_ONLY_TOKEN, level="read")


def add_token(world: AirtableWorld, token: str, level: str = "create", **more: Any) -> dict[str, Any]:
    """A personal access token. level: what its user may do in every base. hidden: bases that are not shared with it."""
    made: dict[str, Any] = {
        "token": token,
        "user": fixed_id("usr", PEOPLE[0][1]),
        "scopes": list(SCOPES),
        "level": level,
    }
    made |= {"hidden": [], "revoked": False, "expires": None, "client": "", "at": world.now()} | more
    world.save_token(made)
    return made


def welcome(world: AirtableWorld) -> list[tuple[str, str]]:
    tokens = [each for each in world.tokens.values() if not each["client"] and not each["revoked"]]
    lines = [(f"Personal access token ({each['level']})", each["token"]) for each in tokens]
    return [*lines, ("OAuth client id", CLIENT_ID), ("OAuth client secret", CLIENT_SECRET)]
