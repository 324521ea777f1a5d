"""The practice tool for the suite of the contract: the real one, in its own tenant, behind the sandbox's gate.

The gate is where answers get lost, connections drop and requests are counted; the site itself answers what it lets through.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.test import Client

from integrations.adapters.base import HookCall, Schema
from integrations.adapters.values import Value
from integrations.sandbox import hand
from integrations.sandbox.calls import Answer, Call, json_answer
from integrations.sandbox.clock import Clock
from integrations.sandbox.faults import Rule
from integrations.sandbox.limits import RateLimit
from integrations.sandbox.server import SandboxServer
from integrations.sandbox.state import Store
from integrations.services import given
from tests.contract.harness import CREATE, FETCH, HOOK_SECRET, HOOK_URL, READ, UPDATE, SandboxHarness

_numbers = itertools.count(1)


class PracticeWorld:
    """What the sandbox's frame asks of a provider, done by the site in a thread with a database connection of its own."""

    limit: RateLimit

    def __init__(self, clock: Clock) -> None:
        self.clock, self.hand = clock, Hand(self)
        self._thread = ThreadPoolExecutor(1)
        self._client = Client(headers={"host": settings.PUBLIC_HOST}, raise_request_exception=False)
        self.key = ""
        self._thread.submit(self._begin).result()

    def _begin(self) -> None:
        from tests.conftest import _make_tenant

        number = next(_numbers)
        self.tenant = _make_tenant(f"practice-{number}", "Practice Works")

    def inside(self, act: Callable[[], Any]) -> Any:
        """In the tool's thread, in its tenant's schema, by the sandbox's clock."""
        from django_tenants.utils import tenant_context

        from practice import world

        def work() -> Any:
            world.now = lambda: dt.datetime.fromtimestamp(self.clock.now_ms() / 1000, dt.UTC)
            with tenant_context(self.tenant):
                return act()

        return self._thread.submit(work).result()

    def answer(self, call: Call) -> Answer:
        def ask() -> Answer:
            from django.db import connection

            connection.set_schema_to_public()
            kept = {name: value for name, value in call.headers.items() if name not in ("host", "accept-encoding")}
            more = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in kept.items()}
            path = f"/practice/api{call.path}" + (f"?{call.query_string}" if call.query_string else "")
            got = self._client.generic(call.method, path, call.body, "application/json", **more)
            return Answer(got.status_code, got.content, got.headers["Content-Type"])

        return self._thread.submit(ask).result()

    def caller(self, call: Call) -> str:
        return call.bearer or ""

    def error(self, rule: Rule) -> Answer:
        status = 429 if rule.fault == "rate_limited" else rule.status
        headers = (("Retry-After", str(rule.retry_after)),) if status == 429 else ()
        return json_answer({"error": {"code": f"error_{status}", "message": "Armed by hand."}}, status, headers)

    def saved(self, done: Answer) -> Answer:
        return json_answer({"error": {"code": "internal_error", "message": "Something broke here."}}, 503)

    def reset(self) -> None:
        """The key stays the same, also for adapters that are open."""
        from practice import keys, world
        from practice.models import Key, Workspace

        def anew() -> str:
            workspace = Workspace.objects.first() or world.open_workspace(uuid4(), "Practice")
            workspace.tables.all().delete()
            world.fill(workspace)
            workspace.tables.get(slug="people").rows.all().delete()
            Key.objects.update(is_expired=False)
            return self.key or keys.make(workspace)

        self.key = self.inside(anew)

    def seed(self, name: str, people: int = 3) -> dict[str, Any]:
        from practice import world

        def fill() -> None:
            table = self.hand.home("People")
            for number in range(people):
                world.make(table, {"name": f"Person {number:03}", "email": f"p{number}@people.example"})

        self.inside(fill)
        return {"People": "people"}

    def welcome(self) -> list[tuple[str, str]]:
        return [("key", self.key)]

    def control(self, action: str, body: dict[str, Any]) -> Any:
        raise KeyError(action)

    async def background(self) -> None:
        """Nothing goes on by itself."""

    def close(self) -> None:
        from django.db import connection

        from practice import world
        from tenants import lifecycle

        def end() -> None:
            world.now = world.timezone.now
            connection.set_schema_to_public()
            owner = self.tenant.owner
            lifecycle.delete_tenant(self.tenant)
            owner.delete()
            connection.close()

        self._thread.submit(end).result()
        self._thread.shutdown()


