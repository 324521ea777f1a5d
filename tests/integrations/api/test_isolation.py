"""Every id, tried as another tenant, means nothing."""

from __future__ import annotations

import pytest
from django.utils import timezone

from crm import feed, records
from integrations.models import Conflict, Plan, RecordLink, SyncLog
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
    link = RecordLink.objects.create(stream_id=wired["stream"], record_id=record.id, remote_id="r1")
    return {
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
        pytest.param(*one, id=one[2]["operationId"])
        for one in operations()
        if any(
            f"{name}_id}}" in one[0] for name in ("integration", "stream", "run", "plan", "conflict", "record", "link")
        )
    ]


def filled(path, ids):
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.mark.parametrize(("path", "method", "operation"), with_ids())
def test_an_id_of_another_tenant_is_not_found(ids, caller, other_tenant, path, method, operation):
    answer = caller("owner", other_tenant).call(method, filled(path, ids), body_of(operation))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("path", "method", "operation"), with_ids())
@pytest.mark.parametrize("wrong", ["1", "not-an-id", "%00", "01993f0a1b5d7e2093c17a6b5c4d3e10x", "%F0%9F%92%A5"])
def test_an_id_that_is_none_is_not_found(tenant, api, path, method, operation, wrong):
    ids = dict.fromkeys(
        ("link_id", "integration_id", "stream_id", "run_id", "plan_id", "conflict_id", "record_id"), wrong
    )
    answer = api.call(method, filled(path, ids | {"collection_id": "abc", "entity": "contact"}), body_of(operation))
    assert answer.status_code in (404, 405)  # 405 where the wrong id is read as another address


def test_lists_show_nothing_of_another_tenant(ids, caller, other_tenant):
    theirs = caller("owner", other_tenant)
    lists = ("integrations", "runs", "conflicts", "set-aside", "records/contact")
    assert {path: theirs.all(path) for path in lists} == dict.fromkeys(lists, [])
    assert theirs.all(f"runs?integration={ids['integration_id']}") == []


def test_its_own_tenant_sees_them(ids, api):
    for path, method, _operation in operations():
        if method == "get" and "collections" not in path and "{slug}" not in path and "{" in path:
            assert api.get(filled(path, ids)).status_code == 200, path
