"""The right to run: one holder at a time, and a holder that lost it writes nothing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from crm.fields import new_id
from crm.models import Contact
from integrations.scheduling import due, leases
from integrations.scheduling.leases import Lease, LeaseLost
from integrations.scheduling.models import Due


@pytest.fixture
def asked(live_tenant: Any) -> Any:
    pk = new_id()
    due.ask(pk)
    yield pk
    due.forget(pk)


def expire(pk: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE public.scheduling_due SET leased_until = now() WHERE integration_id = %s", [pk])


@pytest.fixture
def elsewhere(live_tenant: Any) -> Any:
    """Work on a second connection, in a thread: elsewhere(work) answers a future."""
    pool = ThreadPoolExecutor(1)
    pool.submit(lambda: connection.set_tenant(live_tenant)).result()
    yield pool.submit
    pool.submit(lambda: connection.close()).result()
    pool.shutdown()


def test_one_of_many_claims_it(asked, live_tenant):
    found: list[Lease | None] = []
    start = threading.Barrier(6)

    def claim() -> None:
        start.wait()
        found.append(leases.claim(asked))
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([lease for lease in found if lease]) == 1


def test_what_is_not_due_is_not_claimed(asked):
    due.plan(asked, None)
    assert leases.claim(asked) is None


def test_worker_that_slept_past_its_lease_cannot_commit(asked, elsewhere):
    lease = leases.claim(asked)
    expire(asked)
    successor = elsewhere(lambda: leases.claim(asked)).result()
    assert successor.fence == lease.fence + 1
    with pytest.raises(LeaseLost), transaction.atomic():
        lease.hold()
        Contact.objects.create(name="written by a ghost")
    assert not Contact.objects.exists()
    leases.release(lease, None, 2)  # says nothing about the successor's run
    assert Due.objects.get(pk=asked).leased_until is not None
    successor.hold()


def test_nobody_claims_while_the_holder_commits(asked, elsewhere):
    """The row stays locked from `hold` to the commit, so whoever sees that the lease ran out waits, and finds it renewed."""
    lease = leases.claim(asked)
    with transaction.atomic():
        leases.database_time()  # the time of this transaction stands from here
        elsewhere(lambda: expire(asked)).result()
        lease.hold()
        rival = elsewhere(lambda: leases.claim(asked))
        wait_for_a_lock()
        Contact.objects.create(name="written by the holder")
        assert not rival.done()
    assert rival.result() is None
    assert Contact.objects.count() == 1


def wait_for_a_lock() -> None:
    """Until somebody waits for one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid IS NOT NULL")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def test_expired_lease_that_nobody_took_is_still_lost(asked):
    lease = leases.claim(asked)
    expire(asked)
    with pytest.raises(LeaseLost):
        lease.hold()


def test_write_goes_out_only_with_enough_of_the_lease_left(asked, settings):
    settings.PROVIDER_TIMEOUT_SECONDS = 60
    lease = leases.claim(asked, seconds=30)
    before = Due.objects.get(pk=asked).leased_until
    lease.before_send(False)
    assert Due.objects.get(pk=asked).leased_until == before  # a read needs none
    lease.before_send(True)
    assert Due.objects.get(pk=asked).leased_until > before
    expire(asked)
    with pytest.raises(LeaseLost):
        lease.before_send(True)
