"""Every record exists once, whatever happens to any create of a run: the real engine over HTTP, with every adapter.

At each create request of a run in turn the worker dies, or the answer is lost; then runs follow as they would.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from crm import registry
from integrations.adapters.base import Change, Result
from integrations.adapters.registry import adapters
from integrations.models import IntegrationInstance, LinkState, RecordLink, SetAside
from integrations.scheduling import dispatch, due
from integrations.services import connect, lifecycle, streams
from tests.contract.wire import FAULTS, Killed, Wire

RECORDS = 2  # so many creates has a run


@pytest.fixture
def model(tool: Any) -> Any:
    return registry.entity(tool.entity).model


@pytest.fixture
def integration(
    live_tenant: Any,
    tool: Any,
    adapter: Any,
    can: Any,
    needs: Callable[..., Any],
    settings: Any,
    model: Any,
) -> IntegrationInstance:
    """The tenant with its records, connected to the tool with its own, brought into step once; then new ones are made."""
    needs(can.write and can.create_once, "create_once")
    settings.PROVIDER_BASE_URLS = {tool.slug: tool.url}
    made = connect.start(tool.slug)
    connect.connect(made, dict(tool.credentials))
    streams.add(made, tool.collection(adapter), tool.entity)
    lifecycle.activate(made)
    sync(made)
    for number in range(RECORDS):
        model.objects.create(name=f"New {number}")
    # as if they had been there for a while: the engine waits for the tool's index before it sends very young ones
    model.objects.update(created_at=timezone.now() - dt.timedelta(hours=1))
    return made


@pytest.fixture
def wire(tool: Any, monkeypatch: pytest.MonkeyPatch) -> Wire:
    one = Wire(tool.is_create)
    one.install(monkeypatch)
    return one


def sync(integration: IntegrationInstance) -> None:
    """A run as a worker would do it, whatever becomes of it; a dead worker's claim has run out."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE public.scheduling_due SET leased_until = NULL, woken_at = NULL")
    due.ask(integration.pk)
    try:
        dispatch.run_if_due(connection.schema_name, integration.pk)
    except Killed:
        connection.close()
        connection.set_tenant(connection.tenant)


def stands_once(tool: Any, model: Any, integration: IntegrationInstance, *gone: str) -> None:
    for _ in range(3):
        sync(integration)
    expected = Counter(model.objects.values_list("name", flat=True))
    assert Counter(tool.titles()) == expected
    assert [expected[f"New {number}"] for number in range(RECORDS)] == [f"New {n}" not in gone for n in range(RECORDS)]
    links = RecordLink.objects.filter(state=LinkState.LINKED)
    assert links.count() == model.objects.count() and not SetAside.objects.exists()
    assert not RecordLink.objects.filter(intent__isnull=False, remote_id__isnull=False).exists()


@pytest.fixture
def at(request: pytest.FixtureRequest, can: Any) -> int:
    if request.param and can.batch > 1:
        pytest.skip("all creates of the run go in one request")
    return int(request.param)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", range(RECORDS), indirect=True)
def test_every_record_stands_there_once(tool, at, integration, model, wire, fault):
    wire.break_at(at, fault)
    sync(integration)
    assert wire.count > at, "the run came to no such request"
    wire.mend()
    model.objects.filter(name="New 0").update(phone="+33 1 23 45")  # meanwhile, a person
    stands_once(tool, model, integration)
    assert not tool.trashed(), "it was made twice, though whoever looked would have seen it"


def test_attempt_after_attempt_without_an_answer(tool, integration, model, wire):
    for fault in ("not sent", "answer lost", "killed after", "answer cut"):
        wire.break_at(0, fault)
        sync(integration)
    wire.mend()
    stands_once(tool, model, integration)
    assert not tool.trashed()


@pytest.mark.parametrize("fault", ["killed before", "not sent"])
def test_nothing_is_made_for_what_was_deleted_before_it_was_sent(tool, integration, model, wire, fault):
    wire.break_at(0, fault)
    sync(integration)
    wire.mend()
    (gone,) = {f"New {number}" for number in range(RECORDS)} & _open(model)
    model.objects.filter(name=gone).delete()
    creates = wire.count
    sync(integration)
    assert wire.count - creates <= RECORDS - 1
    stands_once(tool, model, integration, gone)


@pytest.mark.parametrize("fault", ["killed after", "answer lost"])
def test_what_landed_is_put_away_when_its_record_is_gone_here(tool, integration, model, wire, can, needs, fault):
    needs(can.delete, "delete")
    wire.break_at(0, fault)
    sync(integration)
    wire.mend()
    (gone, *_) = sorted(_open(model))
    assert gone in tool.titles()
    model.objects.filter(name=gone).delete()
    stands_once(tool, model, integration, gone)


def _open(model: Any) -> set[str]:
    """Names of the records whose create has no answer, the one that was sent first."""
    link = RecordLink.objects.filter(intent__isnull=False).order_by("pk").first()
    assert link is not None
    return {model.objects.get(pk=link.record_id).name}


def test_request_that_arrives_late_leaves_no_second_record(tool, integration, model):
    tool.fail("create", "delayed_effect", seconds=1.5)
    sync(integration)
    sync(integration)  # looks, finds nothing, and makes it anew
    time.sleep(2)
    stands_once(tool, model, integration)


def test_engine_uses_nothing_that_is_not_declared(tool, integration, model, can, adapter, monkeypatch):
    """Creates, edits and deletions on both sides: what goes out asks for no more than the manifest offers."""
    sent: list[list[Change]] = []

    class Noting(type(adapter)):  # type: ignore[misc]
        def push(self, collection: str, changes: Sequence[Change]) -> list[Result]:
            sent.append(list(changes))
            return super().push(collection, changes)

    monkeypatch.setitem(adapters(), tool.slug, Noting)
    sync(integration)
    model.objects.filter(name="New 0").update(name="Renamed")
    model.objects.filter(name="New 1").delete()
    tool.trash(tool.create("Made and put away"))
    sync(integration)
    sync(integration)
    offered = {"create", "update"} | {name for name in ("delete", "restore", "erase") if getattr(can, name)}
    changes = [change for some in sent for change in some]
    assert {"create", "update"} <= {change.action for change in changes} <= offered
    assert max(map(len, sent)) <= can.batch
    assert can.versions or not any(change.version for change in changes)
    for change in changes:
        made = change.action == "create"
        assert not change.key or (made and can.create_once == "key")
        assert not (made and change.id) or can.create_once == "client_id"
        assert not change.new_options or any(
            f.creates_options for f in adapter.describe(tool.collection(adapter)).fields
        )
    assert "Renamed" in tool.titles()
