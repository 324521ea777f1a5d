"""A person connects a tool by signing in there: out from the tenant's host, back over the public one, finished where it began.

    leave        tenant's host   a Visit is made; the browser goes to the provider with its id as `state`
    come_back    public host     looks at the state only, keeps the code, sends the browser on with a one-time handle
    finish       tenant's host   in the person's own session: the code becomes tokens, the account is asked for, all is stored

Each step works once. Nothing is changed before the last one succeeds, so whatever goes wrong leaves a connection as it was.
Tokens that came but cannot be stored yet (the tool does not answer; another account came back) wait in the Visit, encrypted,
until the person has answered or the Visit's time is over.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.adapters import errors
from integrations.adapters.base import Account
from integrations.models import IntegrationInstance, Part
from integrations.oauth import exchange, grants
from integrations.oauth.exchange import OurApp, Tokens
from integrations.oauth.models import Visit
from integrations.services import connect, edits
from integrations.services.connect import Refused
from tenants.hosts import public_url
from tenants.models import Tenant, User

LASTS = dt.timedelta(minutes=15)  # signing in there, perhaps with a second factor, and choosing what to share
KIND = "oauth2"


def is_known(provider: str) -> bool:
    """Whether the adapter knows this way to connect; people are offered it once staff have entered our app."""
    return exchange.oauth_of(provider) is not None


def redirect_uri(provider: str) -> str:
    """What staff enter with the provider, character for character."""
    return public_url() + reverse("oauth_callback", args=[provider], urlconf=settings.PUBLIC_SCHEMA_URLCONF)


# --- out --------------------------------------------------------------------------------------------------------------


def leave(integration: IntegrationInstance, tenant: Tenant, user: User) -> str:
    """The provider's address to send this person to. Raises Refused."""
    app = OurApp.at(integration.provider)
    if app is None:
        raise Refused(_("This tool cannot be connected by signing in there."), code="no_oauth_app")
    verifier = secrets.token_urlsafe(64)
    visit = Visit.objects.create(
        id=uuid4(),
        provider=integration.provider,
        tenant=tenant,
        user=user,
        integration_id=integration.pk,
        verifier=verifier,
        began_at=timezone.now(),
    )
    return app.authorize_url(str(visit.pk), redirect_uri(integration.provider), verifier)


def forget() -> None:
    """Visits that can lead nowhere any more, with what they hold."""
    Visit.objects.filter(began_at__lt=timezone.now() - 2 * LASTS).delete()


# --- back -------------------------------------------------------------------------------------------------------------


def come_back(provider: str, state: str, code: str, error: str) -> Visit | None:
    """The visit of this state, with what the provider gave; None when there is none that waits for it (any more)."""
    with transaction.atomic():
        visit = _open_visits().select_for_update(of=("self",)).filter(pk=_uuid(state), came_back_at=None).first()
        if visit is None or visit.provider != provider:
            return None
        visit.came_back_at = timezone.now()
        visit.code = code or None
        visit.error = error[:100] if error or code else "no_code"
        visit.save(update_fields=["came_back_at", "code", "error"])
    return visit


def of(handle: UUID, tenant: Tenant) -> Visit | None:
    """The visit that is to be finished on this host, by its own person only; None when there is none (any more)."""
    return _open_visits().exclude(came_back_at=None).filter(handle=handle, tenant=tenant).first()


def _open_visits() -> Any:
    return Visit.objects.select_related("tenant").filter(settled_at=None, began_at__gt=timezone.now() - LASTS)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# --- finished where it began ----------------------------------------------------------------------------------------


def finish(visit: Visit, another_account: bool = False, by: str = "") -> Account:
    """Store what the visit brought. Raises Refused, whose code says what became of it:

    denied           the person said no there
    provider_error   the provider could not do it
    used             this way back was used already
    other_account    another account than before: ask, then call again with `another_account`, or `drop`
    others           the tool could not be asked just now: calling again may succeed
    """
    integration = IntegrationInstance.objects.filter(pk=visit.integration_id, provider=visit.provider).first()
    if integration is None:
        settle(visit)
        raise Refused(_("The connection was deleted meanwhile."), code="used")
    tokens = Tokens.from_json(visit.grant.open()) if visit.grant else _exchange(visit)
    account = connect.check(visit.provider, {"token": tokens.token})
    connect.refuse_other(integration, account, another_account)
    with edits.saving(integration, Part.ACCOUNT, by, always=True):
        if not settle(visit):
            raise Refused(_("This return link has already been used."), code="used")
        grants.keep(integration, tokens)
        integration.credentials = None
        connect.keep(integration, KIND, account, by)
    return account


def settle(visit: Visit) -> bool:
    """It is over: its secrets are erased. False when it was over already."""
    erased = {"settled_at": timezone.now(), "verifier": None, "code": None, "grant": None}
    return bool(Visit.objects.filter(pk=visit.pk, settled_at=None).update(**erased))


def _exchange(visit: Visit) -> Tokens:
    """Codes work once, so of two requests one goes on. What it gets is stored before anything else is tried."""
    app = OurApp.at(visit.provider)
    if app is None:
        raise Refused(_("This tool is switched off at the moment."), code="provider_off")
    if visit.error:
        settle(visit)
        if visit.error == "access_denied":
            raise Refused(_("You did not allow the access, so nothing was changed."), code="denied")
        raise Refused(
            _("The tool could not do it; it says “%(error)s”.") % {"error": visit.error}, code="provider_error"
        )
    if not Visit.objects.filter(pk=visit.pk, exchanged_at=None).update(exchanged_at=timezone.now()):
        raise Refused(_("This return link has already been used."), code="used")
    try:
        code, verifier = visit.code.open(), visit.verifier.open()  # type: ignore[union-attr]
        tokens = exchange.exchange(app, code, redirect_uri(visit.provider), verifier)
    except errors.AppRefused as error:
        settle(visit)
        raise Refused(
            _("The tool does not accept Raccord's own app. Our staff have to put that right; nothing was changed."),
            code=error.code,
        ) from error
    except errors.AdapterError as error:
        settle(visit)
        raise Refused(
            _("The tool did not finish the sign-in. Nothing was changed; please begin it again."), code="provider_error"
        ) from error
    visit.code, visit.grant = None, tokens.to_json()
    visit.save(update_fields=["code", "grant"])
    return tokens
