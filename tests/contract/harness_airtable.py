"""Airtable's sandbox for the suite of the contract."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import httpx

from integrations.adapters.base import HookCall, Schema
from integrations.adapters.values import Value
from integrations.sandbox.airtable.webhooks import mac
from tests.contract.harness import CREATE, FETCH, HOOK_SECRET, HOOK_URL, READ, UPDATE, SandboxHarness

UPSERT = "performUpsert"


class Harness(SandboxHarness):
    slug = "airtable"
    credentials = {"token": "patSandboxDemo.0001"}
    requests = {
        READ: ("POST", "/listRecords$"),
        FETCH: ("POST", "/listRecords$"),
        CREATE: ("PATCH", "^/v0/app"),
        UPDATE: ("PATCH", "^/v0/app"),
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
        samples: dict[str, list[Value]] = {
            "Owner": ["ada@acme.example"],
            "Briefing": ["* one\n* two", "plain"],
            "Stars": [3, None],
            "Tags": [["Referral", "VIP"]],
        }
        return {field.id: samples[field.name] for field in schema.fields if field.name in samples}

    def bad_value(self, schema: Schema) -> tuple[str, Value]:
        """Only Airtable itself refuses this one."""
        return next(field.id for field in schema.fields if field.name == "Stage"), "No such stage"

    def fail(self, on: str, fault: str, **more: Any) -> None:
        """Creating is updating here; the body tells them apart."""
        super().fail(on, fault, **({"body": UPSERT} if on == CREATE else {}), **more)

    def is_create(self, request: httpx.Request) -> bool:
        return super().is_create(request) and UPSERT.encode() in request.content

    def news(self, at: dt.datetime) -> bytes:
        """A ping: that something changed, and not what."""
        told = {
            "base": {"id": "app00000000000000"},
            "webhook": {"id": "ach00000000000000"},
            "timestamp": at.isoformat(),
        }
        return json.dumps(told).encode()

    def signed(self, body: bytes, at: dt.datetime) -> HookCall:
        return HookCall("POST", HOOK_URL, {"x-airtable-content-mac": mac(HOOK_SECRET, body)}, body)


harness = Harness
