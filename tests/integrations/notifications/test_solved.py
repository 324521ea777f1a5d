"""What was set aside and is not any more: told in the inbox with what had been done, until it comes again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Edit, SetAside
from integrations.notifications.models import Notice
from integrations.services import solved
from tests.integrations.notifications.test_watch import aside


@pytest.fixture
def over(table, ended, look):
    """over(field): a cause that was told, and that nothing waits for since a run."""

    def make(field="phone", edited_by="", edited="", **told):
        aside(table, 3, field=field, **told)
        ended(set_aside=3)
        look()
        if edited_by:
            held = {"Phone": {"local": "phone", "direction": "both"}, "Mail": {"local": "email", "direction": "both"}}
            after = {name: one for name, one in held.items() if one["local"] != (edited or field)}
            at = {"integration": table.integration, "stream": table}
            Edit.objects.create(part="mapping", by=edited_by, before=held, after=after, **at)
        SetAside.objects.filter(field=field).delete()
        run = ended(updated_here=3)
        look()
        return run

    return make


def lately(table):
    return solved.lately({table.pk: table})


def test_what_is_solved_stands_in_the_inbox_with_its_run(table, over, tenant_client):
    run = over()
    [one] = lately(table)
    assert (one.cause.field, one.run, one.edit) == ("phone", run.pk, None) and one.first_at < one.over_at
    for address in ("/inbox/", "/inbox/?kind=problems"):
        page = tenant_client.get(address)
        [shown] = page.context["solved"]
        assert shown["title"] == "Phone was not accepted by Notion" and str(run.pk) in shown["run_url"]
        assert "No longer set aside" in page.content.decode()
    assert not tenant_client.get("/inbox/?kind=conflicts").context["solved"]


def test_who_mended_it_is_told(table, over, tenant_client):
    over(edited_by="Olga")
    [one] = lately(table)
    assert one.edit and one.run is None
    assert "Olga had changed the mapping." in tenant_client.get("/inbox/").content.decode()


def test_who_mapped_other_fields_has_not_mended_it(table, over):
    run = over(edited_by="Olga", edited="email")
    [one] = lately(table)
    assert one.edit is None and one.run == run.pk


def test_what_waits_again_or_is_long_over_is_not_told(table, over):
    over()
    over(field="email")
    assert [one.cause.field for one in lately(table)] == ["email", "phone"]
    aside(table, 1, field="phone")
    assert [one.cause.field for one in lately(table)] == ["email"]
    Notice.objects.update(over_at=timezone.now() - dt.timedelta(days=solved.DAYS + 1))
    assert lately(table) == []


def test_many_cost_what_one_costs(table, over):
    over()
    with CaptureQueriesContext(
        connection,
    ) as one:
        lately(table)
    for field in ("email", "name", "website"):
        over(field=field)
    with CaptureQueriesContext(connection) as many:
        assert len(lately(table)) == 4
    assert len(one) == len(many) == 3


def test_of_another_table_nothing_is_told(table, over, notion):
    from integrations.models import Stream

    over()
    other = Stream.objects.create(integration=notion, collection="c2", collection_name="Deals", entity="deal")
    assert solved.lately({other.pk: other}) == []
