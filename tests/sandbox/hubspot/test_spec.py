"""The judge judges: what is not as HubSpot describes it is noticed, in requests and in answers, and also through the SDK."""

from __future__ import annotations

import pytest

from integrations.adapters.hubspot import HubSpotAdapter
from integrations.sandbox.hubspot.base import DEMO_TOKEN
from integrations.transport.http import Transport
from tests.sandbox.hubspot import spec

pytestmark = pytest.mark.skipif(not spec.AVAILABLE, reason=spec.header())
SEARCH = "/crm/v3/objects/contacts/search"
RECORD = {
    "id": "1",
    "properties": {"email": None},
    "createdAt": "2026-05-04T10:00:00Z",
    "updatedAt": "2026-05-04T10:00:00Z",
    "archived": False,
}


def test_wrong_answers_are_noticed():
    spec.check_response("GET", "/crm/v3/objects/contacts/1", 200, RECORD)
    for wrong in (RECORD | {"id": 1}, {"id": "1"}, RECORD | {"archived": "no"}):
        with pytest.raises(spec.SpecError):
            spec.check_response("GET", "/crm/v3/objects/contacts/1", 200, wrong)
    with pytest.raises(spec.SpecError):
        spec.check_response("GET", "/crm/v3/objects/contacts/1", 404, {"message": "no category"})


def test_wrong_requests_are_noticed():
    body = {"filterGroups": [], "properties": ["email"], "limit": 10, "after": "0", "sorts": []}
    spec.check_request("POST", SEARCH, body)
    for wrong in (body | {"colour": 1}, body | {"limit": "ten"}):
        with pytest.raises(spec.SpecError):
            spec.check_request("POST", SEARCH, wrong)
    with pytest.raises(spec.SpecError):
        spec.check_query("GET", "/crm/v3/objects/contacts", {"colour"})


def test_what_the_sdk_sends_and_gets_is_seen(server, control):
    seen = []
    with_transport = Transport(base_url=server.url("hubspot"), bucket="hubspot-spec", allow_private=True)
    with_transport.client.event_hooks = {
        "request": [spec.watch_request, lambda request: seen.append(request.method)],
        "response": [spec.watch_response, lambda response: seen.append(response.status_code)],
    }
    adapter = HubSpotAdapter({"token": DEMO_TOKEN}, with_transport)
    assert adapter.check().id and adapter.collections()
    adapter.close()
    assert seen and seen.count(200) == len(seen) / 2
