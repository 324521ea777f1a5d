"""Counts, states and errors as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations.models import Direction, FirstPolicy, Policy
from integrations.services import failures

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
    "unlinked": "",
    "set_aside": "",
    "left_out": "",
    "skipped": "",
}

#: What a run also did, told after what it wrote.
BESIDE = ("unlinked", "conflict", "set_aside", "left_out")


DONE: dict[str, Callable[[int], str]] = {
    "created_here": lambda number: ngettext("created here", "created here", number),
    "created_there": lambda number: ngettext("created in %(tool)s", "created in %(tool)s", number),
    "updated_here": lambda number: ngettext("changed here", "changed here", number),
    "updated_there": lambda number: ngettext("changed in %(tool)s", "changed in %(tool)s", number),
    "deleted_here": lambda number: ngettext("deleted here", "deleted here", number),
    "deleted_there": lambda number: ngettext("deleted in %(tool)s", "deleted in %(tool)s", number),
    "linked": lambda number: ngettext(
        "paired with the record that was there", "paired with the records that were there", number
    ),
    "conflict": lambda number: ngettext("changed on both sides", "changed on both sides", number),
    "set_aside": lambda number: ngettext("set aside with a reason", "set aside with a reason", number),
    "unlinked": lambda number: ngettext("parted from its partner", "parted from their partners", number),
    "left_out": lambda number: ngettext("left as it is, with the reason", "left as they are, with the reason", number),
    "skipped": lambda number: ngettext("left as it is", "left as they are", number),
    "ambiguous": lambda number: _("with several possible partners"),
}


def done(key: str, tool: str, number: int) -> str:
    """What happened to so many records."""
    return DONE[key](number) % {"tool": tool}


PLANNED: dict[str, Callable[[int], str]] = {
    "created_here": lambda number: ngettext("will be created here", "will be created here", number),
    "created_there": lambda number: ngettext("will be created in %(tool)s", "will be created in %(tool)s", number),
    "updated_here": lambda number: ngettext("will change here", "will change here", number),
    "updated_there": lambda number: ngettext("will change in %(tool)s", "will change in %(tool)s", number),
    "deleted_here": lambda number: ngettext("will be deleted here", "will be deleted here", number),
    "deleted_there": lambda number: ngettext("will be deleted in %(tool)s", "will be deleted in %(tool)s", number),
    "linked": lambda number: ngettext(
        "will be paired with the record that is there", "will be paired with the records that are there", number
    ),
    "conflict": lambda number: ngettext("differs on both sides", "differ on both sides", number),
    "set_aside": lambda number: ngettext("will wait with a reason", "will wait with a reason", number),
    "unlinked": lambda number: ngettext(
        "will be parted from its partner", "will be parted from their partners", number
    ),
    "left_out": lambda number: ngettext("stays as it is, with the reason", "stay as they are, with the reason", number),
    "skipped": lambda number: ngettext("stays as it is", "stay as they are", number),
    "ambiguous": lambda number: ngettext(
        "has several possible partners and waits for you", "have several possible partners and wait for you", number
    ),
}


def planned(key: str, tool: str, number: int) -> str:
    """What is going to happen to so many records."""
    return PLANNED[key](number) % {"tool": tool}


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
    parts += [_told(counts[key], done(key, tool, counts[key])) for key in BESIDE if counts.get(key)]
    return ", ".join(parts) if parts else _("Nothing to do: both sides agree")


def expected(counts: Counts, tool: str) -> str:
    """What a plan would do, in one sentence."""
    parts = [
        _told(counts[key], planned(key, tool, counts[key])) for key in SIDES if key != "skipped" and counts.get(key)
    ]
    return ", ".join(parts) if parts else _("Nothing would change: both sides agree")


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


def sentence(text: str) -> str:
    """With a capital first letter; the others stay as they are."""
    return text[:1].upper() + text[1:]


def records(number: int) -> str:
    return ngettext("%(n)s record", "%(n)s records", number) % {"n": number}


def direction(value: str, tool: str) -> str:
    return {
        Direction.BOTH: _("both ways"),
        Direction.IMPORT: _("only from %(tool)s to here"),
        Direction.EXPORT: _("only from here to %(tool)s"),
    }[Direction(value)] % {"tool": tool}


def directions(tool: str) -> dict[str, str]:
    """Which way changes travel, as choices."""
    place = {"tool": tool}
    return {
        Direction.BOTH.value: str(Direction.BOTH.label),
        Direction.IMPORT.value: _("Only in: from %(tool)s to here") % place,
        Direction.EXPORT.value: _("Only out: from here to %(tool)s") % place,
    }


def policies(tool: str) -> dict[str, str]:
    """Who wins, as choices."""
    return {str(one.value): str(one.label) for one in Policy} | {
        Policy.REMOTE.value: _("%(tool)s wins") % {"tool": tool}
    }


def first_policies(tool: str) -> dict[str, str]:
    """Who wins where two records meet for the first time, as choices."""
    later = policies(tool)
    return {str(one.value): later.get(one.value, str(one.label)) for one in FirstPolicy}


TRIGGERS = {
    "person": gettext_lazy("asked for"),
    "api": gettext_lazy("asked for by a program"),
    "schedule": gettext_lazy("by the schedule"),
    "webhook": gettext_lazy("because the tool called"),
    "plan": gettext_lazy("to carry out a plan"),
    "undo": gettext_lazy("to take a run back"),
}


def trigger(value: str) -> str:
    return str(TRIGGERS.get(value, value))


def phase(value: str) -> str:
    return {
        "reading": _("reading what changed"),
        "listing": _("looking for deleted records"),
        "sending": _("sending changes"),
        "done": _("finishing"),
    }.get(value, _("starting"))


THERE = {
    "created": gettext_lazy("Created in %(tool)s"),
    "updated": gettext_lazy("Changed in %(tool)s"),
    "deleted": gettext_lazy("Deleted in %(tool)s"),
    "restored": gettext_lazy("Brought back in %(tool)s"),
}
HERE = {
    "created": gettext_lazy("Created here"),
    "updated": gettext_lazy("Changed here"),
    "deleted": gettext_lazy("Deleted here"),
    "restored": gettext_lazy("Brought back here"),
}
EITHER = {
    "linked": gettext_lazy("Paired"),
    "unlinked": gettext_lazy("Parted"),
    "set_aside": gettext_lazy("Set aside"),
    "conflict": gettext_lazy("Conflict"),
    "left_out": gettext_lazy("Left as it is"),
}


def action(value: str, side: str, tool: str) -> str:
    """What happened to one record."""
    if side == "there" and value in THERE:
        return str(THERE[value]) % {"tool": tool}
    return str(HERE.get(value) or EITHER.get(value) or value)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened, what it means and what to do. mend: one of failures.Button."""

    title: str
    text: str
    mend: str = ""


