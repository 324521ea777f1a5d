"""Beginning anew. Going on where a run stopped needs nothing of this: `lifecycle.resume`.

Read again: everything there is read once more; pairs and bases stay, so nothing is lost meanwhile. Match anew: pairs and
bases are forgotten, and records meet as for the first time. A run at work notices by the stream's version and begins anew.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Q

from crm import feed
from integrations.models import (
    Conflict,
    Ended,
    HeldRecord,
    LeftOut,
    LinkState,
    RecordLink,
    SetAside,
    Status,
    Stream,
    SweptRecord,
)
from integrations.scheduling import due
from integrations.scheduling.models import Priority
from integrations.scheduling.tasks import wake_on_commit

#: What stays when pairs are forgotten: what is deleted on both sides, what was parted (for good, or until the deleted one comes
#: back), second copies of ours, on their way to the trash or waiting for a person, creates whose outcome is not known yet (their
#: answer may still come), and what a person paused.
KEPT = (
    Q(state__in=[LinkState.GONE, LinkState.LEFT, LinkState.UNLINKED, LinkState.EXTRA])
    | Q(remote_id=None, intent__isnull=False)
    | Q(left_out=LeftOut.PAUSED)
)


def read_again(stream: Stream) -> None:
    """Read every record there once more, and look for deletions, with the next run."""
    with transaction.atomic():
        stream = _held(stream)
        _begin_anew(stream, swept_at=None, sweep_cursor="")


def match_anew(stream: Stream) -> None:
    """Forget which records belong together and what both sides last agreed on. No record is touched on either side.

    Afterwards nothing stands twice: where keys say nothing, or cannot tell records apart, those that belonged together find each
    other again, and what we made there carries our marker.
    """
    with transaction.atomic():
        stream = _held(stream)
        links = RecordLink.objects.filter(stream=stream)
        HeldRecord.objects.filter(stream=stream).delete()
        _remember_partners(stream)
        late = links.filter(unsure=True).exclude(
            KEPT
        )  # a create of ours may still arrive: its record is known by the link
        late.update(
            remote_id=None,
            state=LinkState.NEW,
            base_local={},
            base_remote={},
            intent=None,
            waiting={},
            left_out="",
            flips={},
            reread=False,
            dirty=True,
        )
        links.exclude(KEPT | Q(unsure=True)).delete()
        SetAside.objects.filter(stream=stream).exclude(code="second_copy").delete()  # that one is never asked again
        SweptRecord.objects.filter(stream=stream).delete()
        Conflict.objects.filter(stream=stream, state=Conflict.State.OPEN).update(
            state=Conflict.State.SETTLED, settled_by=Ended.RESTARTED
        )
        position = feed.now()
        _begin_anew(
            stream,
            listed_at=None,
            exported_at=None,
            swept_at=None,
            sweep_cursor="",
            feed_txid=position.txid,
            feed_id=position.id,
        )


def _remember_partners(stream: Stream) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO integrations_heldrecord (stream_id, remote_id, former, reason, key, keys, record, title)
            SELECT stream_id, remote_id, record_id, 'former', '', '{}', '{}', '' FROM integrations_recordlink
            WHERE stream_id = %s AND state = 'linked' AND remote_id IS NOT NULL AND record_id IS NOT NULL AND left_out <> 'paused'
            """,
            [stream.pk],
        )


def _held(stream: Stream) -> Stream:
    """No run commits anything of this stream until the transaction ends."""
    return Stream.objects.select_for_update(of=("self",)).select_related("integration").get(pk=stream.pk)


def _begin_anew(stream: Stream, **places: object) -> None:
    Stream.objects.filter(pk=stream.pk).update(
        cursor="", version=stream.version + 1, problem_code="", problem_detail="", **places
    )
    if stream.integration.status == Status.ACTIVE and stream.is_active:
        due.ask(stream.integration_id, Priority.PERSON, "person")
        wake_on_commit(stream.integration_id)
