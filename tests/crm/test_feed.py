"""The change feed: nothing that changes a record goes by it, and no reader skips what commits late."""

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from crm import feed, records, registry
from crm.feed import Actor
from crm.models import Change, Company, Contact, Task
from tenants import lifecycle

IMPORT = Actor("run", "9", "Notion · Customers", "stream:42")


def seen(entity="contact"):
    changes = Change.objects.filter(entity=entity).order_by("id")
    return [(c.operation, (c.before or {}).get("name"), (c.after or {}).get("name")) for c in changes]


@pytest.fixture(params=["cloned", "migrated"])
def schema(request, live_tenant):
    """A new tenant's schema is cloned from the template; the template itself was migrated."""
    if request.param == "cloned":
        yield live_tenant.schema_name
        return
    with schema_context(lifecycle.TEMPLATE):
        yield lifecycle.TEMPLATE
        for model in (Contact, Company, Task, Change):
            model.objects.all().delete()


def test_orm_bulk_and_raw_writes_are_recorded(schema):
    ada = Contact.objects.create(name="Ada")
    Contact.objects.bulk_create([Contact(name="Grace"), Contact(name="Joan")])
    Contact.objects.filter(name__in=["Grace", "Joan"]).update(phone="1")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_contact SET name = 'Ada L.' WHERE id = %s", [ada.pk])
        cursor.execute("DELETE FROM crm_contact WHERE name = 'Joan'")
    assert sorted(seen()[:3]) == [("insert", None, "Ada"), ("insert", None, "Grace"), ("insert", None, "Joan")]
    assert sorted(seen()[3:5]) == [("update", "Grace", "Grace"), ("update", "Joan", "Joan")]
    assert seen()[5:] == [("update", "Ada", "Ada L."), ("delete", "Joan", None)]
    assert Change.objects.exclude(actor={}).count() == 0, "nobody signed these"


def test_actor_and_origin_stand_on_every_row_of_the_transaction_and_on_no_other(schema):
    with feed.acting(IMPORT):
        Contact.objects.bulk_create([Contact(name=f"n{i}") for i in range(3)])
        with connection.cursor() as cursor:
            cursor.execute("UPDATE crm_contact SET phone = '2'")
    Contact.objects.create(name="after")
    signed = Change.objects.filter(entity="contact").order_by("id")
    assert {(c.actor.get("label"), c.origin) for c in signed[:6]} == {("Notion · Customers", "stream:42")}
    assert (signed[6].actor, signed[6].origin) == ({}, "")


def test_an_update_that_changes_nothing_is_not_recorded(schema):
    Contact.objects.create(name="Ada")
    Contact.objects.update(name="Ada")
    assert len(seen()) == 1


def test_what_a_delete_empties_elsewhere_is_recorded(schema):
    company = Company.objects.create(name="Nord")
    contact = Contact.objects.create(name="Ada", company=company)
    company.delete()
    change = Change.objects.get(entity="contact", operation="update")
    assert change.record_id == contact.pk and change.before["company_id"] and change.after["company_id"] is None


def test_a_write_that_rolls_back_leaves_nothing(schema):
    with pytest.raises(RuntimeError), transaction.atomic():
        Contact.objects.create(name="Ada")
        raise RuntimeError
    assert seen() == []


def test_truncate_is_refused(schema):
    Contact.objects.create(name="Ada")
    with pytest.raises(DatabaseError, match="deleted with DELETE"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE crm_task")


def test_a_statement_with_another_search_path_is_recorded_where_it_belongs(schema):
    table = f'"{connection.schema_name}".crm_contact'
    columns = ", ".join(registry.entity("contact").columns)
    with connection.cursor() as cursor:
        cursor.execute("SET search_path TO public")
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %s)",  # noqa: S608
            [f'{{"id": "{feed_id()}", "custom": {{}}, "name": "Far", {REST}}}'],
        )
    connection.set_schema(connection.schema_name)
    with connection.cursor() as cursor:
        cursor.execute(f'SET search_path TO "{connection.schema_name}", public')
    assert seen() == [("insert", None, "Far")]


REST = ", ".join(
    f'"{name}": {value}'
    for name, value in {
        **dict.fromkeys(("email", "phone", "job_title", "status", "website", "notes"), '""'),
        **dict.fromkeys(("created_at", "updated_at"), '"2026-01-01T00:00:00Z"'),
        "tags": "[]",
        "newsletter": "false",
    }.items()
)


def feed_id():
    return Contact().pk


def other_connection():
    """A session of its own, on the tenant's schema."""
    params = connection.get_connection_params()
    wanted = {key: params[key] for key in ("host", "port", "user", "password", "dbname") if params.get(key)}
    return psycopg.connect(**wanted, options=f"-c search_path={connection.schema_name},public")


def read_after(position):
    """What a reader of the feed may see: below the horizon, in (txid, id) order."""
    sql = (
        "SELECT txid, id, after->>'name' FROM crm_change "
        f"WHERE (txid, id) > (%s, %s) AND txid < {feed.HORIZON} ORDER BY txid, id"  # noqa: S608
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [position.txid, position.id])
        return cursor.fetchall()


INSERT = (
    "INSERT INTO crm_company (id, custom, created_at, updated_at, name, website, industry, phone, city, notes) "
    "VALUES (gen_random_uuid(), '{}', now(), now(), %s, '', '', '', '', '')"
)


def test_a_reader_never_skips_what_commits_late(live_tenant):
    start = feed.now()
    with other_connection() as early, other_connection() as late:
        early.execute(INSERT, ["early"])  # the lower transaction id …
        late.execute(INSERT, ["late"])
        late.commit()  # … commits last
        met = read_after(start)
        assert [name for *_place, name in met] == [], "late waits for early"
        # a reader by row id alone would go past it here, for good
        visible = Change.objects.order_by("id").values_list("after__name", flat=True)
        assert list(visible) == ["late"]
        early.commit()
    found = read_after(start)
    assert [name for *_place, name in found] == ["early", "late"]
    place = feed.Position(*found[-1][:2])
    records.create("company", {"name": "next"}, feed.SYSTEM)
    assert [name for *_place, name in read_after(place)] == ["next"]


def test_the_position_now_is_before_everything_still_open(live_tenant):
    with other_connection() as running:
        running.execute(INSERT, ["running"])
        position = feed.now()
        running.commit()
    Company.objects.create(name="new", created_at=timezone.now())
    assert [name for *_place, name in read_after(position)] == ["running", "new"]
