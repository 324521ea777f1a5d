"""HubSpot's sandbox for the suite of the contract: companies, because a contact's name is two fields there."""

from __future__ import annotations

from integrations.adapters.base import Schema
from integrations.adapters.values import Value
from integrations.sandbox.hubspot.base import DEMO_TOKEN
from tests.contract.harness import CREATE, FETCH, READ, UPDATE, SandboxHarness


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


harness = Harness
