"""An integration's life after the wizard: activate, sync now, pause, resume, cancel, delete."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import feed
from integrations.models import IntegrationInstance, Plan, Status, Stream, SyncLog
from integrations.oauth import leaving
from integrations.scheduling import due
from integrations.scheduling.models import Due, Priority
from integrations.scheduling.tasks import wake_on_commit
from integrations.services import calls, given
from integrations.services.connect import Refused, mark
from integrations.webhooks import tending, wishes

CATCH_UP = "catch_up"  # status_code of an integration that waits for somebody to look at what it would do


def ready_problems(integration: IntegrationInstance) -> list[str]:
    """Why it cannot be activated yet, in words; empty when it can."""
    problems = []
    if not integration.has_key:
        problems.append(_("Connect the tool first."))
    streams = list(integration.streams.prefetch_related("mappings"))
    if not streams:
        problems.append(_("Choose at least one table to keep in step."))
    problems += [
        _("Map at least one field of “%(name)s”.") % {"name": stream.collection_name}
        for stream in streams
        if not stream.mappings.all()
    ]
    return problems


def activate(integration: IntegrationInstance, by: str = "person") -> None:
    """Start syncing. The first run goes at once."""
    if problems := ready_problems(integration):
        raise Refused(" ".join(problems), code="not_ready")
    with transaction.atomic():
        position = feed.now()
        integration.streams.filter(feed_txid=0).update(feed_txid=position.txid, feed_id=position.id)
        integration.setup_step = "done"
        integration.activated_at = integration.activated_at or timezone.now()
        integration.save(update_fields=["setup_step", "activated_at"])
        begin_again(integration)
        _ask(integration, by)


def sync_now(integration: IntegrationInstance, by: str = "person", whole: bool = False) -> None:
    """Ask for a run at once. whole: also list everything, which finds deletions that increments cannot see.

    One that is ready to catch up does so without anybody having looked at its plan.
    """
    if is_catching_up(integration):
        _go_on_without_looking(integration, by)
    if integration.status != Status.ACTIVE:
        raise Refused(_("Only an active connection can sync. Resume or reconnect it first."), code="not_active")
    with transaction.atomic():
        if whole:
            integration.streams.update(swept_at=None, sweep_cursor="")
        _ask(integration, by)


def pause(integration: IntegrationInstance) -> None:
    """No more runs; one that works stops at its next page. Nothing is lost: changes wait on both sides."""
    with transaction.atomic():
        mark(integration, Status.PAUSED)
        due.plan(integration.pk, None)
        cancel(integration)


def resume(integration: IntegrationInstance, by: str = "") -> None:
    """Go on. After a long standstill the plan of catching up is shown first; asked again then, it goes on without."""
    if integration.setup_step != "done":
        raise Refused(_("Finish the setup first."), code="not_ready")
    if _stood_still_long(integration) and not is_catching_up(integration):
        catch_up(integration, by)
    else:
        _go_on_without_looking(integration)


def _go_on_without_looking(integration: IntegrationInstance, by: str = "person") -> None:
    """No plan of catching up shall wait ever after for an answer that nobody will give."""
    with transaction.atomic():
        open_ = (Plan.State.MAKING, Plan.State.READY)
        integration.plans.filter(state__in=open_).update(state=Plan.State.DISCARDED, ended_at=timezone.now())
        go_on(integration, by)


def go_on(integration: IntegrationInstance, by: str = "person") -> None:
    """Run at once, and then by the schedule."""
    with transaction.atomic():
        begin_again(integration)
        _ask(integration, by)


def begin_again(integration: IntegrationInstance) -> None:
    """Active as if nothing had happened. Whoever calls this says what runs next."""
    integration.failures, integration.failing_since, integration.warned_at = 0, None, None
    integration.save(update_fields=["failures", "failing_since", "warned_at"])
    integration.streams.update(problem_code="", problem_detail="")  # one that a person switched off stays so
    integration.runs.filter(state=SyncLog.State.RUNNING).update(cancel_asked=False)
    mark(integration, Status.ACTIVE)
    wishes.follow(integration)


def catch_up(integration: IntegrationInstance, by: str = "") -> None:
    """After a standstill: ready to go on, but first a plan of what waits on both sides is made for a person to see.

    They approve it, or go on without looking. Until then nothing runs, and nothing is lost.
    """
    from integrations.services import plans

    with transaction.atomic():
        mark(integration, Status.PAUSED, CATCH_UP)
        due.plan(integration.pk, None)
        if not ready_problems(integration):
            plans.ask(integration, by)


def is_catching_up(integration: IntegrationInstance) -> bool:
    return (integration.status, integration.status_code) == (Status.PAUSED, CATCH_UP)


def _stood_still_long(integration: IntegrationInstance) -> bool:
    if integration.status not in (Status.PAUSED, Status.ATTENTION) or integration.activated_at is None:
        return False
    since = integration.failing_since or integration.status_since
    return timezone.now() - since > dt.timedelta(hours=settings.CATCH_UP_HOURS)


def lift_brake(stream: Stream) -> None:
    """A person read what a run would delete or overwrite, and wants it: exactly one run is let through."""
    stream.brake_lifted = True
    stream.save(update_fields=["brake_lifted"])
    go_on(stream.integration)  # they have just seen what it is about


def cancel(integration: IntegrationInstance) -> None:
    """Stop the present run at its next page. Whoever let it pass the brake did so for this run."""
    with transaction.atomic():  # streams before runs, as the runs do, so that neither waits for the other
        integration.streams.filter(brake_lifted=True).update(brake_lifted=False)
        integration.runs.filter(state=SyncLog.State.RUNNING).update(cancel_asked=True)


def delete(integration: IntegrationInstance, clear: bool = False) -> bool:
    """Forget the connection with its links. Records stay on both sides as they are.

    clear: of a tool that this installation gives itself, what stands there is thrown away, too. Answers False where the tool did
    not take back what a person had granted there: they can do so on its pages.
    """
    tending.end_all(integration)
    farewell = leaving.farewell(integration)
    with transaction.atomic():
        if giver := given.giver_of(integration.provider):
            giver.take_back(integration, clear)
        wishes.forget(integration)
        due.forget(integration.pk)
        calls.forget(integration.pk)
        with connection.cursor() as cursor:  # in bulk: the cascade would load every link into memory
            for table, column in (
                ("integrations_synclogline", "stream_id"),
                ("integrations_planline", "stream_id"),
                ("integrations_recordlink", "stream_id"),
                ("integrations_heldrecord", "stream_id"),
                ("integrations_setaside", "stream_id"),
                ("integrations_conflict", "stream_id"),
            ):
                cursor.execute(
                    f"DELETE FROM {table} WHERE {column} IN"  # noqa: S608
                    " (SELECT id FROM integrations_stream WHERE integration_id = %s)",
                    [integration.pk],
                )
        integration.delete()
    if farewell is None:
        return True
    if connection.in_atomic_block:  # whoever called us may still take it all back
        transaction.on_commit(farewell, robust=True)
        return True
    return farewell()


def set_frequency(integration: IntegrationInstance, frequency: str) -> None:
    from integrations.models import Frequency

    if frequency not in Frequency.values:
        raise Refused(_("Choose how often to sync."), "frequency", "invalid_frequency")
    integration.frequency = frequency
    integration.save(update_fields=["frequency"])
    if integration.status == Status.ACTIVE:
        due.plan(integration.pk, due.next_due(frequency, timezone.now(), connection.tenant.timezone))


def next_run(integration: IntegrationInstance) -> Due | None:
    return Due.objects.filter(pk=integration.pk).first()


def _ask(integration: IntegrationInstance, by: str) -> None:
    due.ask(integration.pk, Priority.PERSON, by)
    wake_on_commit(integration.pk)
