"""Sending what is due: claimed, composed, handed over, written down.

At least once. A mail is claimed before it is handed over and marked as sent after: a crash between the two sends it again, never
not at all. Both carry the same Message-ID, by which mail programs know a copy.
"""

from __future__ import annotations

import datetime as dt
import logging
import smtplib
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.db.models import F, Min, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.notifications import delivery, preferences, unsubscribing, words
from integrations.notifications.bell import rings
from integrations.notifications.bell.models import FailedMail
from integrations.notifications.kinds import Kind, kinds_for
from integrations.notifications.models import Mail, Notice
from integrations.scheduling import leases
from tenants.models import Membership

log = logging.getLogger(__name__)

HELD = dt.timedelta(minutes=5)  # longer than a mail server may keep us waiting
#: Minutes until a mail that could not be handed over is tried again; after the last one it is given up: two days in all.
WAITS = (1, 5, 15, 60, 180, 360, 720, 720, 720)
MANY = 50  # notices in one mail; the rest is counted
NOT_TAKEN = (OSError, smtplib.SMTPException)


def send_due() -> int:
    """Send what this tenant's people are to get by now. Answers how many were sent."""
    at = leases.database_time()
    free = Q(held_until=None) | Q(held_until__lte=at)
    due = list(
        Mail.objects.filter(free, state__in=Mail.PENDING, due_at__lte=at)
        .order_by("due_at")
        .values_list("pk", flat=True)
    )
    if not due:
        return 0
    people, backend = delivery.members(), get_connection()
    try:
        backend.open()
    except NOT_TAKEN as error:  # nobody is there: as if each of them had been tried
        for pk in due:
            if mail := _claim(pk):
                _failed(mail, error)
        return 0
    try:
        return sum(_send(pk, people, backend) for pk in due)
    finally:
        backend.close()


def next_due() -> dt.datetime | None:
    """When there is something to send again. Of one that a worker holds: when it is free."""
    found = Mail.objects.filter(state__in=Mail.PENDING).aggregate(due=Min("due_at"))
    return found["due"]


def _send(pk: UUID, people: dict[int, Membership], backend: BaseEmailBackend) -> bool:
    mail = _claim(pk)
    if mail is None:
        return False
    member = people.get(mail.user_id)
    try:
        message = compose(mail, member) if member else None
        if message is None:
            _close(mail, state=Mail.State.DROPPED)
            return False
        message.connection = backend
        message.send()
    except NOT_TAKEN as error:
        _failed(mail, error)
        return False
    except Exception as error:  # one mail that cannot be written shall not hold up the others
        log.exception("mail %s could not be written", mail.pk)
        _failed(mail, error)
        return False
    _close(mail, state=Mail.State.SENT, sent_at=timezone.now())
    return True


def once_more(mail_id: UUID) -> bool:
    """Staff have mended what kept it back: it is due again, with all its tries. Without what is over by then."""
    with transaction.atomic():
        rings.take_turn()
        given_up = Mail.objects.filter(pk=mail_id, state=Mail.State.FAILED)
        again = given_up.update(state=Mail.State.SENDING, tries=0, due_at=timezone.now(), held_until=None)
        FailedMail.objects.filter(mail_id=mail_id).delete()
        if again:
            rings.ring()
    return bool(again)


def _claim(pk: UUID) -> Mail | None:
    """From now on it collects no more. Only one worker gets it, until HELD is over."""
    at = leases.database_time()
    free = Q(held_until=None) | Q(held_until__lte=at)
    with transaction.atomic():
        rings.take_turn()  # who delivers at this moment has put its notices in, or takes another mail
        claimed = Mail.objects.filter(free, pk=pk, state__in=Mail.PENDING, due_at__lte=at)
        held = {"held_until": at + HELD, "due_at": at + HELD, "tries": F("tries") + 1}
        if not claimed.update(state=Mail.State.SENDING, **held):
            return None
        return Mail.objects.get(pk=pk)


def _mine(mail: Mail) -> QuerySet[Mail]:
    """The mail while it is as we claimed it: neither another worker has it by now, nor does its person want no more mails."""
    return Mail.objects.filter(pk=mail.pk, state=Mail.State.SENDING, tries=mail.tries)


def _close(mail: Mail, **values: Any) -> None:
    _mine(mail).update(held_until=None, problem="", **values)