class Hand:
    """What the suite has people do there; the rest of the frame's pages is not asked for."""

    def __init__(self, world: PracticeWorld) -> None:
        self.world = world

    def home(self, table: str) -> Any:
        from practice.models import Table

        return Table.objects.get(name=table)

    def _of(self, row: str) -> Any:
        from practice.models import Row

        return Row.objects.select_related("table").get(ident=row, table__slug="people").table

    def rows(self, table: str, offset: int, limit: int, search: str, trashed: bool) -> tuple[int, list[hand.Row]]:
        def look() -> list[hand.Row]:
            found = self.home(table).rows.filter(is_gone=trashed).order_by("id")
            return [_shown(row) for row in found[offset : offset + limit]]

        found = self.world.inside(look)
        return len(found), found

    def create_row(self, table: str, values: dict[str, Any]) -> hand.Row:
        from practice import world

        return self.world.inside(lambda: _shown(world.make(self.home(table), {"name": values["Name"]}, by="Ada")[0]))

    def edit_row(self, row: str, values: dict[str, Any]) -> hand.Row:
        from practice import world

        return self.world.inside(lambda: _shown(world.change(self._of(row), row, {"name": values["Name"]}, by="Ada")))

    def trash_row(self, row: str) -> hand.Row:
        from practice import world

        return self.world.inside(lambda: _shown(world.remove(self._of(row), row, by="Ada")))

    def delete_row(self, row: str) -> None:
        self.world.inside(lambda: self._of(row).rows.get(ident=row).delete())

    def share_table(self, table: str, shared: bool, token: str | None) -> None:
        self.world.inside(lambda: self.home(table).delete())

    def revoke_token(self, token: str) -> None:
        from practice.models import Key

        self.world.inside(lambda: Key.objects.update(is_expired=True))


def _shown(row: Any) -> hand.Row:
    title = str(row.values.get("name") or "")
    return hand.Row(row.ident, title, row.values, row.is_gone, row.made_at.isoformat(), row.edited_at.isoformat())


class PracticeProvider:
    slug = "practice"
    name = "Practice"
    api = ("/v1/",)
    results_key = "records"
    requests_per_minute: int | None = None

    def open(self, store: Store, clock: Clock) -> PracticeWorld:
        self.world = PracticeWorld(clock)
        return self.world


class Giver:
    """Whoever connects gets the suite's own key, and not a workspace in the tenant that connects."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness

    def give(self, integration: Any) -> Mapping[str, str]:
        return self.harness.credentials

    def taken(self, integration: Any, credentials: Mapping[str, str]) -> None:
        """There is no other key that could end."""

    def take_back(self, integration: Any, clear: bool) -> None:
        """The suite looks after it."""

    def url(self, integration: Any) -> str:
        return ""


class Harness(SandboxHarness):
    slug = "practice"
    needs_database: ClassVar[bool] = True
    credentials = {"token": ""}  # known once the tool stands
    requests = {
        READ: ("GET", "/records$"),
        FETCH: ("GET", "/records$"),
        CREATE: ("POST", "/records$"),
        UPDATE: ("PATCH", "/records/"),
    }
    table = "People"
    title = "Name"

    def __init__(self) -> None:
        self.provider = PracticeProvider()
        self.server = SandboxServer([self.provider])
        self.control = self.server.control
        self._opened = []
        self._giver = given.giver_of(self.slug)
        given.register(self.slug, Giver(self))

    def reset(self, records: int = 3) -> None:
        super().reset(records)
        self.credentials = {"token": self.provider.world.key}

    def seed(self, records: int) -> None:
        self.control.seed("crm", people=records)

    def revoke(self) -> None:
        self.control.revoke_token(self.credentials["token"])

    def take_away(self) -> None:
        self.control.unshare_table(self.table)

    def stop(self) -> None:
        super().stop()
        self.provider.world.close()
        given.register(self.slug, self._giver)

    def samples(self, schema: Schema) -> dict[str, list[Value]]:
        return {
            "owner": ["ada@acme.example", None],
            "tags": [["Press", "VIP"], None],
            "company": [["c03"], None],
        }

    def bad_value(self, schema: Schema) -> tuple[str, Value]:
        """Only the tool itself refuses this one."""
        return "status", "No such status"

    def news(self, at: dt.datetime) -> bytes:
        return json.dumps({"id": "1f", "table": "people", "at": at.isoformat()}).encode()

    def signed(self, body: bytes, at: dt.datetime) -> HookCall:
        from practice.hooks import sign

        stamp = str(int(at.timestamp()))
        headers = {"x-practice-time": stamp, "x-practice-signature": sign(HOOK_SECRET, stamp, body)}
        return HookCall("POST", HOOK_URL, headers, body)


harness = Harness
