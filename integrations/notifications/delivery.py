"""From a notice to the people it concerns: who is told, in the app or by which mail."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.db.models import Max

from integrations.notifications import preferences
from integrations.notifications.kinds import ByMail
from integrations.notifications.models import Delivery, Mail, Notice, Preference
from integrations.notifications.preferences import Wishes
from tenants.models import Membership

#: Between two mails at once to one person: what happens meanwhile comes together in the next one.
APART = dt.timedelta(minutes=10)


def members() -> dict[int, Membership]:
    """Those who belong to this tenant now."""
    found = Membership.objects.filter(tenant=connection.tenant, user__is_active=True).select_related("user")
    return {membership.user_id: membership for membership in found}


def deliver(notices: list[tuple[Notice, bool]], at: dt.datetime) -> None:
    """Each with whether it is only told again. In the transaction that made them."""
    if not notices:
        return
    people = members()
    kept = {one.user_id: one for one in Preference.objects.filter(user_id__in=people)}
    wishes = {pk: preferences.wishes(member, kept.get(pk)) for pk, member in people.items()}
    made = [one for notice, again in notices for pk, asked in wishes.items() if (one := _for(notice, pk, asked, again))]
    mails: dict[tuple[int, str], Mail] = {}
    for one in made:
        if one.by_mail != ByMail.NEVER:
            key = (one.user_id, one.by_mail)
            if key not in mails:
                mails[key] = _mail(one.user_id, one.by_mail, wishes[one.user_id], at)
            one.mail = mails[key]
    Delivery.objects.bulk_create(made, ignore_conflicts=True)


def _for(notice: Notice, user_id: int, asked: Wishes, again: bool) -> Delivery | None:
    if notice.facts.get("user", user_id) != user_id:
        return None
    in_app, by_mail = asked.of(notice.kind)
    if again and by_mail == ByMail.NOW:
        by_mail = ByMail.NEVER if asked.next_digest(notice.at) is None else ByMail.DIGEST
    if not in_app and by_mail == ByMail.NEVER:
        return None
    return Delivery(notice=notice, user_id=user_id, in_app=in_app, by_mail=by_mail)


def _mail(user_id: int, by_mail: str, asked: Wishes, at: dt.datetime) -> Mail:
    """The one that collects for this person, or a new one."""
    sort, due_at = Mail.Sort.NOW, _apart(user_id, at)
    if by_mail == ByMail.DIGEST:
        sort, due_at = Mail.Sort.DIGEST, asked.next_digest(at) or at
    return Mail.objects.get_or_create(
        user_id=user_id, sort=sort, state=Mail.State.WAITING, defaults={"due_at": due_at}
    )[0]


def _apart(user_id: int, at: dt.datetime) -> dt.datetime:
    sent = Mail.objects.filter(user_id=user_id, sort=Mail.Sort.NOW, state=Mail.State.SENT)
    last = sent.aggregate(last=Max("sent_at"))["last"]
    return max(at, last + APART) if last else at
