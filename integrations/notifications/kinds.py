"""What people are told about, how they may be told, and what somebody of a role is told who never chose."""

from __future__ import annotations

from enum import IntEnum

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import RANK, Role


class Kind(models.TextChoices):
    CRITICAL = "critical", _("A connection stopped")
    WARNING = "warning", _("A connection has trouble")
    RECOVERED = "recovered", _("A connection works again")
    CONFLICTS = "conflicts", _("Both sides changed the same")
    SET_ASIDE = "set_aside", _("Records were set aside")
    VOLUMES = "volumes", _("Unusually many or few changes")
    WEBHOOK = "webhook", _("A webhook was switched off")
    EXPORT = "export", _("A file that you asked for is ready")


#: One sentence for whoever chooses.
ABOUT = {
    Kind.CRITICAL: _("It needs a new key, a run was stopped by the brake, or it failed for days and was paused."),
    Kind.WARNING: _("Runs have failed for a while, or one table stopped. It is tried again by itself."),
    Kind.RECOVERED: _("Runs get through again after trouble that was told."),
    Kind.CONFLICTS: _("A conflict waits for a decision, or a critical field was settled by a rule."),
    Kind.SET_ASIDE: _("Values that a tool or a field does not take, for a cause that is new."),
    Kind.VOLUMES: _("A run wrote far more than usual, or a busy table has been silent for days."),
    Kind.WEBHOOK: _("Its address said that it is gone, or took nothing for days, so Raccord stopped telling it."),
    Kind.EXPORT: _("An export of many records is put together in the background. Only you are told of yours."),
}


class ByMail(models.TextChoices):
    NOW = "now", _("At once")
    DIGEST = "digest", _("In the digest")
    NEVER = "never", _("Never")


class Rhythm(models.TextChoices):
    """When the digest comes."""

    DAILY = "daily", _("Every day")
    WEEKLY = "weekly", _("Every week")
    NEVER = "never", _("Never")


class Level(IntEnum):
    """How bad. SHARED: the tool has trouble for many. LONG: people are warned that it will be paused."""

    OK = 0
    SHARED = 1
    WARNING = 2
    LONG = 3
    CRITICAL = 4


KIND_OF = {
    Level.SHARED: Kind.WARNING,
    Level.WARNING: Kind.WARNING,
    Level.LONG: Kind.WARNING,
    Level.CRITICAL: Kind.CRITICAL,
}

Choice = tuple[bool, str]  # (in the app, ByMail)

#: Told only to whoever asked for it, who waits for it.
OWN: Choice = (True, ByMail.NOW)
#: Quiet: only who can mend it gets a mail at once, and only when a connection stands still.
MANAGING: dict[str, Choice] = {
    Kind.CRITICAL: (True, ByMail.NOW),
    Kind.WARNING: (True, ByMail.DIGEST),
    Kind.RECOVERED: (True, ByMail.DIGEST),
    Kind.CONFLICTS: (True, ByMail.DIGEST),
    Kind.SET_ASIDE: (True, ByMail.DIGEST),
    Kind.VOLUMES: (True, ByMail.DIGEST),
    Kind.WEBHOOK: (True, ByMail.NOW),
    Kind.EXPORT: OWN,
}
DEFAULTS: dict[str, dict[str, Choice]] = {
    Role.OWNER: MANAGING,
    Role.ADMIN: MANAGING,
    Role.MEMBER: {
        Kind.CRITICAL: (True, ByMail.NEVER),
        Kind.WARNING: (False, ByMail.NEVER),
        Kind.RECOVERED: (False, ByMail.NEVER),
        Kind.CONFLICTS: (True, ByMail.DIGEST),
        Kind.SET_ASIDE: (True, ByMail.NEVER),
        Kind.VOLUMES: (False, ByMail.NEVER),
        Kind.WEBHOOK: (False, ByMail.NEVER),
        Kind.EXPORT: OWN,
    },
    Role.VIEWER: {kind: (kind == Kind.CRITICAL, ByMail.NEVER) for kind in Kind.values} | {Kind.EXPORT: OWN},
}
#: Of what only they may see.
ADMINS_ONLY = {Kind.WEBHOOK}


def kinds_for(role: str) -> list[str]:
    """What somebody of this role can be told at all."""
    return [kind for kind in Kind.values if kind not in ADMINS_ONLY or RANK[Role(role)] >= RANK[Role.ADMIN]]
