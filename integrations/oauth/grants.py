"""The grant of one integration, kept alive by however many workers: one small state machine for all providers.

A token is renewed shortly before it runs out, and when the provider refuses it. Whoever renews holds a lock of PostgreSQL's and
reads the row after it got it: most who waited find that somebody else did the work. Before the provider is asked the row
says so (`asked_at`), and the new pair is stored before anybody uses it. So the row tells, after any crash, whether an
answer was lost: then the old refresh token is tried once more, which many providers take.

What passes (no answer, too many requests, our app's entry is wrong) costs nothing but time: after a pause that grows with
every failure somebody tries again, and a token that is still good is used meanwhile. Only `invalid_grant` ends a grant, and only
when nobody has stored another pair in the meantime.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from integrations.adapters import errors
from integrations.models import Grant, IntegrationInstance
from integrations.oauth.exchange import GrantRefused, OurApp, Tokens, refresh
from integrations.secrets import CannotOpen

log = logging.getLogger(__name__)

AHEAD = dt.timedelta(minutes=5)  # a request begun before is answered in this time
PAUSES = (15, 30, 60, 120, 300, 600)  # seconds after so many failures in a row
BUSY_WAITS = (1, 2, 4)  # seconds, when the provider says that somebody renews at this moment (Airtable's 409)


# --- what the rest of the house uses ------------------------------------------------------------------------------


def keep(integration: IntegrationInstance, tokens: Tokens) -> None:
    """Store what a person's sign-in gave. Whatever was wrong with the grant before is over."""
    Grant.objects.update_or_create(integration=integration, defaults=_columns(tokens))


@dataclass(frozen=True, slots=True)
class Held:
    """The present token in the clear, in memory only."""

    token: str
    expires_at: dt.datetime | None
    renewed_at: dt.datetime

    @classmethod
    def of(cls, grant: Grant) -> Held:
        return cls(_token(grant), grant.expires_at, grant.renewed_at)


class GrantBearer:
    """Signs the requests of one integration (transport.Bearer). Made in its schema; plans work under other names later."""

    def __init__(self, grant: Grant) -> None:
        self.schema = connection.schema_name
        self.integration_id = grant.pk
        self.held = Held.of(grant)

    def token(self) -> str:
        if is_due(self.held, timezone.now()):
            self.held = self._renewed("")
        return self.held.token

    def newer(self, refused: str) -> str | None:
        self.held = self._renewed(refused)
        return self.held.token if self.held.token != refused else None

    def _renewed(self, refused: str) -> Held:
        """On a connection of its own: what is stored stays, even if the caller's transaction is rolled back."""
        with ThreadPoolExecutor(1, "renew-grant") as thread:
            return thread.submit(_apart, self.schema, self.integration_id, refused).result()


def _apart(schema: str, integration_id: UUID, refused: str) -> Held:
    """In a thread, which has a connection of its own."""
    try:
        with schema_context(schema):
            return Held.of(renew(integration_id, refused))
    finally:
        connection.close()


# --- the state machine --------------------------------------------------------------------------------------------


def is_due(grant: Grant | Held, now: dt.datetime) -> bool:
    """It runs out soon. Of a token that lives for minutes only, soon is its last fifth."""
    if grant.expires_at is None:
        return False
    lives = grant.expires_at - grant.renewed_at
    return now >= grant.expires_at - min(AHEAD, lives / 5)


def renew(integration_id: UUID, refused: str = "", is_idle: bool = False) -> Grant:
    """The grant with a token that can be used. refused: a token that the provider does not take any more. is_idle: renew it
    although its token is good, when it has not been for long.

    Raises AuthenticationFailed, GrantLost or KeyUnreadable when only a person can mend it; RateLimited, Unavailable, AppRefused
    when it may pass. To be called outside of any transaction.
    """
    pauses = iter(BUSY_WAITS)
    while True:
        with _only_one(integration_id):
            grant = Grant.objects.select_related("integration").filter(pk=integration_id).first()
            if grant is None:
                raise _gone()
            now = timezone.now()
            if grant.ended_at:
                raise _ended(grant)
            if _serves(grant, refused, now) and not (is_idle and grant.renew_by and grant.renew_by < now):
                return grant
            try:
                return _renew(grant, refused, now)
            except errors.VersionMismatch as error:
                pause = next(pauses, None)
                if pause is None:
                    return _later(grant, refused, error)
        time.sleep(pause)  # without the lock: whoever renews there stores the pair here, and we read it


