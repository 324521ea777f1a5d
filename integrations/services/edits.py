"""Several people in the same setup: who saved what, and nobody overwrites anybody without knowing.

A page carries the number of the newest edit it has shown (`seen`). Whoever saves a part that somebody else has saved since is
refused (`Stale`); `meeting` says before, as the engine's merge does for records, what both changed differently.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.models import IntegrationInstance, Stream
from integrations.models.edit import Edit, Part
from integrations.services.connect import Refused
from integrations.sync.transforms import in_full

KEPT_DAYS = 90
RULES = (
    "direction",
    "policy",
    "first_policy",
    "matching",
    "match_fields",
    "deletions",
    "on_drift",
    "brake_deletes",
    "brake_overwrites",
    "settle_seconds",
    "filters",
)

Settings = dict[str, Any]


class Stale(Refused):
    """Somebody saved the same part meanwhile. edits: theirs, the newest first."""

    def __init__(self, edits: list[Edit]) -> None:
        self.edits = edits
        text = _("%(who)s saved this meanwhile. Look at it, then save again.") % {"who": who(edits[0])}
        super().__init__(text, code="edited_meanwhile")


def seen(integration: IntegrationInstance) -> int:
    """For a page to carry. Ask before reading what the page shows, so that nothing falls in between."""
    return Edit.objects.filter(integration=integration).values_list("pk", flat=True).first() or 0


def number(text: str | None) -> int | None:
    """What a form sent back of it; None where it has none: then nothing is compared."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def since(of: IntegrationInstance | Stream, part: str, seen: int) -> list[Edit]:
    """Of the same part, the newest first."""
    return list(_of(of).filter(part=part, pk__gt=seen))


def last(of: IntegrationInstance | Stream, *parts: str) -> Edit | None:
    return _of(of).filter(part__in=parts).defer("before", "after").first()


@contextmanager
def saving(
    of: IntegrationInstance | Stream, part: str, by: str, seen: int | None = None, always: bool = False
) -> Iterator[None]:
    """What is done within is one edit of the part. Raises Stale when somebody saved it after `seen`.

    always: also note what leaves no trace in the settings, such as another key of the same account.
    """
    with transaction.atomic():
        _one_at_a_time(_integration(of))
        if seen is not None and (newer := since(of, part, seen)):
            raise Stale(newer)
        with noting(of, part, by, always):
            yield


@contextmanager
def noting(of: IntegrationInstance | Stream, part: str, by: str, always: bool = False) -> Iterator[None]:
    """The same for what nobody can overwrite, and what takes too long for a transaction: it is only written down."""
    before = now(of, part)
    yield
    after = now(of, part)
    if before == after and not always:
        return
    integration, stream = _integration(of), of if isinstance(of, Stream) else None
    with transaction.atomic():
        _one_at_a_time(integration)
        Edit.objects.create(integration=integration, stream=stream, part=part, by=by[:254], before=before, after=after)
        Edit.objects.filter(integration=integration, at__lt=timezone.now() - dt.timedelta(days=KEPT_DAYS)).delete()


def _integration(of: IntegrationInstance | Stream) -> IntegrationInstance:
    return of.integration if isinstance(of, Stream) else of


def _one_at_a_time(integration: IntegrationInstance) -> None:
    """Until the transaction ends. Not by a lock of the row, for which a run could wait while it holds what we need."""
    with connection.cursor() as cursor:
        name = f"{connection.schema_name} setup {integration.pk}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _of(of: IntegrationInstance | Stream) -> Any:
    return Edit.objects.filter(stream=of) if isinstance(of, Stream) else Edit.objects.filter(integration=of)


# --- what a part holds ----------------------------------------------------------------------------------------------


def now(of: IntegrationInstance | Stream, part: str) -> Settings:
    """{setting: value} as it is saved, in JSON's types."""
    if isinstance(of, Stream):
        return plain(_mapping(of) if part == Part.MAPPING else _rules(of))
    if part == Part.TABLES:
        return {str(one.pk): one.collection_name for one in of.streams.only("pk", "collection_name", "integration_id")}
    held = IntegrationInstance.objects.only("name", "account_name", "frequency").get(pk=of.pk)
    name = {Part.NAME: "name", Part.ACCOUNT: "account_name", Part.FREQUENCY: "frequency"}[Part(part)]
    return {name: getattr(held, name)}


def _mapping(stream: Stream) -> Settings:
    return {one.remote: mapped(one.local, one.direction, one.options) for one in stream.mappings.all().order_by("pk")}


def mapped(local: str, direction: str, options: Mapping[str, Any]) -> Settings:
    return {"local": local, "direction": direction, "options": in_full(options)}


def _rules(stream: Stream) -> Settings:
    held = Stream.objects.only(*RULES).get(pk=stream.pk)
    fields = stream.mappings.all().order_by("pk").values_list("local", "policy", "critical")
    single = {f"field:{local}": {"policy": policy, "critical": critical} for local, policy, critical in fields}
    return {name: getattr(held, name) for name in RULES} | single


def plain(settings: Mapping[str, Any]) -> Settings:
    """As it comes back from where edits are stored, so that it can be compared."""
    return dict(json.loads(json.dumps(settings, cls=DjangoJSONEncoder)))


# --- two edits of one thing -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meeting:
    """Three states of the same settings: as the page was drawn, as somebody saved them meanwhile, as they are to be saved now.

    edits: theirs, the newest first. merged: theirs where only they changed a setting, mine elsewhere. clashes: settings that both
    changed, differently. kept: those of theirs that mine would have put back.
    """

    edits: list[Edit]
    before: Settings
    theirs: Settings
    mine: Settings
    merged: Settings
    clashes: tuple[str, ...]
    kept: tuple[str, ...]

    @property
    def seen(self) -> int:
        return self.edits[0].pk


def meeting(of: IntegrationInstance | Stream, part: str, seen: int | None, mine: Mapping[str, Any]) -> Meeting | None:
    """None where nobody has saved the part since. mine: as `now` has it; of anything but a mapping also a part of it."""
    newer = since(of, part, seen) if seen is not None else []
    if not newer:
        return None
    before, theirs = dict(newer[-1].before), now(of, part)
    wanted = plain(mine) if part == Part.MAPPING else before | plain(mine)
    return Meeting(newer, before, theirs, wanted, *meet(before, theirs, wanted))


def meet(
    before: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]
) -> tuple[Settings, tuple[str, ...], tuple[str, ...]]:
    """(merged, clashes, kept) as in Meeting, as the engine's merge does it for records. A setting that is absent is None."""
    merged: Settings = {}
    clashes: list[str] = []
    kept: list[str] = []
    for name in dict.fromkeys([*mine, *theirs]):
        was, their, my = before.get(name), theirs.get(name), mine.get(name)
        if their not in (was, my):
            (kept if my == was else clashes).append(name)
        merged[name] = their if my == was else my
    return {name: value for name, value in merged.items() if value is not None}, tuple(clashes), tuple(kept)


def who(edit: Edit) -> str:
    return edit.by or _("Somebody")
