"""The life of subscriptions that we ask for: made, prolonged, made again, ended; and what people see of it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from integrations.adapters import errors
from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance, Status, Stream
from integrations.scheduling import dispatch
from integrations.services import lifecycle, streams
from integrations.webhooks import health, tending, wishes
from integrations.webhooks.addresses import address_of
from integrations.webhooks.models import Subscription


@pytest.fixture
def integration(memo, tenant):
    made = IntegrationInstance.objects.create(
        provider="memo",
        name="Memo",
        status=Status.ACTIVE,
        setup_step="done",
        account_id="memo-account",
        activated_at=timezone.now(),
    )
    made.credentials = {"token": "t"}
    made.save()
    for table in ("one", "two"):
        Stream.objects.create(integration=made, collection=table, collection_name=table, entity="contact")
    wishes.follow(made)
    return made


def rows() -> dict[str, Subscription]:
    return {row.collection: row for row in Subscription.objects.all()}


def later(**columns) -> None:
    """As if the time had come."""
    Subscription.objects.update(tend_at=timezone.now() - dt.timedelta(seconds=1), **columns)


def test_each_table_is_subscribed_to_once(integration, memo):
    assert tending.to_tend() == [(connection.schema_name, integration.pk)]
    assert health.of([integration])[integration.pk].state == "asked"
    assert tending.tend(integration.pk) == 2
    assert tending.tend(integration.pk) == 0 and tending.to_tend() == []
    assert set(memo.remote.there) == {address_of("memo", row.pk) for row in rows().values()}
    for row in rows().values():
        there = memo.remote.there[address_of("memo", row.pk)]
        assert (row.remote_id, row.secret.open(), row.expires_at) == (there.id, there.secret, there.expires_at)
        assert there.secret.encode() not in bytes(row.secret.sealed)
    calls = health.of([integration])[integration.pk]
    assert (calls.state, calls.expires_at) == ("on", min(row.expires_at for row in rows().values()))


def test_they_are_prolonged_long_before_they_end(integration, memo):
    tending.tend(integration.pk)
    before = rows()["one"]
    assert before.tend_at < timezone.now() + dt.timedelta(days=2) < before.expires_at
    later()
    tending.tend(integration.pk)
    after = rows()["one"]
    assert memo.remote.renewed == 2 and memo.remote.made == 2
    assert after.expires_at > before.expires_at and after.secret.open() == before.secret.open()


def test_one_that_is_gone_there_is_made_again(integration, memo):
    tending.tend(integration.pk)
    memo.remote.there.clear()
    later()
    tending.tend(integration.pk)
    assert memo.remote.made == 4
    assert {row.remote_id for row in rows().values()} == {"hook-3", "hook-4"}


def test_a_lost_answer_leaves_nothing_behind(integration, memo):
    memo.remote.lose = True
    tending.tend(integration.pk)
    lost = next(row for row in rows().values() if not row.remote_id)
    assert (lost.problem_code, lost.failures) == ("unavailable", 1)
    assert lost.tend_at > timezone.now()
    assert len(memo.remote.there) == 2
    later()
    tending.tend(integration.pk)
    assert len(memo.remote.there) == 2
    assert {row.remote_id for row in rows().values()} == {there.id for there in memo.remote.there.values()}
    assert not any(row.problem_code for row in rows().values())


def test_a_worker_that_died_in_the_middle_is_followed_later(integration, memo):
    claimed = list(Subscription.objects.all())
    assert all(tending._claim(row) for row in claimed)
    assert not any(tending._claim(row) for row in claimed)  # a doubled message
    assert tending.tend(integration.pk) == 0
    later()
    assert tending.tend(integration.pk) == 2


def test_failures_are_told_and_tried_again_ever_more_rarely(integration, memo):
    memo.remote.fail = errors.AccessDenied("the token lacks webhook:manage")
    pauses = []
    for _again in range(6):
        later()
        tending.tend(integration.pk)
        pauses.append(round((rows()["one"].tend_at - timezone.now()) / dt.timedelta(minutes=1)))
    assert pauses == [5, 30, 180, 720, 720, 720]
    calls = health.of([integration])[integration.pk]
    assert (calls.state, calls.code, calls.detail) == ("failing", "access_denied", "the token lacks webhook:manage")
    memo.remote.fail = None
    later()
    tending.tend(integration.pk)
    assert health.of([integration])[integration.pk].state == "on"


def test_what_is_no_table_any_more_is_ended(integration, memo):
    tending.tend(integration.pk)
    streams.remove(integration.streams.get(collection="one"))
    assert not rows()["one"].is_wanted
    memo.remote.fail = errors.Unavailable("down")
    tending.tend(integration.pk)
    assert len(memo.remote.there) == 2 and "one" in rows()
    memo.remote.fail = None
    later()
    tending.tend(integration.pk)
    assert set(rows()) == {"two"} and list(memo.remote.there) == [address_of("memo", rows()["two"].pk)]
    streams.change(integration.streams.get(), is_active=False)
    tending.tend(integration.pk)
    assert rows() == {} and memo.remote.there == {}


def test_one_that_is_wanted_again_while_it_is_being_ended_stays(integration, memo):
    tending.tend(integration.pk)
    stream = integration.streams.get(collection="one")
    streams.change(stream, is_active=False)
    streams.change(stream, is_active=True)
    tending.tend(integration.pk)
    assert all(row.is_wanted and row.remote_id for row in rows().values())
    assert len(memo.remote.there) == 2


def test_what_cannot_be_ended_is_given_up(integration, memo):
    tending.tend(integration.pk)
    streams.remove(integration.streams.get(collection="one"))
    memo.remote.fail = errors.AuthenticationFailed("revoked")
    for _again in tending.AGAIN:
        Subscription.objects.filter(is_wanted=False).update(tend_at=timezone.now())
        tending.tend(integration.pk)
    assert "one" in rows()
    Subscription.objects.filter(is_wanted=False).update(tend_at=timezone.now())
    tending.tend(integration.pk)
    assert set(rows()) == {"two"}


@pytest.mark.parametrize("answers", [True, False])
def test_deleting_the_connection_ends_all(integration, memo, answers):
    tending.tend(integration.pk)
    memo.remote.fail = None if answers else errors.Unavailable("down")
    lifecycle.delete(integration)
    assert rows() == {} and bool(memo.remote.there) is not answers


def test_paused_ones_are_left_alone_and_resume_looks_at_them(integration, memo):
    tending.tend(integration.pk)
    lifecycle.pause(integration)
    later()
    assert tending.tend(integration.pk) == 0 and tending.to_tend() == []
    assert len(memo.remote.there) == 2
    memo.remote.there.clear()  # they expired meanwhile
    lifecycle.go_on(integration)
    assert tending.tend(integration.pk) == 2
    assert len(memo.remote.there) == 2


def test_another_account_is_subscribed_to_anew(integration, memo):
    tending.tend(integration.pk)
    integration.account_id = "another"
    integration.save()
    wishes.follow(integration)
    assert {(row.account_id, row.remote_id, bool(row.secret)) for row in rows().values()} == {("another", "", False)}
    assert tending.tend(integration.pk) == 2


def test_without_https_nobody_is_asked(integration, memo, settings):
    settings.PROVIDER_BASE_URLS = {}
    settings.PUBLIC_SCHEME = "http"
    tending.tend(integration.pk)
    assert memo.remote.made == 0 and rows()["one"].problem_code == "not_https"
    settings.PUBLIC_SCHEME = "https"
    later()
    tending.tend(integration.pk)
    assert memo.remote.made == 2


def test_a_provider_that_is_off_is_asked_later(integration, memo):
    Provider.objects.filter(slug="memo").update(is_active=False)
    tending.tend(integration.pk)
    assert memo.remote.made == 0 and rows()["one"].problem_code == "provider_off"


def test_a_connection_whose_key_cannot_be_opened_can_be_deleted_and_says_what_is_wrong(integration, memo, settings):
    tending.tend(integration.pk)
    settings.INTEGRATION_ENCRYPTION_KEYS = ["another"]
    later()
    tending.tend(integration.pk)
    assert rows()["one"].problem_code == "key_unreadable"
    lifecycle.delete(integration)
    assert rows() == {}


def test_a_subscription_whose_secret_cannot_be_opened_is_made_anew_once_the_tool_is_connected_again(
    integration, memo, settings
):
    tending.tend(integration.pk)
    before = rows()["one"].remote_id
    settings.INTEGRATION_ENCRYPTION_KEYS = ["another"]
    integration.credentials = {"token": "t"}
    integration.save(update_fields=["credentials"])
    later()
    tending.tend(integration.pk)
    after = rows()["one"]
    assert after.problem_code == "" and after.remote_id not in ("", before) and after.secret.open()
    assert len(memo.remote.there) == 2


def test_beat_finds_them_also_when_no_message_came(integration, memo):
    for schema, pk in dispatch.webhooks_to_tend():
        assert dispatch.tend_webhooks(schema, pk) == 2
    assert dispatch.tend_webhooks("t_nobody", integration.pk) == 0
    assert len(memo.remote.there) == 2


def test_connections_that_began_before_their_provider_called_follow_once_a_day(integration, memo):
    Subscription.objects.all().delete()
    wishes.follow_all()
    assert set(rows()) == {"one", "two"}
