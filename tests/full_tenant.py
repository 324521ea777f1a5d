"""A tenant as full as it is asked for, made in the database at once: for what must not grow with the data.

`fill` works in the tenant that the connection is on, and needs the sandbox (settings.PROVIDER_BASE_URLS). Every table is filled
by multiplying one row that was saved as the product saves it, so a new column needs nothing here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.utils import timezone

from crm.fields import new_id
from crm.models import BulkAction, Change, Company, Contact, CustomField, Deal, Person, SavedView, Task
from integrations.catalog.models import Provider
from integrations.files.models import Export, Import, ImportRow
from integrations.models import (
    Conflict,
    HeldRecord,
    IntegrationInstance,
    Plan,
    PlanLine,
    RecordLink,
    SetAside,
    Status,
    Stream,
    SyncLog,
    SyncLogLine,
)
from integrations.notifications.models import Notice
from integrations.outgoing import endpoints
from integrations.outgoing.models import Delivery
from integrations.services import lifecycle, setup, streams
from tenants.models import Tenant, User


@dataclass(frozen=True)
class Sizes:
    contacts: int = 100_000
    companies: int = 20_000
    deals: int = 20_000
    tasks: int = 20_000
    runs: int = 500
    lines: int = 100_000
    conflicts: int = 2_000
    set_aside: int = 2_000
    held: int = 2_000
    others: int = 1_000  # of deliveries, notices, bulk actions, imports and their rows

    @classmethod
    def of(cls, contacts: int) -> Sizes:
        """The same shape, smaller."""
        share = contacts / cls.contacts
        return cls(**{name: max(60, round(number * share)) for name, number in vars(cls()).items()})


@dataclass(frozen=True)
class Full:
    """One of everything, for the addresses of pages."""

    owner: User
    connected: IntegrationInstance
    draft: IntegrationInstance
    stream: Stream
    draft_stream: Stream
    records: dict[str, Any]
    run: SyncLog
    plan: Plan
    link: RecordLink
    conflict: Conflict
    set_aside: SetAside
    delivery: Delivery
    view: SavedView
    bulk: BulkAction
    imported: Import
    exported: Export
    change: Change
    field: CustomField


def fill(tenant: Tenant, owner: User, sizes: Sizes) -> Full:
    Provider.objects.update(requests_per_minute=1_000_000)  # what pages cost, not what tools allow
    records = _records(sizes)
    notion, stream = _integration("notion", "ntn_sandbox_demo", "Contacts", sizes)
    _integration("hubspot", "pat-eu1-sandbox-demo", "Contacts", sizes)
    draft = setup.create("notion", "Notion again", {"token": "ntn_sandbox_demo"})
    table = next(one for one in streams.collections(draft) if one.name == "Contacts")
    draft_stream = streams.add(draft, table.id, "contact")
    run = _runs(notion, stream, sizes)
    full = Full(
        owner,
        notion,
        draft,
        stream,
        draft_stream,
        records,
        run,
        _plan(notion, stream, sizes),
        RecordLink.objects.filter(stream=stream)[0],
        _conflicts(stream, run, sizes),
        _set_aside(stream, sizes),
        _deliveries(sizes),
        _view(owner),
        _bulk(owner, sizes),
        _import(owner, sizes),
        _export(owner),
        Change.objects.filter(record_id=records["contact"]).latest("id"),
        CustomField.objects.create(entity="contact", name="tier", label="Tier", type="text"),
    )
    _notices(notion, sizes)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return full


def multiply(row: models.Model, number: int, /, **expressions: str) -> None:
    """So many more rows like this one. expressions: {column: SQL} in which `n` counts from 1; keys are made."""
    meta = row._meta
    kept = [field for field in meta.concrete_fields if not field.generated]
    columns = [field.column for field in kept if not isinstance(field, models.AutoField)]
    if isinstance(meta.pk, models.UUIDField):
        expressions = {meta.pk.column: "gen_random_uuid()"} | expressions
    chosen = ", ".join(expressions.get(column, f'"{column}"') for column in columns).replace("%", "%%")
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{meta.db_table}" ({names}) SELECT {chosen} FROM "{meta.db_table}",'  # noqa: S608 - our own names
            f' generate_series(1, %s) AS n WHERE "{meta.pk.column}" = %s',
            [number, row.pk],
        )


def _id(name: str, number: str = "n") -> str:
    return f"md5('{name}' || {number})::uuid"


# --- records ----------------------------------------------------------------------------------------------------------


def _records(sizes: Sizes) -> dict[str, Any]:
    people = [Person.objects.create(name=f"Person {n}", email=f"person{n}@team.example") for n in range(20)]
    now = timezone.now()
    owner = "(ARRAY[" + ",".join(str(person.pk) for person in people) + "])[1 + n % 20]"
    spread = {"created_at": "now() - n * interval '3 minutes'", "updated_at": "now() - n * interval '1 minute'"}
    company = Company.objects.create(name="Nord Atelier", city="Lyon", industry="Retail", owner=people[0])
    multiply(
        company,
        sizes.companies,
        id=_id("company"),
        name="'Company ' || n",
        website="'https://c' || n || '.example'",
        employees="n % 500",
        owner_id=owner,
        **spread,
    )
    contact = Contact.objects.create(name="Ada Lovelace", email="ada@nord.example", company=company, owner=people[0])
    multiply(
        contact,
        sizes.contacts,
        id=_id("contact"),
        name="(ARRAY['Ada','Grace','Marie','Emmy','Sofia','Hedy','Rosa'])[1 + n % 7] || ' ' || md5(n::text)",
        email="'p' || n || '@c' || n % 1000 || '.example'",
        phone="'+33 1 ' || n",
        status="(ARRAY['Lead','Active','Customer','Former',''])[1 + n % 5]",
        company_id=_id("company", f"1 + n % {sizes.companies}"),
        score="n % 1000",
        newsletter="n % 2 = 0",
        last_contacted_at="now() - n * interval '1 hour'",
        owner_id=owner,
        **spread,
    )
    deal = Deal.objects.create(
        name="Catalogue", company=company, contacts=[contact.pk], stage="Won", close_date=now.date()
    )
    multiply(
        deal,
        sizes.deals,
        id=_id("deal"),
        name="'Deal ' || n",
        amount="n",
        stage="(ARRAY['Qualified','Proposal','Negotiation','Won','Lost'])[1 + n % 5]",
        company_id=_id("company", f"1 + n % {sizes.companies}"),
        contacts=f"ARRAY[{_id('contact', f'1 + n % {sizes.contacts}')}]",
        owner_id=owner,
        **spread,
    )
    task = Task.objects.create(title="Call back", deal=deal, contact=contact, due_at=now, assignee=people[0])
    multiply(
        task,
        sizes.tasks,
        id=_id("task"),
        title="'Task ' || n",
        done="n % 3 = 0",
        due_at="now() + (n % 400 - 200) * interval '1 day'",
        deal_id=_id("deal", f"1 + n % {sizes.deals}"),
        contact_id=_id("contact", f"1 + n % {sizes.contacts}"),
        assignee_id=owner,
        **spread,
    )
    Contact.objects.update(job_title="Owner")  # the feed gets a second change of each
    return {"contact": contact.pk, "company": company.pk, "deal": deal.pk, "task": task.pk}


def _view(owner: User) -> SavedView:
    return SavedView.objects.create(
        entity="contact", name="Leads", query="status=Lead", is_shared=True, user_id=owner.pk
    )


def _bulk(owner: User, sizes: Sizes) -> BulkAction:
    done = BulkAction.objects.create(
        entity="contact",
        kind="set",
        field="status",
        value="Lead",
        state=BulkAction.State.DONE,
        user_id=owner.pk,
        total=9,
    )
    multiply(done, sizes.others)
    return done


# --- integrations -----------------------------------------------------------------------------------------------------


def _integration(slug: str, token: str, table: str, sizes: Sizes) -> tuple[IntegrationInstance, Stream]:
    """Live since yesterday, with every contact linked."""
    made = setup.create(slug, slug.title(), {"token": token})
    found = next(one for one in streams.collections(made) if one.name == table)
    stream = streams.add(made, found.id, "contact", match_fields=["email"])
    lifecycle.activate(made)
    yesterday = timezone.now() - dt.timedelta(days=1)
    IntegrationInstance.objects.filter(pk=made.pk).update(
        status=Status.ACTIVE, setup_step="done", activated_at=yesterday
    )
    Stream.objects.filter(pk=stream.pk).update(
        listed_at=yesterday, exported_at=yesterday, swept_at=yesterday, cursor="{}"
    )
    link = RecordLink.objects.create(
        stream=stream, remote_id="first", record_id=Contact.objects.get(name="Ada Lovelace").pk
    )
    multiply(
        link,
        sizes.contacts,
        remote_id="'remote-' || n",
        record_id=_id("contact"),
        left_out="CASE WHEN n % 50 = 0 THEN 'paused' ELSE '' END",
        base_local="jsonb_build_object('name', 'Ada ' || n)",
        base_remote="jsonb_build_object('name', 'Ada ' || n)",
    )
    held = HeldRecord.objects.create(
        stream=stream, remote_id="held", reason="filter", title="Held", record={"id": "held"}
    )
    multiply(held, sizes.held, remote_id="'held-' || n", title="'Held ' || n")
    made.refresh_from_db()
    stream.refresh_from_db()
    return made, stream


def _runs(integration: IntegrationInstance, stream: Stream, sizes: Sizes) -> SyncLog:
    now = timezone.now()
    counts = {"read": sizes.contacts, "updated_here": 20, "created_here": 10, "conflict": 3, "requests": 40}
    run = SyncLog.objects.create(
        integration=integration, trigger="schedule", state=SyncLog.State.DONE, ended_at=now, counts=counts
    )
    when = "now() - n * interval '20 minutes'"
    multiply(run, sizes.runs, started_at=when, ended_at=f"{when} + interval '9 seconds'")
    line = SyncLogLine.objects.create(
        run=run,
        stream=stream,
        record_id=new_id(),
        remote_id="first",
        title="Ada Lovelace",
        side="here",
        action="updated",
        changes={"name": ["Ada", "Ada Lovelace"], "phone": [None, "+33 1"]},
        rules={"name": "theirs", "phone": "theirs"},
        at=now,
    )
    actions = "(ARRAY['created','updated','updated','linked','conflict','set_aside','deleted'])[1 + n % 7]"
    multiply(
        line, sizes.lines, record_id=_id("contact", f"1 + n % {sizes.contacts}"), action=actions, title="'Ada ' || n"
    )
    return run


def _plan(integration: IntegrationInstance, stream: Stream, sizes: Sizes) -> Plan:
    counts = {"read": sizes.lines, "created_there": sizes.lines // 3, "updated_here": sizes.lines // 3, "linked": 9}
    plan = Plan.objects.create(
        integration=integration,
        state=Plan.State.READY,
        made_by="Ada",
        made_at=timezone.now(),
        counts=counts,
        streams=[
            {"stream": str(stream.pk), "version": stream.version, "counts": counts, "reasons": [], "trouble": None}
        ],
    )
    line = PlanLine.objects.create(
        plan=plan,
        stream=stream,
        record_id=new_id(),
        title="Ada",
        side="here",
        action="updated",
        changes={"name": ["Ada", "Ada Lovelace"]},
    )
    actions, sides = "(ARRAY['created','updated','linked'])[1 + n % 3]", "(ARRAY['here','there'])[1 + n % 2]"
    multiply(line, sizes.lines, record_id=_id("contact", f"1 + n % {sizes.contacts}"), action=actions, side=sides)
    return plan


def _conflicts(stream: Stream, run: SyncLog, sizes: Sizes) -> Conflict:
    now = timezone.now()
    conflict = Conflict.objects.create(
        run=run,
        stream=stream,
        record_id=Contact.objects.get(name="Ada Lovelace").pk,
        remote_id="first",
        title="Ada Lovelace",
        field="phone",
        base="+33 1",
        local="+33 2",
        remote="+33 3",
        local_at=now,
        remote_at=now,
        policy="ask",
        state=Conflict.State.OPEN,
        at=now,
    )
    multiply(
        conflict,
        sizes.conflicts,
        record_id=_id("contact"),
        title="'Ada ' || n",
        field="(ARRAY['phone','email','name'])[1 + n % 3]",
        critical="n % 2 = 0",
        at="now() - n * interval '1 minute'",
        state="CASE WHEN n % 4 = 0 THEN 'settled' ELSE 'open' END",
        winner="CASE WHEN n % 4 = 0 THEN 'local' ELSE '' END",
    )
    return conflict


def _set_aside(stream: Stream, sizes: Sizes) -> SetAside:
    aside = SetAside.objects.create(
        stream=stream,
        side="there",
        remote_id="first",
        record_id=Contact.objects.get(name="Ada Lovelace").pk,
        title="Ada Lovelace",
        field="phone",
        code="invalid_record",
        reason="This is no phone number.",
        cause="phone",
    )
    multiply(
        aside,
        sizes.set_aside,
        remote_id="'remote-' || n",
        record_id=_id("contact"),
        title="'Ada ' || n",
        field="(ARRAY['phone','email','name'])[1 + n % 3]",
        code="(ARRAY['invalid_record','ambiguous'])[1 + n % 2]",
        fingerprint="(n / 10)::text",
        first_at="now() - n * interval '1 minute'",
    )
    return aside


# --- what else there is -----------------------------------------------------------------------------------------------


def _deliveries(sizes: Sizes) -> Delivery:
    endpoint, _secret = endpoints.add("https://hooks.example/raccord", ["run.finished"])
    delivery = endpoints.test(endpoint)
    multiply(delivery.event, sizes.others, id=_id("event"))
    multiply(delivery, sizes.others, event_id=_id("event"), state="'delivered'", at="now() - n * interval '1 minute'")
    return delivery


def _notices(integration: IntegrationInstance, sizes: Sizes) -> None:
    from integrations.notifications.models import Kind

    notice = Notice.objects.create(
        kind=Kind.values[0], subject="one", turn=1, integration=integration, at=timezone.now()
    )
    multiply(notice, sizes.others, subject="'many ' || n", at="now() - n * interval '1 minute'", over_at="now()")


def _import(owner: User, sizes: Sizes) -> Import:
    job = Import.objects.create(
        entity="contact",
        name="contacts.csv",
        kind="csv",
        size=1000,
        digest="0",
        state=Import.State.DONE,
        rows=sizes.others,
        by_id=str(owner.pk),
        by=owner.name,
        ended_at=timezone.now(),
    )
    row = ImportRow.objects.create(job=job, number=0, action="created", title="Ada", outcome="done")
    multiply(row, sizes.others, number="n", title="'Ada ' || n", action="(ARRAY['created','refused'])[1 + n % 2]")
    multiply(job, sizes.others)
    return job


def _export(owner: User) -> Export:
    return Export.objects.create(entity="contact", format="csv", by_id=str(owner.pk), by=owner.name)
