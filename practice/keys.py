"""Who may call: a key names its tenant, so that the public host finds the schema, and is signed, so that nobody asks for others'.

A key is made when somebody connects, handed to the connection (which keeps it sealed) and shown to nobody. Here its hash is left.
"""

from __future__ import annotations

import hashlib
import secrets

from django.core import signing
from django.db import connection
from django_tenants.utils import tenant_context

from practice.models import Key, Workspace
from tenants.models import Tenant

PREFIX = "practice_"


def make(workspace: Workspace) -> str:
    """A new key beside those before. In the tenant's schema."""
    plain = PREFIX + _signer().sign(f"{connection.tenant.pk}.{secrets.token_urlsafe(24)}")
    Key.objects.create(workspace=workspace, digest=_digest(plain))
    return plain


def keep_only(workspace: Workspace, plain: str) -> None:
    """All others are worth nothing any more."""
    workspace.keys.exclude(digest=_digest(plain)).delete()


def find(plain: str) -> tuple[Tenant, Key] | None:
    """Whose it is, with its workspace; None for one that is unknown, whatever the reason."""
    try:
        number, _, _rest = _signer().unsign(plain.removeprefix(PREFIX)).partition(".")
        tenant = Tenant.objects.exclude(schema_name="public").get(pk=int(number))
    except (signing.BadSignature, ValueError, Tenant.DoesNotExist):
        return None
    with tenant_context(tenant):
        key = Key.objects.select_related("workspace").filter(digest=_digest(plain)).first()
    return (tenant, key) if key else None


def _signer() -> signing.Signer:
    return signing.Signer(salt="practice.key")


def _digest(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()
