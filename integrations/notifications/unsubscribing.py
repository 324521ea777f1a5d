"""The link in every mail that ends the mails, without signing in: signed, for one person in one organisation."""

from __future__ import annotations

from django.core import signing
from django.urls import reverse

from tenants.models import Tenant

SALT = "notifications.unsubscribe"


def link(tenant: Tenant, user_id: int) -> str:
    token = signing.dumps([tenant.pk, user_id], salt=SALT)
    return f"{tenant.url}{reverse('notifications:unsubscribe', args=[token], urlconf='config.urls_tenant')}"


def person(tenant: Tenant, token: str) -> int | None:
    """Whose link this is; None for one that is made up or of another organisation. It never grows too old to be used."""
    try:
        of, user_id = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return user_id if of == tenant.pk else None
