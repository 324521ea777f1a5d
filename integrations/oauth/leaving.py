"""When a connection goes, the tool is told that we need its grant no more: once, as well as it can be done."""

from __future__ import annotations

import logging
from collections.abc import Callable

from integrations.adapters import errors
from integrations.models import Grant, IntegrationInstance
from integrations.oauth.exchange import OurApp, revoke
from integrations.secrets import CannotOpen

log = logging.getLogger(__name__)


def farewell(integration: IntegrationInstance) -> Callable[[], bool] | None:
    """What to call once the connection is gone: it answers whether the tool took the grant back.

    None where there is nothing to end: no sign-in, a tool that ends grants on its own pages only, or an account to which
    another connection here has signed in as well.
    """
    grant = Grant.objects.filter(integration=integration, ended_at=None).first()
    app = OurApp.at(integration.provider) if grant else None
    if grant is None or app is None or not app.oauth.revoke_url:
        return None
    others = Grant.objects.filter(ended_at=None).exclude(pk=integration.pk)
    same = others.filter(integration__provider=integration.provider, integration__account_id=integration.account_id)
    if integration.account_id and same.exists():
        return None
    try:
        held = grant.tokens.open()
    except CannotOpen:
        log.warning(
            "the grant of the deleted integration %s was not ended at %s: it cannot be opened", integration.pk, app.slug
        )
        return None
    name, token = str(integration.pk), held[app.oauth.revokes] or held["token"]
    return lambda: _end(app, token, name)


def _end(app: OurApp, token: str, integration: str) -> bool:
    try:
        revoke(app, token)
    except errors.AuthenticationFailed:
        return True  # it had ended already
    except errors.AdapterError as error:
        log.warning(
            "the grant of the deleted integration %s was not ended at %s: %s", integration, app.slug, error.code
        )
        return False
    return True