def _failed(mail: Mail, error: Exception) -> None:
    """The reason without addresses or text of the mail: what the server answers may repeat both."""
    code = getattr(error, "smtp_code", "")
    problem = f"{type(error).__name__} {code}".strip()
    log.warning("mail %s could not be handed over (%s, try %s)", mail.pk, problem, mail.tries)
    if mail.tries > len(WAITS) or _is_refused_for_good(error):
        with transaction.atomic():
            if _mine(mail).update(state=Mail.State.FAILED, held_until=None, problem=problem):
                facts = {"user_id": mail.user_id, "problem": problem, "tries": mail.tries, "failed_at": timezone.now()}
                made = {"tenant": connection.tenant} | facts
                FailedMail.objects.update_or_create(mail_id=mail.pk, defaults=facts, create_defaults=made)
        return
    due_at = leases.database_time() + dt.timedelta(minutes=WAITS[mail.tries - 1])
    _mine(mail).update(held_until=None, due_at=due_at, problem=problem)


def _is_refused_for_good(error: Exception) -> bool:
    """The server knows no such address (5xx). Anything else may pass."""
    if not isinstance(error, smtplib.SMTPRecipientsRefused):
        return False
    return all(500 <= code < 600 for code, _text in error.recipients.values())


# --- what stands in it ------------------------------------------------------------------------------------------------


def compose(mail: Mail, member: Membership) -> EmailMultiAlternatives | None:
    """In the person's language, by their clock. None when nothing is left that is worth a mail."""
    tenant, user = connection.tenant, member.user
    with translation.override(user.language or tenant.language), timezone.override(preferences.clock(member)):
        context = _context(mail, member)
        if context is None:
            return None
        message = EmailMultiAlternatives(
            subject=context["subject"],
            body=render_to_string("notifications/mail.txt", context),
            to=[user.email],
            headers=_headers(mail, context["unsubscribe"]),
        )
        message.attach_alternative(render_to_string("notifications/mail.html", context), "text/html")
    return message


def _headers(mail: Mail, unsubscribe: str) -> dict[str, str]:
    tenant = connection.tenant
    return {
        "Message-ID": f"<{mail.pk}@{settings.PUBLIC_HOST}>",
        "List-ID": f"{tenant.slug} <notifications.{tenant.slug}.{settings.PUBLIC_HOST}>",
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }


def _context(mail: Mail, member: Membership) -> dict[str, Any] | None:
    tenant = connection.tenant
    is_digest = mail.sort == Mail.Sort.DIGEST
    found = mail.deliveries.filter(notice__kind__in=kinds_for(member.role))  # the role may be a lesser one by now
    if not is_digest:  # trouble that is over before anybody was told is not worth an alarm
        found = found.filter(notice__over_at=None)
    if not (number := found.count()):
        return None
    worst = found.order_by(F("notice__over_at").asc(nulls_first=True), "-notice__level", "-notice__at", "pk")
    shown = worst.select_related("notice__integration").defer("notice__integration__credentials")[:MANY]
    entities = words.Entities()
    entries = [_entry(one.notice, member.role, entities) for one in shown]
    # what asks for somebody comes first, what is over last
    entries.sort(key=lambda one: (one["is_over"], one["rank"], -one["at"].timestamp()))
    return {
        "subject": _subject(entries, number, is_digest),
        "entries": entries,
        "more": number - len(entries),
        "is_digest": is_digest,
        "tenant": tenant,
        "name": member.user.name,
        "language": translation.get_language(),
        "all_url": f"{tenant.url}{_path('notifications:list')}",
        "preferences_url": f"{tenant.url}{_path('notifications:preferences')}",
        "unsubscribe": unsubscribing.link(tenant, member.user_id),
    }


def _entry(notice: Notice, role: str, entities: words.Entities) -> dict[str, Any]:
    said = words.say(notice, role, entities)
    return {
        "title": said.title,
        "text": said.text,
        "source": said.source,
        "label": said.label,
        "url": f"{connection.tenant.url}{said.path}",
        "tone": said.tone,
        "kind": Kind(notice.kind).label,
        "is_over": notice.over_at is not None,
        "rank": Kind.values.index(notice.kind),
        "at": notice.at,
    }


def _subject(entries: list[dict[str, Any]], number: int, is_digest: bool) -> str:
    tenant = connection.tenant.name
    if is_digest:
        said = ngettext("Digest: %(n)s notice from %(tenant)s", "Digest: %(n)s notices from %(tenant)s", number)
        text = said % {"n": number, "tenant": tenant}
    elif number == 1:
        text = _("%(title)s (%(tenant)s)") % {"title": entries[0]["title"], "tenant": tenant}
    else:
        said = ngettext("%(title)s, and %(n)s more (%(tenant)s)", "%(title)s, and %(n)s more (%(tenant)s)", number - 1)
        text = said % {"title": entries[0]["title"], "n": number - 1, "tenant": tenant}
    return " ".join(text.split())[:200]  # a name may hold a line break, a header may not


def _path(name: str) -> str:
    return reverse(name, urlconf=settings.ROOT_URLCONF)
