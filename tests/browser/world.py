"""A tenant in which everything that a page can show has happened once: for looking at all pages, and all that opens on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

PEOPLE = "Name,E-mail,Phone\nAda Rossi,ada@rossi.example,1\nBo Berg,bo at berg,2\n"


@dataclass
class World:
    """also: pages that no link leads to, or none on the page that is looked at."""

    tenant: Any
    contact: Any
    practice: Any
    also: list[str] = field(default_factory=list)


@pytest.fixture
def world(live_tenant: Any, notion: Any, practice: None, make_plan: Any, sync: Any, work: Any) -> World:
    from crm.models import Contact

    people = _connections(live_tenant, notion, make_plan, sync)
    made = World(live_tenant, Contact.objects.order_by("name")[0], _practice(live_tenant, sync))
    table = f"/connections/{people.pk}/tables/{people.streams.get().pk}/"
    made.also += [f"{table}matches/", f"{table}pair/?remote=1&title=Ada", f"{table}restart/read-again/"]
    _files(made, work)
    _people(made)
    _records(made)
    return made


def _connections(tenant: Any, notion: Any, make_plan: Callable[[Any], None], sync: Callable[[Any], str]) -> Any:
    """In all states, with a conflict that waits, a value set aside, a plan that waits, a draft."""
    from crm import records
    from crm.feed import Actor
    from crm.models import Contact
    from integrations.models import Conflict, IntegrationInstance, RecordLink, SetAside
    from integrations.notifications import watch
    from integrations.scheduling import due
    from integrations.services import lifecycle, plans
    from tests.integrations.sync.test_two_way import connected

    notion.reset()
    notion.seed("crm", contacts=14, companies=4, deals=3, tasks=14)
    notion.limit(None)

    def made(table: str, entity: str, start: bool = True, **choices: Any) -> Any:
        integration = connected(tenant, (table, entity), **choices)
        integration.schema = tenant.schema_name
        if start:
            lifecycle.activate(integration)
            assert sync(integration) == "done"
        return integration

    def again(integration: Any) -> str:
        due.ask(integration.pk)
        return sync(integration)

    people = made("Contacts", "contact", policy="ask")
    first, second = Contact.objects.order_by("name")[:2]
    by = Actor("user", "1", "Ada")
    records.update("contact", first.pk, {"phone": "+33 1 00 00 00 00"}, by)
    notion.edit_row(RecordLink.objects.get(record_id=first.pk).remote_id, Phone="+33 2 00 00 00 00")
    records.update("contact", second.pk, {"tags": ["with, comma"]}, by)
    again(people)
    plans.ask(people, "Ada")
    make_plan(people)
    lifecycle.pause(made("Companies", "company", direction="import"))
    tasks = made("Tasks", "task")
    for row in notion.rows("Tasks")[:13]:
        notion.trash_row(row["id"])
    tasks.streams.update(swept_at=None)
    again(tasks)
    deals = made("Deals", "deal", token="ntn_sandbox_readonly", direction="import")
    notion.revoke_token("ntn_sandbox_readonly")
    again(deals)
    made("Contacts", "contact", start=False)
    states = {one.status_code or one.status for one in IntegrationInstance.objects.all()}
    assert states == {"active", "paused", "brake", "authentication_failed", "draft"}
    assert Conflict.objects.filter(state="open").exists() and SetAside.objects.exists()
    assert watch.look()
    return people


def _practice(tenant: Any, sync: Callable[[Any], str]) -> Any:
    from integrations.services import connect, lifecycle, streams

    integration = connect.start("practice")
    connect.connect(integration, {}, kind="given")
    streams.add(integration, "companies", "company", direction="import")
    lifecycle.activate(integration)
    integration.schema = tenant.schema_name
    assert sync(integration) == "done"
    return integration


def _files(world: World, work: Callable[[], None]) -> None:
    """Imports at every step, and an export."""
    from crm.feed import Actor
    from integrations.files import imports
    from integrations.files.models import Import

    by = Actor("user", str(world.tenant.owner.pk), "Olga")

    def brought(name: str) -> Import:
        return imports.create("contact", SimpleUploadedFile(name, PEOPLE.encode()), by, world.tenant)

    fresh, ready, done = (brought(f"{name}.csv") for name in ("fresh", "ready", "done"))
    for job in (ready, done):
        imports.match_by(job, "both", ["email"])
        imports.preview(job)
    work()
    done.refresh_from_db()
    imports.approve(done, by, may_add=True, version=done.version)
    work()
    assert set(Import.objects.values_list("state", flat=True)) == {"draft", "ready", "done"}
    world.also += [f"/imports/{fresh.pk}/columns/", f"/imports/{fresh.pk}/matching/"]
    world.also += [
        f"/imports/{ready.pk}/",
        f"/imports/{done.pk}/",
        "/records/contact/import/",
        "/records/contact/export/",
    ]


def _people(world: World) -> None:
    """Two members, an invitation, an API token, a webhook with a delivery."""
    from integrations.outgoing import endpoints
    from tenants import tokens
    from tenants.models import Invitation, Membership, User

    for role in ("admin", "viewer"):
        user = User.objects.create_user(f"{role}@live.example", name=role.title())
        Membership.objects.create(user=user, tenant=world.tenant, role=role)
    owner = world.tenant.owner
    Invitation.objects.create(
        tenant=world.tenant, email="new@live.example", role="member", invited_by=owner, sent_at=timezone.now()
    )
    tokens.create_token(world.tenant, "Reports", "viewer", by=owner)
    endpoint, _secret = endpoints.add("https://hooks.example/raccord", ["run.finished"], "Our store", "Olga")
    endpoints.test(endpoint)


def _records(world: World) -> None:
    """A view, a field of the organisation's own, and a bulk change that can be taken back."""
    from crm import bulk_actions, custom_fields, registry, saved_views
    from crm.feed import Actor
    from crm.models import Contact
    from crm.selection import Selection

    owner = world.tenant.owner
    by = Actor("user", str(owner.pk), "Olga")
    entity = registry.entity("contact")
    keeper = saved_views.Keeper(owner.pk, "Olga", may_share=True, may_manage=True)
    view = saved_views.make(entity, keeper, "Leads", "status=Lead", is_shared=True)
    custom_fields.add("contact", "Tier", "text")
    chosen = Selection(entity, tuple(str(pk) for pk in Contact.objects.values_list("pk", flat=True)[:3]))
    action = bulk_actions.do(chosen, "set", "job_title", "Buyer", by, owner.pk)
    world.also += [
        f"/records/contact/?view={view.pk}",
        f"/records/contact/actions/{action.pk}/",
        f"/records/contact/{world.contact.pk}/",
        f"/records/contact/{world.contact.pk}/edit/",
        f"/records/contact/{world.contact.pk}/history/",
    ]
