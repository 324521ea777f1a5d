"""Notion's sandbox for the suite of the contract."""

from __future__ import annotations

import datetime as dt
import json

from integrations.adapters.base import HookCall, Schema
from integrations.adapters.values import Value
from integrations.sandbox.notion.webhooks import sign
from tests.contract.harness import CREATE, FETCH, HOOK_SECRET, HOOK_URL, READ, UPDATE, SandboxHarness


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

    def news(self, at: dt.datetime) -> bytes:
        told = {
            "id": "367cba44-b6f3-4c92-81e7-6a2e9659efd4",
            "timestamp": at.isoformat(),
            "workspace_id": "13950b26-c203-4f3b-b97d-93ec06319565",
            "type": "page.properties_updated",
            "entity": {"id": "153104cd-477e-809d-8dc4-ff2d96ae3090", "type": "page"},
            "data": {
                "parent": {
                    "id": "36cc9195-760f-4fff-a67e-3a46c559b176",
                    "type": "database",
                    "data_source_id": "98024f3c",
                }
            },
        }
        return json.dumps(told).encode()

    def signed(self, body: bytes, at: dt.datetime) -> HookCall:
        return HookCall("POST", HOOK_URL, {"x-notion-signature": sign(HOOK_SECRET, body)}, body)


harness = Harness
