"""HubSpot's sandbox for the suite of the contract: companies, because a contact's name is two fields there."""

from __future__ import annotations

import datetime as dt
import json

from integrations.adapters.base import HookCall, Schema
from integrations.adapters.values import Value
from integrations.sandbox.hubspot.base import DEMO_TOKEN
from integrations.sandbox.hubspot.webhooks import sign
from tests.contract.harness import CREATE, FETCH, HOOK_SECRET, HOOK_URL, READ, UPDATE, SandboxHarness


class Harness(SandboxHarness):
    slug = "hubspot"
    credentials = {"token": DEMO_TOKEN}
    requests = {
        READ: ("GET", "^/crm/v3/objects/companies$"),
        FETCH: ("POST", "^/crm/v3/objects/companies/batch/read$"),
        CREATE: ("POST", "^/crm/v3/objects/companies/batch/create$"),
        UPDATE: ("POST", "^/crm/v3/objects/companies/batch/update$"),
    }
    table = "Companies"
    title = "Company name"
    entity = "company"

    def seed(self, records: int) -> None:
        self.control.seed("crm", contacts=2, companies=records, deals=1, tasks=1)

    def revoke(self) -> None:
        self.control.revoke_token(self.credentials["token"])

    def take_away(self) -> None:
        self.control.unshare_table(self.table)

    def samples(self, schema: Schema) -> dict[str, list[Value]]:
        contacts = self.control.rows("Contacts")
        return {
            "hubspot_owner_id": ["ada@acme.example", None],
            "industry": ["Food", None],
            "to:contacts": [sorted(one["id"] for one in contacts), None],
        }

    def bad_value(self, schema: Schema) -> tuple[str, Value]:
        return "numberofemployees", "many"

    def news(self, at: dt.datetime) -> bytes:
        told = {"portalId": 62515, "occurredAt": _ms(at), "subscriptionType": "company.creation", "objectId": 1}
        return json.dumps([told]).encode()

    def signed(self, body: bytes, at: dt.datetime) -> HookCall:
        stamp = str(_ms(at))
        signature = sign(HOOK_SECRET, "POST", HOOK_URL, body, stamp)
        headers = {"x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": signature}
        return HookCall("POST", HOOK_URL, headers, body)


def _ms(at: dt.datetime) -> int:
    return round(at.timestamp() * 1000)


harness = Harness
