"""Every id, tried as another tenant, means nothing."""

from __future__ import annotations

import pytest
from django.utils import timezone

from crm import feed, records
from crm.models import BulkAction
from integrations.files.models import Import
from integrations.models import Conflict, Plan, RecordLink, SyncLog
from integrations.outgoing import endpoints
from tests.integrations.api.checks import operations
from tests.integrations.api.test_callers import body_of


@pytest.fixture
def ids(wired):
    """One of each kind of thing that has an id, all of `tenant`."""
    run = SyncLog.objects.create(integration_id=wired["integration"], trigger="api", state="done")
    plan = Plan.objects.create(integration_id=wired["integration"], state="ready")
    record = records.create("contact", {"name": "Ada"}, feed.SYSTEM)
    conflict = Conflict.objects.create(
        stream_id=wired["stream"], record_id=record.id, field="name", policy="ask", state="open", at=timezone.now()
    )
    endpoint, _secret = endpoints.add("https://example.com/hook", ["run.finished"])
    delivery = endpoints.test(endpoint)
    link = RecordLink.objects.create(stream_id=wired["stream"], record_id=record.id, remote_id="r1")
    job = Import.objects.create(entity="contact", name="x.csv", kind="csv", size=1, digest="x", by="Ada", by_id="1")
    action = BulkAction.objects.create(entity="contact", kind="delete", state="done")
    return {
        "import_id": str(job.pk),
        "action_id": str(action.pk),
        "endpoint_id": str(endpoint.pk),
        "delivery_id": str(delivery.pk),
        "link_id": str(link.pk),
        "integration_id": wired["integration"],
        "stream_id": wired["stream"],
        "collection_id": wired["collection"],
        "run_id": str(run.pk),
        "plan_id": str(plan.pk),
        "conflict_id": str(conflict.pk),
        "record_id": record.id,
        "entity": "contact",
    }


def with_ids():
    return [
        one
        for one in operations()
        if any(
            f"{name}_id}}" in one[0]
            for name in (
                "integration",
                "stream",
                "run",
                "plan",
                "conflict",
                "record",
                "link",
                "endpoint",
                "import",
                "action",
            )
        )
    ]


def filled(path, ids):
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def test_an_id_of_another_tenant_is_not_found(ids, caller, other_tenant):
    theirs = caller("owner", other_tenant)
    found = {}
    for path, method, operation in with_ids():
        answer = theirs.call(method, filled(path, ids), body_of(operation))
        found[operation["operationId"]] = (answer.status_code, answer.json()["code"])
    assert found == dict.fromkeys(found, (404, "not_found"))


WRONG = ("1", "not-an-id", "%00", "01993f0a1b5d7e2093c17a6b5c4d3e10x", "%F0%9F%92%A5")


@pytest.mark.parametrize("wrong", WRONG)
def test_an_id_that_is_none_is_not_found(api, wrong):
    ids = dict.fromkeys(
        (
            "link_id",
            "endpoint_id",
            "delivery_id",
            "integration_id",
            "stream_id",
            "run_id",
            "plan_id",
            "conflict_id",
            "record_id",
        ),
        wrong,
    )
    found = {}
    for path, method, operation in with_ids():
        answer = api.call(method, filled(path, ids | {"collection_id": "abc", "entity": "contact"}), body_of(operation))
        found[operation["operationId"]] = answer.status_code
    # 405 where the wrong id is read as another address
    assert {name: status for name, status in found.items() if status not in (404, 405)} == {}


def test_lists_show_nothing_of_another_tenant(ids, caller, other_tenant):
    theirs = caller("owner", other_tenant)
    lists = ("integrations", "runs", "conflicts", "set-aside", "records/contact", "webhook-endpoints")
    assert {path: theirs.all(path) for path in lists} == dict.fromkeys(lists, [])
    assert theirs.all(f"runs?integration={ids['integration_id']}") == []


def test_its_own_tenant_sees_them(ids, api):
    for path, method, _operation in operations():
        if method == "get" and "collections" not in path and "{slug}" not in path and "{" in path:
            assert api.get(filled(path, ids)).status_code == 200, path