def _renew(grant: Grant, refused: str, now: dt.datetime) -> Grant:
    """Under the lock, with a row just read."""
    refresh_token, app = _opened(grant)["refresh_token"], OurApp.at(grant.integration.provider)
    if not refresh_token:
        if _has_run_out(grant, now):
            return _end(grant, errors.AuthenticationFailed("the token has run out, and there is none to renew it with"))
        return grant  # refused or not, there is no other
    if grant.failed_at and now < grant.failed_at + _pause(grant.failures):
        return _until_then(grant, refused, now, errors.Unavailable("renewing the token failed a moment ago"))
    if app is None:
        return _later(grant, refused, errors.AppRefused("our app is not entered"))
    asked_before = grant.asked_at
    _save(grant, asked_at=now)
    try:
        tokens = refresh(app, refresh_token)
    except GrantRefused as error:
        if asked_before and app.oauth.rotates:
            return _end(grant, errors.GrantLost(f"the answer to a renewal was lost; the old token gives {error}"))
        return _end(grant, errors.AuthenticationFailed(str(error)))
    except errors.OutcomeUnknown as error:
        return _later(grant, refused, error)  # `asked_at` stays: perhaps it was carried out
    except errors.AdapterError as error:
        _save(grant, asked_at=asked_before)
        if isinstance(error, errors.VersionMismatch):
            raise
        return _later(grant, refused, error)
    return _save(grant, **_columns(tokens))


def _end(grant: Grant, error: errors.AuthenticationFailed) -> Grant:
    """Only a person can mend it, unless one has just done so."""
    saved = _save(grant, ended_at=timezone.now(), ended_code=error.code, ended_detail=str(error)[:2000], asked_at=None)
    if saved.ended_at is None:
        return saved
    log.info("the grant of %s ended: %s", grant.pk, error)
    raise error


def _gone() -> errors.Unavailable:
    return errors.Unavailable("the integration was deleted, or connected in another way, meanwhile")


def _ended(grant: Grant) -> errors.AuthenticationFailed:
    kind = errors.GrantLost if grant.ended_code == errors.GrantLost.code else errors.AuthenticationFailed
    return kind(grant.ended_detail)


def _later(grant: Grant, refused: str, error: errors.AdapterError) -> Grant:
    """It failed, and may go well later."""
    now = timezone.now()
    saved = _save(grant, failures=grant.failures + 1, failed_at=now)
    log.info("renewing the grant of %s failed, %s times now: %s", grant.pk, saved.failures, error)
    return _until_then(saved, refused, now, error)


def _until_then(grant: Grant, refused: str, now: dt.datetime, error: errors.AdapterError) -> Grant:
    """What is there serves, if it is good still."""
    if _token(grant) != refused and not _has_run_out(grant, now):
        return grant
    if isinstance(error, errors.RateLimited | errors.Unavailable | errors.AppRefused):
        raise error
    raise errors.Unavailable(f"the token could not be renewed: {error}") from error


# --- rows and times -----------------------------------------------------------------------------------------------


def _serves(grant: Grant, refused: str, now: dt.datetime) -> bool:
    """Its token is another than the refused one, or is good for a while still."""
    return _token(grant) != refused if refused else not is_due(grant, now)


def _has_run_out(grant: Grant, now: dt.datetime) -> bool:
    return grant.expires_at is not None and now >= grant.expires_at


def _token(grant: Grant) -> str:
    return _opened(grant)["token"]


def _opened(grant: Grant) -> dict[str, str]:
    try:
        return grant.tokens.open()
    except CannotOpen as error:
        raise errors.KeyUnreadable from error


def _pause(failures: int) -> dt.timedelta:
    return dt.timedelta(seconds=PAUSES[min(failures, len(PAUSES)) - 1] if failures else 0)


def _columns(tokens: Tokens) -> dict[str, Any]:
    """The row after tokens were given: nothing is asked, failed or ended any more."""
    return {
        "tokens": {"token": tokens.token, "refresh_token": tokens.refresh_token, "scope": tokens.scope},
        "expires_at": tokens.expires_at,
        "renew_by": tokens.renew_by,
        "renewed_at": tokens.issued_at,
        "asked_at": None,
        "failures": 0,
        "failed_at": None,
        "ended_at": None,
        "ended_code": "",
        "ended_detail": "",
    }


@transaction.atomic
def _save(grant: Grant, **columns: Any) -> Grant:
    """The row as it then is: with these columns, unless a person has signed in anew meanwhile, whose tokens stay."""
    row = Grant.objects.select_for_update(of=("self",)).select_related("integration").filter(pk=grant.pk).first()
    if row is None:
        raise _gone()
    if row.renewed_at == grant.renewed_at:
        for name, value in columns.items():
            setattr(row, name, value)
        row.save(update_fields=list(columns))
    return row


# --- the lock -----------------------------------------------------------------------------------------------------


@contextmanager
def _only_one(integration_id: UUID) -> Iterator[None]:
    """One worker at a time, on whatever machine. PostgreSQL gives the lock back when its holder's connection ends.

    Held while the provider is asked, which a row lock cannot be: the row is committed before and after. Raises Unavailable.
    """
    key = f"{connection.schema_name}/grant/{integration_id}"
    patience = f"{settings.PROVIDER_TIMEOUT_SECONDS + 30}s"
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [patience])
        try:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
        except OperationalError as error:
            raise errors.Unavailable("another worker has been renewing the token for too long") from error
        finally:
            cursor.execute("RESET lock_timeout")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])
