"""How a person wants to be told: what they chose, and for the rest what their role is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.notifications.bell import rings
from integrations.notifications.bell.models import FailedMail
from integrations.notifications.kinds import DEFAULTS, ByMail, Choice, Kind, Rhythm, kinds_for
from integrations.notifications.models import Delivery, Mail, Preference
from integrations.notifications.windows import next_window
from tenants.models import Membership

UTC = ZoneInfo("UTC")


class Unusable(ValueError):
    """A preference that makes no sense; the text is for a person. field: which one."""

    def __init__(self, text: str, field: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Wishes:
    """choices: of every kind. zone: the clock by which the digest comes."""

    choices: Mapping[str, Choice]
    digest: str = Rhythm.DAILY
    hour: int = 8
    weekday: int = 0
    zone: ZoneInfo = UTC

    def of(self, kind: str) -> Choice:
        """What to do with a notice; without a digest nothing goes into one."""
        in_app, by_mail = self.choices[kind]
        return in_app, ByMail.NEVER if by_mail == ByMail.DIGEST and self.digest == Rhythm.NEVER else by_mail

    def next_digest(self, after: dt.datetime) -> dt.datetime | None:
        return next_window(after, self.digest, self.hour, self.weekday, self.zone)


def of(member: Membership) -> Wishes:
    return wishes(member, Preference.objects.filter(user_id=member.user_id).first())


def wishes(member: Membership, kept: Preference | None) -> Wishes:
    """The same with what is stored at hand."""
    usual, zone = DEFAULTS[member.role], clock(member)
    if kept is None:
        return Wishes(usual, zone=zone)
    chosen = {kind: _choice(kept.choices.get(kind), usual[kind]) for kind in kinds_for(member.role)}
    return Wishes(dict(usual) | chosen, kept.digest, kept.hour, kept.weekday, zone)


def clock(member: Membership) -> ZoneInfo:
    """The person's own time zone, else the organisation's."""
    return member.user.timezone or connection.tenant.timezone


def keep(member: Membership, asked: Wishes) -> Wishes:
    """Store what differs from the role's, so that the rest follows the role. Raises Unusable."""
    _check(asked)
    usual = DEFAULTS[member.role]
    own = {kind: list(choice) for kind, choice in asked.choices.items() if tuple(choice) != tuple(usual[kind])}
    rest = {"digest": asked.digest, "hour": asked.hour, "weekday": asked.weekday}
    with transaction.atomic():
        rings.take_turn()
        kept, _new = Preference.objects.update_or_create(user_id=member.user_id, defaults={"choices": own, **rest})
        known = wishes(member, kept)
        _move_digest(member.user_id, known)
    return known


def no_mail(user_id: int) -> None:
    """Whoever follows the link in a mail gets none any more; what the app shows stays as it was."""
    with transaction.atomic():
        rings.take_turn()
        kept, _new = Preference.objects.select_for_update().get_or_create(user_id=user_id)
        shown = {kind: _shown(kept.choices.get(kind)) for kind in Kind.values}
        kept.choices = {kind: [in_app, ByMail.NEVER] for kind, in_app in shown.items()}
        kept.save(update_fields=["choices"])
        Mail.objects.filter(user_id=user_id, state__in=Mail.PENDING).update(state=Mail.State.DROPPED)


def _shown(chosen: Any) -> bool | None:
    """None: as the role has it, which may change."""
    return chosen[0] if chosen else None


def _choice(chosen: Any, usual: Choice) -> Choice:
    if not chosen:
        return usual
    in_app, by_mail = chosen
    return (usual[0] if in_app is None else bool(in_app)), by_mail


def _check(asked: Wishes) -> None:
    for kind, (_in_app, by_mail) in asked.choices.items():
        if kind not in Kind.values or by_mail not in ByMail.values:
            raise Unusable(_("Choose at once, in the digest, or never."), "choices")
    if asked.digest not in Rhythm.values:
        raise Unusable(_("Choose how often the digest comes."), "digest")
    if not 0 <= asked.hour <= 23:
        raise Unusable(_("An hour is from 0 to 23."), "hour")
    if not 0 <= asked.weekday <= 6:
        raise Unusable(_("A day of the week is from 0, Monday, to 6."), "weekday")


def _move_digest(user_id: int, asked: Wishes) -> None:
    """What waits for the digest comes in its new window; without one it is only in the app."""
    pending = Mail.objects.filter(user_id=user_id, sort=Mail.Sort.DIGEST, state__in=Mail.PENDING)
    waiting = pending.filter(state=Mail.State.WAITING)
    due_at = asked.next_digest(timezone.now())
    if due_at is None:
        pending.update(state=Mail.State.DROPPED)
    elif waiting.update(due_at=due_at):
        rings.ring()


def forget(user_ids: list[int]) -> int:
    """Of people who left."""
    FailedMail.objects.filter(tenant=connection.tenant, user__in=user_ids).delete()
    Mail.objects.filter(user_id__in=user_ids).delete()
    Preference.objects.filter(user_id__in=user_ids).delete()
    return Delivery.objects.filter(user_id__in=user_ids).delete()[0]
