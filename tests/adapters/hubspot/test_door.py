"""HubSpot's SDK stands on urllib3: everything it sends goes through our transport, and our errors reach us as they are."""

from __future__ import annotations

import time

import hubspot as sdk
import pytest
from hubspot.crm.objects.exceptions import NotFoundException

from integrations.adapters import errors
from integrations.adapters.base import RateLimit
from integrations.adapters.hubspot import HubSpotAdapter
from integrations.sandbox.hubspot.base import DEMO_TOKEN
from integrations.transport.urllib3_door import PoolDoor

LIST = "/crm/v3/objects/contacts$"


def test_the_transport_counts_waits_and_repeats_for_the_sdk(connect, control):
    waited = []
    adapter = connect(waits=(1, 1), sleep=waited.append)
    control.fail(fault="status", status=503, method="GET", path=LIST, times=2)
    assert adapter.calls.page("contacts", ["email"], None)[0]["results"]
    stats = adapter.transport.stats
    assert (stats.requests, stats.retries, len(waited)) == (3, 2, 2)


def test_the_sdk_itself_repeats_nothing(connect, control):
    adapter = connect(waits=())
    for fault in ("drop_before", "drop_after", "status"):
        control.clear_log()
        control.fail(fault=fault, method="POST", path="/batch/create$")
        with pytest.raises(errors.OutcomeUnknown):
            adapter.calls.create("contacts", [{"properties": {"firstname": "Once"}, "associations": []}])
        assert control.log()["total"] == 1


def test_requests_wait_for_their_turn(connect):
    waited = []
    adapter = connect(limits=(RateLimit(2, 60),), sleep=waited.append, max_wait=600)
    for _ in range(4):
        adapter.calls.page("contacts", [], None)
    assert sum(waited) > 0


def test_no_secret_is_kept_with_a_failure(connect, control):
    adapter = connect()
    control.fail(fault="status", status=500, path=LIST)
    with pytest.raises(errors.Unavailable):
        adapter.calls.page("contacts", [], None)
    assert adapter.transport.failures and DEMO_TOKEN not in repr(adapter.transport.failures)


def test_answers_serve_the_sdk_also_where_it_makes_objects_of_them(connect):
    """Not our way, but nobody who uses the SDK's models on this door is to meet a surprise."""
    transport = connect().transport
    transport.client.event_hooks = {}
    api = sdk.Client.create(access_token=DEMO_TOKEN, host=transport.base_url).crm.objects.basic_api
    api.api_client.rest_client.pool_manager = PoolDoor(transport)
    page, status, headers = api.get_page_with_http_info("contacts", limit=2, properties=["email", "firstname"])
    assert status == 200 and "X-HubSpot-Correlation-Id" in headers
    assert page.results[0].properties["email"] and page.paging.next.after
    made = api.create("contacts", {"properties": {"firstname": "é ü"}, "associations": []})
    assert api.get_by_id("contacts", made.id, properties=["firstname"]).properties["firstname"] == "é ü"
    api.archive("contacts", made.id)
    with pytest.raises(errors.NotFound):  # ours, and not one of the SDK's many families
        api.get_by_id("contacts", made.id)
    assert not issubclass(errors.NotFound, NotFoundException)


def test_searches_keep_to_their_own_limit_and_nothing_is_refused(connect, control):
    control.limit(1_000_000)
    limits = HubSpotAdapter.manifest.limits
    adapter = connect(limits=limits, sleep=time.sleep)
    search = {"filterGroups": [], "sorts": ["lastmodifieddate"], "properties": ["email"], "limit": 1, "after": "0"}
    control.clear_log()
    for _ in range(11):
        adapter.calls.search("contacts", search)
    assert control.log()["by_status"] == {"200": 11}
