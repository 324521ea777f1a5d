"""Notion's sandbox for the suite of the contract."""

from __future__ import annotations

from integrations.adapters.base import Schema
from integrations.adapters.values import Value
from tests.contract.harness import CREATE, FETCH, READ, UPDATE, SandboxHarness


class Harness(SandboxHarness):
    slug = "notion"
    credentials = {"token": "ntn_sandbox_demo"}
    requests = {
        READ: ("POST", "/query$"),
        FETCH: ("GET", "^/v1/pages/"),
        CREATE: ("POST", "^/v1/pages$"),
        UPDATE: ("PATCH", "^/v1/pages/"),
    }
    table = "Contacts"
    title = "Name"

    def seed(self, records: int) -> None:
        self.control.seed("crm", contacts=records, companies=2, deals=1, tasks=1)

    def revoke(self) -> None:
        self.control.revoke_token(self.credentials["token"])

    def take_away(self) -> None:
        self.control.unshare_table(self.table)

    def samples(self, schema: Schema) -> dict[str, list[Value]]:
        owner = next(field for field in schema.fields if field.name == "Owner")
        return {owner.id: [["ada@acme.example"]]}

    def bad_value(self, schema: Schema) -> tuple[str, Value]:
        return next(field.id for field in schema.fields if field.name == "Score"), "many"


harness = Harness
