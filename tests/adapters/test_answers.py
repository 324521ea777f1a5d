"""What refusals mean, by status and code as the documents of HubSpot and Notion and public issues show them (words shortened).

They go through the real transport. The sandbox's bodies are our reading of these; here nothing of ours is in between. Airtable's
are in airtable/examples.json.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from integrations.adapters import errors
from integrations.adapters.hubspot import HubSpotAdapter
from integrations.adapters.notion import NotionAdapter
from integrations.transport.http import Transport

NOT_FOUND = (
    "Could not find page with ID: 0000. Make sure the relevant pages and databases are shared with your integration."
)
TOO_LONG = "body failed validation: body.properties.Note.rich_text[0].text.content.length should be ≤ `2000`, instead was `2242`."
SAVED = {
    "retry_guidance": ["Do not repeat the write."],
    "committed_resource_id": "153104cd-477e-809d-8dc4-ff2d96ae3090",
}
READ, WRITE = ("GET", "/v1/pages/1"), ("PATCH", "/v1/pages/1")
CONTACTS = ("GET", "/crm/v3/objects/contacts")
UPDATE = ("PATCH", "/crm/v3/objects/contacts/1")


def notion(status: int, code: str, message: str, **more: Any) -> tuple[int, dict[str, Any]]:
    told = {"object": "error", "status": status, "code": code, "message": message, "request_id": "1"}
    return status, told | ({"additional_data": more} if more else {})


def hubspot(status: int, message: str, category: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
    return status, {"status": "error", "message": message, "correlationId": "1"} | (
        {"category": category} if category else {}
    ) | more


NOTION = [
    (WRITE, notion(400, "validation_error", TOO_LONG), errors.InvalidRecord),
    (READ, notion(401, "unauthorized", "API token is invalid."), errors.AuthenticationFailed),
    (READ, notion(403, "restricted_resource", "API token does not have access to this resource."), errors.AccessDenied),
    (READ, notion(404, "object_not_found", NOT_FOUND, integration_id="1"), errors.NotFound),
    (WRITE, notion(409, "conflict_error", "Conflict occurred while saving. Please try again."), errors.VersionMismatch),
    (READ, notion(409, "conflict_error", "Conflict occurred while saving. Please try again."), errors.Unavailable),
    (READ, notion(429, "rate_limited", "You have been rate limited.", retry_after="12"), errors.RateLimited),
    (
        READ,
        notion(429, "rate_limited", "Blocked.", rate_limit_reason="public_api_request_blocked"),
        errors.AccessDenied,
    ),
    (READ, notion(503, "service_unavailable", "Notion is unavailable."), errors.Unavailable),
    (WRITE, notion(503, "service_unavailable", "The change was saved.", **SAVED), errors.OutcomeUnknown),
    (WRITE, notion(504, "gateway_timeout", "Timed out."), errors.OutcomeUnknown),
    (READ, notion(529, "service_overload", "Overloaded.", retry_after="3"), errors.RateLimited),
]
HUBSPOT = [
    (
        CONTACTS,
        hubspot(401, "Authentication credentials not found.", "INVALID_AUTHENTICATION"),
        errors.AuthenticationFailed,
    ),
    (
        CONTACTS,
        hubspot(401, "The OAuth token … expired 0 second(s) ago.", "EXPIRED_AUTHENTICATION"),
        errors.AuthenticationFailed,
    ),
    (UPDATE, hubspot(403, "This app hasn't been granted all required scopes", "MISSING_SCOPES"), errors.AccessDenied),
    (CONTACTS, hubspot(403, "This app hasn't been granted all required scopes", "MISSING_SCOPES"), errors.NotFound),
    (UPDATE, hubspot(404, "resource not found", "OBJECT_NOT_FOUND"), errors.NotFound),
    (UPDATE, hubspot(400, "Invalid input JSON on line 1, column 1: …"), errors.InvalidRecord),
    (CONTACTS, hubspot(429, "You have reached your secondly limit.", "RATE_LIMITS"), errors.RateLimited),
    (CONTACTS, hubspot(429, "…", errorType="RATE_LIMIT", policyName="TEN_SECONDLY_ROLLING"), errors.RateLimited),
    (CONTACTS, hubspot(477, "being moved"), errors.RateLimited),
    (UPDATE, hubspot(524, "<html>"), errors.OutcomeUnknown),
]
CASES = [(NotionAdapter, *case) for case in NOTION] + [(HubSpotAdapter, *case) for case in HUBSPOT]


def refused(cls: Any, request: tuple[str, str], answer: tuple[int, Any]) -> errors.AdapterError:
    transport = Transport(base_url=cls.manifest.base_url, bucket="answers", waits=())
    transport._inner = httpx.MockTransport(lambda _request: httpx.Response(answer[0], json=answer[1]))
    adapter = cls({"token": "secret"}, transport)
    try:
        with pytest.raises(errors.AdapterError) as caught:
            adapter.transport.client.request(*request)
    finally:
        adapter.close()
    return caught.value


@pytest.mark.parametrize(("cls", "request_", "answer", "meant"), CASES)
def test_refusal_says_how_one_recovers(cls, request_, answer, meant):
    error = refused(cls, request_, answer)
    assert isinstance(error, meant)
    assert type(error) is meant or meant is errors.OutcomeUnknown


def test_pause_is_as_long_as_notion_says_in_the_body():
    told = notion(429, "rate_limited", "You have been rate limited.", retry_after="12")
    assert refused(NotionAdapter, READ, told).retry_after == 12


def test_hubspots_reason_and_property_are_named():
    detail = {
        "message": 'Property "foo" does not exist',
        "code": "PROPERTY_DOESNT_EXIST",
        "context": {"propertyName": ["foo"]},
    }
    error = refused(HubSpotAdapter, UPDATE, hubspot(400, "not valid: [{…}]", "VALIDATION_ERROR", errors=[detail]))
    assert (error.field, error.reason) == ("foo", 'Property "foo" does not exist')
