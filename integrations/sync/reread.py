"""Reading by id what a listing does not tell: records that are marked, and those that no listing shows any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from integrations.models import LinkState, RecordLink
from integrations.sync.apply import apply
from integrations.sync.store import Store
from integrations.sync.tally import Problem

FETCH = 50  # ids looked up at once


def read_marked(store: Store) -> Iterator[int]:
    """Linked records that are marked to be read anew, whatever the listing says: they take part again, for instance.

    What a plan that is being carried out has left out is marked for the next ordinary run, and not read again by this one.
    """
    marked = RecordLink.objects.filter(stream=store.stream, reread=True).order_by("id")
    if store.guard:
        marked = store.guard.without_left_out(marked)
    last = 0
    while part := list(marked.filter(pk__gt=last).values_list("id", "remote_id")[:FETCH]):
        last = part[-1][0]
        ids = [remote_id for _pk, remote_id in part if remote_id is not None]
        found = store.adapter.fetch(store.stream.collection, ids) if ids else []
        silent = set(ids) - {record.id for record in found}

        def unmark(part: list = part, silent: set[str] = silent) -> None:
            RecordLink.objects.filter(pk__in=[pk for pk, _remote in part]).update(reread=False)
            quarantine(store, sorted(silent))

        apply(store, found, before=unmark)
        yield len(part)


def quarantine(store: Store, ids: Sequence[str]) -> None:
    """Nobody can tell from here what became of these: they wait, with the reason."""
    if not ids:
        return
    links = RecordLink.objects.filter(stream=store.stream, remote_id__in=ids, state=LinkState.LINKED)
    for link in links:
        reason = _("This record is neither in the table nor in its trash: removed for good, or no longer shared.")
        store.problems.append(
            Problem(
                "there",
                "vanished",
                reason,
                str(link.record_id),
                link.remote_id or "",
                str(link.base_local.get(store.entity.title) or ""),
            )  # fmt: skip
        )
