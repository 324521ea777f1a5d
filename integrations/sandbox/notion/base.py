"""The furniture of an empty sandbox: two workspaces, their people, and connections with well-known tokens."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from integrations.sandbox.notion.model import Connection, Page, User, Workspace

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

DEMO_TOKEN = "ntn_sandbox_demo"  # noqa: S105 - the whole point is that everybody knows it
READ_ONLY_TOKEN = "ntn_sandbox_readonly"  # noqa: S105
NO_USERS_TOKEN = "ntn_sandbox_nousers"  # noqa: S105
OTHER_TOKEN = "ntn_sandbox_other"  # noqa: S105
CLIENT_ID = "2c1d872b-594c-80aa-9b1e-0037a5b0c001"
CLIENT_SECRET = "secret_sandbox_oauth"  # noqa: S105
INTEGRATION_ID = CLIENT_ID

PEOPLE = (
    ("Ada Lovelace", "ada@acme.example"),
    ("Grace Hopper", "grace@acme.example"),
    ("Margherita Hack", "margherita@acme.example"),
)
OTHER_PEOPLE = (("Émilie du Châtelet", "emilie@nord.example"), ("Katherine Johnson", "katherine@nord.example"))


def fixed_id(name: str) -> str:
    """The same id in every sandbox, so that tests and saved settings survive a reset."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"raccord-sandbox/{name}"))


ACME, NORD = fixed_id("workspace/acme"), fixed_id("workspace/nord")


def furnish(world: NotionWorld) -> None:
    for ident, name, people in ((ACME, "Acme Studio", PEOPLE), (NORD, "Nord Atelier", OTHER_PEOPLE)):
        root = fixed_id(f"page/{name}")
        world.save(Workspace(ident, name, root))
        for person, email in people:
            world.save(User(fixed_id(email), ident, person, email))
        author = fixed_id(people[0][1])
        now = world.now()
        page = Page(root, world.next_seq(), None, ident, now, now, author, author, {"title": f"{name} home"})
        world.pages[root] = page
        world.save(page)
    full = ["read", "update", "insert", "user", "email"]
    connect(world, DEMO_TOKEN, ACME, "Raccord demo", full)
    connect(world, READ_ONLY_TOKEN, ACME, "Raccord read-only", ["read", "user", "email"])
    connect(world, NO_USERS_TOKEN, ACME, "Raccord without people", ["read", "update", "insert"])
    connect(world, OTHER_TOKEN, NORD, "Raccord demo", full)


def connect(world: NotionWorld, token: str, workspace: str, name: str, capabilities: list[str]) -> Connection:
    bot = fixed_id(f"bot/{token}")
    connection = Connection(bot, workspace, name, fixed_id(f"integration/{token}"), capabilities)
    world.save(connection)
    world.save_token(
        {
            "token": token,
            "connection": bot,
            "at": world.now(),
            "revoked": False,
            "refresh": None,
            "refresh_used": False,
        }
    )
    return connection


def welcome(world: NotionWorld) -> list[tuple[str, str]]:
    lines = []
    for token, doc in world.tokens.items():
        connection = world.connections.get(doc["connection"])
        if doc["revoked"] or connection is None or connection.owner is not None:
            continue
        workspace = world.workspaces[connection.workspace]
        lines.append((f"Token of “{connection.name}” in {workspace.name}", token))
    return [*lines, ("OAuth client id", CLIENT_ID), ("OAuth client secret", CLIENT_SECRET)]
