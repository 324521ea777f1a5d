"""Counts, states and errors as sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import Direction

Counts = Mapping[str, int]

#: key of SyncLog.counts -> the side where it happens
SIDES = {
    "created_here": "here",
    "updated_here": "here",
    "deleted_here": "here",
    "created_there": "there",
    "updated_there": "there",
    "deleted_there": "there",
    "linked": "",
    "conflict": "",
    "ambiguous": "",
    "set_aside": "",
    "skipped": "",
}


def done(key: str, tool: str, number: int) -> str:
    """What happened to so many records."""
    return {
        "created_here": ngettext("created here", "created here", number),
        "created_there": ngettext("created in %(tool)s", "created in %(tool)s", number),
        "updated_here": ngettext("changed here", "changed here", number),
        "updated_there": ngettext("changed in %(tool)s", "changed in %(tool)s", number),
        "deleted_here": ngettext("deleted here", "deleted here", number),
        "deleted_there": ngettext("deleted in %(tool)s", "deleted in %(tool)s", number),
        "linked": ngettext("paired with the record that was there", "paired with the records that were there", number),
        "conflict": ngettext("changed on both sides", "changed on both sides", number),
        "set_aside": ngettext("set aside with a reason", "set aside with a reason", number),
        "skipped": ngettext("left as it is", "left as they are", number),
        "ambiguous": _("with several possible partners"),
    }[key] % {"tool": tool}


def planned(key: str, tool: str, number: int) -> str:
    """What is going to happen to so many records."""
    return {
        "created_here": ngettext("will be created here", "will be created here", number),
        "created_there": ngettext("will be created in %(tool)s", "will be created in %(tool)s", number),
        "updated_here": ngettext("will change here", "will change here", number),
        "updated_there": ngettext("will change in %(tool)s", "will change in %(tool)s", number),
        "deleted_here": ngettext("will be deleted here", "will be deleted here", number),
        "deleted_there": ngettext("will be deleted in %(tool)s", "will be deleted in %(tool)s", number),
        "linked": ngettext(
            "will be paired with the record that is there", "will be paired with the records that are there", number
        ),
        "conflict": ngettext("differs on both sides", "differ on both sides", number),
        "set_aside": ngettext("will wait with a reason", "will wait with a reason", number),
        "skipped": ngettext("stays as it is", "stay as they are", number),
        "ambiguous": ngettext(
            "has several possible partners and waits for you", "have several possible partners and wait for you", number
        ),
    }[key] % {"tool": tool}


def totals(
    counts: Counts, tool: str, words: Callable[[str, str, int], str] = done, always: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """For ui/_totals.html: what there is, and `always` even when there is none."""
    return [
        {"count": counts.get(key, 0), "words": words(key, tool, counts.get(key, 0)), "side": side, "key": key}
        for key, side in SIDES.items()
        if counts.get(key) or key in always
    ]


def summary(counts: Counts, tool: str) -> str:
    """A run in one short sentence: one kind of change by its name, several by side."""
    kinds = {side: [key for key in SIDES if SIDES[key] == side and counts.get(key)] for side in ("here", "there")}
    parts = [_of_side(counts, side, keys, tool) for side, keys in kinds.items() if keys]
    if not parts and counts.get("linked"):
        parts = [_told(counts["linked"], done("linked", tool, counts["linked"]))]
    parts += [_told(counts[key], done(key, tool, counts[key])) for key in ("conflict", "set_aside") if counts.get(key)]
    return ", ".join(parts) if parts else _("Nothing to do: both sides agree")


def _of_side(counts: Counts, side: str, keys: list[str], tool: str) -> str:
    number = sum(counts[key] for key in keys)
    if len(keys) == 1:
        return _told(number, done(keys[0], tool, number))
    written = {
        "here": ngettext("written here", "written here", number),
        "there": ngettext("written in %(tool)s", "written in %(tool)s", number),
    }[side]
    return _told(number, written % {"tool": tool})


def _told(number: int, what: str) -> str:
    return f"{formats.number_format(number, force_grouping=True)} {what}"


def records(number: int) -> str:
    return ngettext("%(n)s record", "%(n)s records", number) % {"n": number}


def direction(value: str, tool: str) -> str:
    return {
        Direction.BOTH: _("both ways"),
        Direction.IMPORT: _("only from %(tool)s to here"),
        Direction.EXPORT: _("only from here to %(tool)s"),
    }[Direction(value)] % {"tool": tool}


def trigger(value: str) -> str:
    return {
        "person": _("asked for"),
        "api": _("asked for by a program"),
        "schedule": _("by the schedule"),
        "webhook": _("because the tool called"),
    }.get(value, value)


def phase(value: str) -> str:
    return {
        "reading": _("reading what changed"),
        "listing": _("looking for deleted records"),
        "sending": _("sending changes"),
        "done": _("finishing"),
    }.get(value, _("starting"))


def action(value: str, side: str, tool: str) -> str:
    """What happened to one record."""
    place = {"tool": tool}
    if side == "there":
        return {
            "created": _("Created in %(tool)s"),
            "updated": _("Changed in %(tool)s"),
            "deleted": _("Deleted in %(tool)s"),
            "restored": _("Brought back in %(tool)s"),
            "linked": _("Paired"),
            "set_aside": _("Set aside"),
            "conflict": _("Conflict"),
        }.get(value, value) % place
    return {
        "created": _("Created here"),
        "updated": _("Changed here"),
        "deleted": _("Deleted here"),
        "restored": _("Brought back here"),
        "linked": _("Paired"),
        "set_aside": _("Set aside"),
        "conflict": _("Conflict"),
    }.get(value, value)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened, what it means and what to do. mend: reconnect, resume, brake, mapping or ""."""

    title: str
    text: str
    mend: str = ""


