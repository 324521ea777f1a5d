"""The switches: what the practice tool does wrong when somebody asks it to, and what Raccord promises to make of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from practice import world
from practice.models import Event, Workspace

EVERY_BUSY, EVERY_BROKEN = 3, 4
RETRY_AFTER = 2
SLOW_SECONDS = 1.5
_dawdling = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Switch:
    """does: what the tool does then. promise: what Raccord does about it."""

    name: str
    label: Any
    does: Any
    promise: Any
    icon: str


SWITCHES = (
    Switch(
        "slow",
        _("Answer slowly"),
        _("Every answer takes a second and a half longer."),
        _("The sync takes longer and goes on. Nobody waits for it: it runs in the background."),
        "timer",
    ),
    Switch(
        "busy",
        _("Refuse every third request"),
        _("“Too many requests, come again in two seconds.”"),
        _("Raccord waits as long as it is told, then sends the same request again."),
        "pause",
    ),
    Switch(
        "broken",
        _("Break every fourth request"),
        _("“Internal error”, before anything is done."),
        _("What is only read is asked again at once. Of what was written Raccord first looks whether it arrived."),
        "zap",
    ),
    Switch(
        "lost",
        _("Lose the answer when a row is made"),
        _("The row is made, but the answer never comes back."),
        _("The next sync asks with the same key and finds the row. It exists once, not twice."),
        "unlink",
    ),
    Switch(
        "phones",
        _("Accept international phone numbers only"),
        _("“06 12 34 56 78” is refused, “+33 6 12 34 56 78” is not."),
        _("The one record is set aside and shown in the inbox with the reason. All others go on."),
        "phone",
    ),
    Switch(
        "expired",
        _("Let the key expire"),
        _("Every request is answered with “unknown key”."),
        _("The connection stops and asks to be reconnected. Changes wait on both sides, and nothing is lost."),
        "key-round",
    ),
    Switch(
        "stale",
        _("Have somebody else be faster"),
        _("Each row has just been touched by somebody when Raccord writes to it, so the write is refused."),
        _("Raccord reads the row again, merges again, and writes what is still to be written."),
        "users",
    ),
    Switch(
        "coarse",
        _("Tell times in whole minutes"),
        _("When a row was edited is cut to the minute, as several real tools do."),
        _(
            "Raccord compares values and not only times: no edit is missed, and its own writes are not read back as edits."
        ),
        "clock",
    ),
)
NAMES = {switch.name for switch in SWITCHES}


@transaction.atomic
def turn(workspace: Workspace, name: str, is_on: bool, by: str = "") -> None:
    """Raises KeyError for a switch there is not."""
    if name not in NAMES:
        raise KeyError(name)
    workspace = Workspace.objects.select_for_update().get(pk=workspace.pk)
    if (name in workspace.faults) == is_on:
        return
    if is_on:
        workspace.faults[name] = timezone.now().isoformat()
    else:
        del workspace.faults[name]
    workspace.save(update_fields=["faults"])
    if name == "expired":
        workspace.keys.update(is_expired=is_on)
    world.note(workspace, Event.Kind.SWITCHED, by=by, what=name, count=int(is_on))


def behave(workspace: Workspace, by: str = "") -> None:
    """All of them off."""
    for name in sorted(Workspace.objects.get(pk=workspace.pk).faults):
        turn(workspace, name, False, by)


def count(workspace: Workspace) -> int:
    """The number of this request."""
    Workspace.objects.filter(pk=workspace.pk).update(asked=F("asked") + 1)
    return int(Workspace.objects.values_list("asked", flat=True).get(pk=workspace.pk))


def dawdle() -> None:
    """Not with more than a few threads of this process at once: the others answer people meanwhile."""
    if _dawdling.acquire(blocking=False):
        try:
            time.sleep(SLOW_SECONDS)
        finally:
            _dawdling.release()


def met(workspace: Workspace, number: int) -> str:
    """The switch that refuses this request before anything is done; "" for none."""
    if "busy" in workspace.faults and number % EVERY_BUSY == 0:
        return "busy"
    if "broken" in workspace.faults and number % EVERY_BROKEN == 0:
        return "broken"
    return ""
