"""A call of a provider: is it genuine, is it new, whom does it concern. Everything else happens later.

It costs three statements, whatever the call holds, and waits for no run and no provider. A call is a reason to read, never a
value to believe: the worst that a stolen one can do is to have us read early.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from uuid import UUID

from django.db import connection

from integrations.adapters import errors
from integrations.adapters.base import HookCall, HookEvent, HookSays
from integrations.adapters.registry import adapter_class
from integrations.catalog.models import Provider
from integrations.secrets import CannotOpen
from integrations.webhooks.addresses import app_secret, hooks_of
from integrations.webhooks.models import Handshake, Heard, Subscription

log = logging.getLogger(__name__)

#: How long a call is remembered. Adapters refuse what is signed with an older time; providers repeat for a day or so.
REMEMBERED = dt.timedelta(hours=48)
#: Per provider: who sets up a webhook waits for the newest.
HANDSHAKES = 5


class Unknown(Exception):
    """Nobody calls us here."""


class Ended(Exception):
    """There is no such subscription (any more): whoever still calls shall stop."""


class Off(Exception):
    """Staff switched the provider off: come again."""


def expects(provider: str, subscription: UUID | None) -> None:
    """Whether this address is called by somebody; some providers look before they subscribe. Raises Unknown, Ended."""
    hooks = hooks_of(provider)
    if hooks is None or (hooks.made == "api") != (subscription is not None):
        raise Unknown
    if subscription and not Subscription.objects.filter(pk=subscription, provider=provider).exists():
        raise Ended


def take(provider: str, subscription: UUID | None, call: HookCall, now: dt.datetime, sender: str = "") -> HookSays:
    """What the call says, which is acted on. Raises Unknown, Ended, Off, errors.Forged."""
    hooks = hooks_of(provider)
    if hooks is None or (hooks.made == "api") != (subscription is not None):
        raise Unknown
    listed = Provider.objects.filter(slug=provider).only("is_active", "hook_secret", "client_secret").first()
    if listed is None or not listed.is_active:
        raise Off
    sealed = app_secret(listed, hooks)
    if subscription:
        row = Subscription.objects.filter(pk=subscription, provider=provider).only("secret").first()
        if row is None:
            raise Ended
        sealed = row.secret or sealed
    try:
        secret = sealed.open() if sealed else ""
    except CannotOpen as error:
        log.error("a call of %s cannot be checked: %s (docs/security.md)", provider, error)
        raise errors.Forged("what it is signed with cannot be opened") from error
    said = adapter_class(provider).heard(call, secret, now)
    if not (secret or is_handshake(said)):
        raise errors.Forged("nothing is signed before there is a secret")
    if said.secret and said.secret != secret:
        _keep(provider, said.secret, sender)
    if said.events:
        _mark(provider, subscription, said.events, _digest(provider, subscription, said.events, call))
    return said


def is_handshake(said: HookSays) -> bool:
    """Anybody can say so: it is not signed by anything that we know."""
    return bool(said.secret or said.answer[0])


def _digest(provider: str, subscription: UUID | None, events: tuple[HookEvent, ...], call: HookCall) -> bytes:
    """The same for every delivery of the same call: by its events where all of them have ids, else by its bytes."""
    ids = [event.id for event in events]
    told = "\n".join(sorted(ids)).encode() if all(ids) else call.body
    return hashlib.sha256(f"{provider}/{subscription or ''}/{all(ids)}/".encode() + told).digest()


#: One statement, so that a call is remembered if and only if it was acted on. Rows are locked in one order: two calls that
#: concern the same rows never wait for each other in a ring.
MARK = """
    WITH fresh AS (
        INSERT INTO public.webhooks_heard (digest, at) VALUES (%(digest)s, now()) ON CONFLICT DO NOTHING RETURNING 1
    ), meant AS (
        SELECT s.id FROM public.webhooks_subscription s
        WHERE EXISTS (SELECT FROM fresh) AND s.provider = %(provider)s AND {whom}
        ORDER BY s.id FOR UPDATE
    )
    UPDATE public.webhooks_subscription s SET heard_at = now(), called_at = coalesce(s.called_at, now())
    FROM meant WHERE s.id = meant.id
"""
OF_SUBSCRIPTION = MARK.format(whom="s.id = %(subscription)s")
OF_ACCOUNTS = MARK.format(
    whom="s.account_id = ANY(%(accounts)s) AND EXISTS ("
    " SELECT FROM unnest(%(accounts)s::text[], %(collections)s::text[]) AS event(account, collection)"
    " WHERE event.account = s.account_id AND event.collection IN ('', s.collection))"
)


def _mark(provider: str, subscription: UUID | None, events: tuple[HookEvent, ...], digest: bytes) -> None:
    """Every integration that the call concerns, of whichever tenant, is to run; `noticing` has the rest."""
    told = sorted({(event.account, event.collection) for event in events})
    with connection.cursor() as cursor:
        cursor.execute(
            OF_SUBSCRIPTION if subscription else OF_ACCOUNTS,
            {
                "digest": digest,
                "provider": provider,
                "subscription": subscription,
                "accounts": [account for account, _collection in told],
                "collections": [collection for _account, collection in told],
            },
        )


def _keep(provider: str, secret: str, sender: str) -> None:
    """For staff to see and confirm: whoever hands over a secret has proved nothing."""
    row = Handshake(provider=provider, address=sender[:100])
    row.secret = secret
    row.save(force_insert=True)
    older = Handshake.objects.filter(provider=provider).values_list("pk", flat=True)[HANDSHAKES:]
    Handshake.objects.filter(pk__in=list(older)).delete()


def forget(now: dt.datetime) -> int:
    """What was remembered and cannot come again."""
    return Heard.objects.filter(at__lt=now - REMEMBERED).delete()[0]