def trouble(code: str, detail: str, tool: str) -> Trouble:
    """An error code of a run, a stream or an integration, for a person."""
    place = {"tool": tool}
    waits = _("Nothing is lost: changes wait on both sides.")
    if code == "brake":
        count, total = [*re.findall(r"\d+", detail), "?", "?"][:2]
        return Trouble(
            _("A run stopped before it would delete %(count)s of %(total)s records") % {"count": count, "total": total},
            _("If you want that, let it go on. If not, bring the records back in %(tool)s, or leave the pair paused.")
            % place,
            "brake",
        )
    known = {
        "authentication_failed": (
            _("%(tool)s does not accept the key any more"),
            _("Reconnect with a valid key."),
            "reconnect",
        ),
        "access_denied": (
            _("%(tool)s does not let this connection do its work"),
            _("Give it the missing access in %(tool)s, then resume; or reconnect with another key."),
            "resume",
        ),
        "not_found": (
            _("A table is gone, or is no longer shared with this connection"),
            _("Share it again in %(tool)s and resume, or remove it from this connection."),
            "resume",
        ),
        "schema_changed": (
            _("A table in %(tool)s looks different from what was mapped"),
            _("A field was renamed, removed or changed its type. Look at the mapping, then resume."),
            "mapping",
        ),
        "rate_limited": (_("%(tool)s asks us to slow down"), _("The sync goes on by itself when it may."), ""),
        "unavailable": (_("%(tool)s does not answer at the moment"), _("The sync is tried again by itself."), ""),
        "outcome_unknown": (_("An answer of %(tool)s was lost"), _("The next run looks what became of it."), ""),
        "provider_off": (_("%(tool)s is switched off here"), _("The staff of Raccord switched it off for now."), ""),
        "internal_error": (_("A run met a fault of ours"), _("It is tried again by itself, and we were told."), ""),
    }
    if code == "schema_changed" and detail.startswith("“"):
        title = _("Mapped fields are gone, or hold something else now: %(fields)s") % {"fields": detail}
        return Trouble(title, f"{_('Choose what takes their place, or stop keeping them in step.')} {waits}", "mapping")
    if code in known:
        title, text, mend = known[code]
        return Trouble(title % place, f"{text % place} {waits}", mend)
    return Trouble(_("The last run could not finish"), f"{detail} {waits}".strip(), "resume")
