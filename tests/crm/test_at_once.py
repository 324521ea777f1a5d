"""Two people at once: nobody overwrites the other, nobody gets a failure for an answer."""

import threading
from contextlib import contextmanager

import pytest
from django.db import connection, connections, transaction
from django_tenants.utils import tenant_context

from crm import records, saved_views, undo
from crm.feed import Actor
from crm.models import Change, Company, Contact, SavedView
from crm.saved_views import Keeper

ADA, BEA = Actor("user", "7", "Ada"), Actor("user", "8", "Bea")
HERS = Keeper(7, "Ada", may_share=True, may_manage=True)


@contextmanager
def meanwhile(tenant, work):
    """`work` runs in another connection and, inside, waits for what this transaction holds; its answer, or what it raised."""
    answer, waits = [], threading.Event()

    def run():
        with tenant_context(tenant), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
            waits.set()
            try:
                answer.append(work())
            except Exception as error:
                answer.append(error)
                transaction.set_rollback(True)
        connections.close_all()

    pids: list[int] = []
    other = threading.Thread(target=run)
    with transaction.atomic():
        yield answer, lambda: (other.start(), waits.wait(), _until_it_waits(pids[0], other))
    other.join()


def _until_it_waits(pid, other):
    """Or is done: what does not wait must be right nevertheless."""
    with connection.cursor() as cursor:
        while other.is_alive():
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [pid])
            if cursor.fetchone()[0]:
                return
            other.join(0.01)


def test_who_brings_back_a_record_second_is_told_that_it_is_here(live_tenant):
    entity = records.describe("contact")
    ada = Contact.objects.create(name="Ada")
    records.delete("contact", [ada.pk], ADA)
    deletion = undo.deletion("contact", ada.pk)
    with meanwhile(live_tenant, lambda: undo.take_back(entity, [deletion], BEA)) as (answer, start):
        assert undo.take_back(entity, [deletion], ADA).ids == [str(ada.pk)]
        start()
    assert answer[0].ids == [] and answer[0].left[0]["reason"] == "It is here again already."
    assert Contact.objects.get().name == "Ada" and Change.objects.filter(operation="insert").count() == 2


def test_a_company_that_is_deleted_while_somebody_points_to_it_is_let_go(live_tenant):
    nord, ada = Company.objects.create(name="Nord"), Contact.objects.create(name="Ada")
    with meanwhile(live_tenant, lambda: records.delete("company", [nord.pk], BEA)) as (answer, start):
        records.update("contact", ada.pk, {"company": [str(nord.pk)]}, ADA)
        start()
    assert answer == [1] and Contact.objects.get().company_id is None and not Company.objects.exists()


def test_who_points_to_a_company_that_is_being_deleted_is_told(live_tenant):
    nord, ada = Company.objects.create(name="Nord"), Contact.objects.create(name="Ada")
    to_nord = {"company": [str(nord.pk)]}
    with meanwhile(live_tenant, lambda: records.update("contact", ada.pk, to_nord, BEA)) as (answer, start):
        records.delete("company", [nord.pk], ADA)
        start()
    assert isinstance(answer[0], records.Invalid) and str(answer[0]) == "Company: there is no such record."


def test_who_renames_a_view_leaves_alone_what_somebody_else_keeps_in_it(tenant):
    entity = records.describe("contact")
    made = saved_views.make(entity, HERS, "Leads", "status=Lead", is_shared=True)
    seen = saved_views.find("contact", made.pk, HERS)
    saved_views.change(entity, made, HERS, query="status=Active")
    saved_views.change(entity, seen, HERS, name="People")
    kept = SavedView.objects.get()
    assert (kept.name, kept.query, kept.is_shared) == ("People", "status=Active", True)


def test_a_view_that_was_deleted_meanwhile_does_not_come_back(tenant):
    entity = records.describe("contact")
    made = saved_views.make(entity, HERS, "Leads", "status=Lead")
    seen = saved_views.find("contact", made.pk, HERS)
    saved_views.remove(made, HERS)
    with pytest.raises(records.Missing):
        saved_views.change(entity, seen, HERS, name="People")
    assert not SavedView.objects.exists()


def test_a_view_that_was_deleted_in_this_moment_is_not_remembered(live_tenant):
    made = saved_views.make(records.describe("contact"), HERS, "Leads", "status=Lead")
    memory, pk = saved_views.memory("contact", 7), made.pk
    saved_views.remove(made, HERS)
    saved_views.remember(memory, last_id=pk)
    assert saved_views.memory("contact", 7).last_id is None