def trouble(code: str, detail: str, tool: str) -> Trouble:
    """An error code of a run, a stream or an integration, for a person."""
    told = failures.tell(code, detail, tool)
    waits = (
        "" if failures.of(code).effect == failures.Effect.NONE else _("Nothing is lost: changes wait on both sides.")
    )
    return Trouble(told.title, f"{told.text} {waits}".strip(), told.action)


RULES = {
    "theirs": gettext_lazy("Only changed in %(tool)s"),
    "ours": gettext_lazy("Only changed here"),
    "same": gettext_lazy("Both sides wrote the same"),
    "first_meeting": gettext_lazy("The two records met for the first time"),
    "newest": gettext_lazy("Changed on both sides: the newest edit won"),
    "local": gettext_lazy("Changed on both sides: the rule says that here wins"),
    "remote": gettext_lazy("Changed on both sides: the rule says that %(tool)s wins"),
    "fill": gettext_lazy("Filled in, because it was empty"),
    "ask": gettext_lazy("Changed on both sides: a person is asked"),
    "person": gettext_lazy("A person chose this value"),
    "undo": gettext_lazy("Taken back"),
}


def rule(code: str, tool: str) -> str:
    """Why a field went the way it went; "" for a code that says nothing to a person."""
    return str(RULES.get(code, "")) % {"tool": tool}


WINNERS = {
    "local": gettext_lazy("What stood here won"),
    "remote": gettext_lazy("What stood in %(tool)s won"),
    "": gettext_lazy("Waits for a decision in the inbox"),
}


def winner(code: str, tool: str) -> str:
    """A conflict's line keeps its winner as the reason."""
    return str(WINNERS[code]) % {"tool": tool} if code in WINNERS else code


def with_rules(
    shown: list[dict[str, Any]], changes: Mapping[str, Any], rules: Mapping[str, str] | None, tool: str
) -> tuple[list[dict[str, Any]], str]:
    """Changes as ui/_diff.html takes them, each with its rule; and the rule by itself where all have the same.

    `shown` stands in the order of `changes`.
    """
    said = [rule((rules or {}).get(name, ""), tool) for name in changes]
    shared = said[0] if len(set(said)) == 1 else ""
    told = [
        change | {"reason": "" if shared else why, "name": name}
        for change, why, name in zip(shown, said, changes, strict=True)
    ]
    return told, shared
