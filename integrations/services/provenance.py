"""Where does this value come from? Per field of a record: who or which run, when, by which rule, and what it held before.

Read from what is kept anyway: the change feed has every value with its actor, the runs' lines have the rules, the conflicts
have what a person chose. The number of queries does not grow with the history.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from crm import records, registry
from integrations.models import Conflict, Stream, SyncLog, SyncLogLine
from values import Value

LOOKED_AT = 500  # changes of one record
SOON = dt.timedelta(minutes=1)  # a line and the change it tells of are written by one transaction


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the field held until then. at: since when; None where that is no longer known."""

    value: Value
    at: dt.datetime | None
    who: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who gave a field its present value. kind: user, api, run, system, or "" where nobody knows any more.

    run, integration, stream: of a value that came in by a run; the run is None when it is no longer kept.
    rule: created, restored, edited, theirs, first_meeting, newest, local, remote, fill, person, undo, or ""; words say it.
    earlier: the values before, the newest first.
    """

    field: str
    label: str
    value: Value
    kind: str = ""
    who: str = ""
    run: UUID | None = None
    integration: str = ""
    stream: str = ""
    at: dt.datetime | None = None
    rule: str = ""
    words: str = ""
    earlier: tuple[Earlier, ...] = ()


def of(entity: str, record_id: UUID | str) -> list[Origin]:
    """Every field of the record. Raises crm.records.Missing."""
    item = records.get(entity, record_id)
    described = records.describe(entity)
    changes = records.history(entity, record_id, LOOKED_AT)
    creation = next((change for change in reversed(changes) if change["operation"] == "insert"), None)
    known = _Known.about(item.id, changes, creation)
    found = []
    for name, local in described.fields.items():
        if name in registry.READ_ONLY:
            continue
        own = [change for change in changes if name in change["changes"]]
        last = own[0] if own else creation
        facts = known.facts(name, item.values[name], last) if last else {}
        earlier = tuple(_earlier(name, own, creation))
        found.append(Origin(name, str(local.label), item.values[name], earlier=earlier, **facts))
    return found


def _earlier(name: str, own: Sequence[Mapping[str, Any]], creation: Mapping[str, Any] | None) -> Iterator[Earlier]:
    """A value stood from the change that wrote it until the next one."""
    for place, change in enumerate(own, start=1):
        if change["operation"] != "insert":
            since = own[place] if place < len(own) else creation
            yield Earlier(change["changes"][name][0], since["at"] if since else None, _who(since))


def _who(change: Mapping[str, Any] | None) -> str:
    return str((change or {}).get("actor", {}).get("label", ""))


@dataclass(slots=True)
class _Known:
    """What is kept about the runs, lines and conflicts of one record."""

    runs: set[UUID] = field(default_factory=set)
    streams: dict[str, tuple[str, str]] = field(default_factory=dict)
    lines: list[SyncLogLine] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    creation: int = 0  # the change that made the record

    @classmethod
    def about(cls, record_id: str, changes: Sequence[Mapping[str, Any]], creation: Mapping[str, Any] | None) -> _Known:
        runs = {change["actor"].get("id") for change in changes if change["actor"].get("kind") == "run"}
        origins = {change["origin"].partition(":")[2] for change in changes if change["origin"].startswith("stream:")}
        lines = SyncLogLine.objects.filter(record_id=record_id, side="here", rules__isnull=False).order_by("-id")
        streams = Stream.objects.filter(pk__in=origins).values_list("pk", "integration__name", "collection_name")
        return cls(
            set(SyncLog.objects.filter(pk__in=runs).values_list("pk", flat=True)),
            {str(pk): (name, table) for pk, name, table in streams},
            list(lines[:LOOKED_AT]),
            list(
                Conflict.objects.filter(record_id=record_id)
                .exclude(settled_by="")
                .exclude(winner="")
                .order_by("-at")[:LOOKED_AT]
            ),
            creation["id"] if creation else 0,
        )

    def facts(self, name: str, value: Value, change: Mapping[str, Any]) -> dict[str, Any]:
        actor = change["actor"]
        integration, stream = self.streams.get(change["origin"].partition(":")[2], ("", ""))
        rule, run = self._rule(name, value, change)
        return {
            "kind": actor.get("kind", ""),
            "who": _who(change),
            "run": run,
            "integration": integration,
            "stream": stream,
            "at": change["at"],
            "rule": rule,
            "words": words(rule, integration),
        }

    def _rule(self, name: str, value: Value, change: Mapping[str, Any]) -> tuple[str, UUID | None]:
        if change["actor"].get("kind") == "run":
            run = next((pk for pk in self.runs if str(pk) == change["actor"].get("id")), None)
            if change["operation"] == "insert":
                return self._came(change), run
            return next((rule for line, rule in self._told(name, value) if line.run_id == run), ""), run
        undone = (line for line, rule in self._told(name, value) if rule == "undo")
        undo = next((line for line in undone if abs(line.at - change["at"]) < SOON), None)
        if undo is not None:
            return "undo", undo.run_id
        if change["operation"] == "insert":
            return self._came(change), None
        chosen = (one for one in self.conflicts if one.field == name and one.settled_by == _who(change))
        if any((one.remote if one.winner == "remote" else one.local) == value for one in chosen):
            return "person", None
        return "edited", None

    def _told(self, name: str, value: Value) -> Iterator[tuple[SyncLogLine, str]]:
        """Lines that say why this field became this value, with the rule, the newest first."""
        for line in self.lines:
            if line.rules and name in line.rules and (line.changes.get(name) or [None])[-1] == value:
                yield line, line.rules[name]

    def _came(self, change: Mapping[str, Any]) -> str:
        return "created" if change["id"] == self.creation else "restored"


def words(rule: str, integration: str) -> str:
    """A rule in words; "" for one that nobody knows any more."""
    place = {"tool": integration or _("the tool")}
    return {
        "created": _("came with the record"),
        "restored": _("came back with the record"),
        "edited": _("edited here"),
        "theirs": _("changed in %(tool)s, and only there") % place,
        "ours": _("changed here, and only here"),
        "first_meeting": _("was empty here when the two records met"),
        "newest": _("both sides had changed it, and the edit in %(tool)s was the newest") % place,
        "local": _("both sides had changed it, and here wins"),
        "remote": _("both sides had changed it, and %(tool)s wins") % place,
        "fill": _("was empty here"),
        "person": _("chosen by a person in a conflict"),
        "undo": _("set back by an undo"),
    }.get(rule, "")
