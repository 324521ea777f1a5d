"""How long files and what is known of them are kept."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from typing import Any

from django.core.files.storage import storages
from django.db import connection
from django.utils import timezone

from integrations.files import imports
from integrations.files.models import Export, Import, ImportPartner, ImportRow
from integrations.services.connect import Refused

#: A file that nobody went on with is removed after this long.
DRAFTS = dt.timedelta(days=7)
#: What became of the rows; after that an import cannot be taken back.
ROWS = dt.timedelta(days=90)
#: What stands around of an import that is over is swept up then.
LEFTOVERS = dt.timedelta(hours=1)
#: A written export can be fetched for so long; who took what stays in the log.
EXPORTS = dt.timedelta(days=3)
#: A file that no row names: whoever stored it died before saying so. So long nobody can be about to.
STRAYS = dt.timedelta(days=1)
FOLDERS: dict[str, Any] = {"imports": Import, "exports": Export}


def forget() -> None:
    """In the tenant's schema, once a day."""
    now, state = timezone.now(), Import.State
    left = Import.objects.filter(state__in=(state.DRAFT, state.READY, state.FAILED), changed_at__lt=now - DRAFTS)
    for job in left:
        with suppress(Refused):  # somebody went on with it at this moment
            imports.discard(job)
    for rows in (ImportRow, ImportPartner):
        rows.objects.filter(job__ended_at__lt=now - ROWS, job__state__in=(state.DONE, state.UNDONE)).delete()
    over = Import.objects.filter(state__in=(state.DONE, state.UNDONE, state.DISCARDED), changed_at__lt=now - LEFTOVERS)
    for job in over.exclude(stored=""):  # whoever should have removed its file died over it
        imports.forget_file(job)
    for rows in (ImportRow, ImportPartner):
        rows.objects.filter(job__in=over.filter(state=state.DISCARDED)).delete()
    unfinished = Export.objects.filter(state__in=(Export.State.WAITING, Export.State.RUNNING))
    unfinished.filter(created_at__lt=now - EXPORTS).update(state=Export.State.FAILED, ended_at=now)
    for export in Export.objects.filter(state=Export.State.READY, ended_at__lt=now - EXPORTS):
        storages["files"].delete(export.stored)
        Export.objects.filter(pk=export.pk).update(state=Export.State.REMOVED, stored="")
    _sweep(now - STRAYS)


def _sweep(before: dt.datetime) -> None:
    for part, rows in FOLDERS.items():
        known = set(rows.objects.exclude(stored="").values_list("stored", flat=True))
        for name in _files(f"{connection.schema_name}/{part}"):
            if name not in known and storages["files"].get_modified_time(name) < before:
                storages["files"].delete(name)


def _files(folder: str) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return [f"{folder}/{name}" for name in storages["files"].listdir(folder)[1]]
    return []


def on_tenant_gone(instance: Any, **_: Any) -> None:
    """Its files go with it."""
    for part in FOLDERS:
        for name in _files(f"{instance.schema_name}/{part}"):
            storages["files"].delete(name)
