"""Bearer tokens of a tenant: made here, shown once, kept as a hash only."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from tenants.models import ApiToken, Role, Tenant, User

PREFIX = "rac_"
SHOWN = 12  # characters that lists show so that a person recognises a token
USED_STEP = timedelta(minutes=1)  # `used_at` is kept to the minute, so that a busy client does not write at every call


def create_token(tenant: Tenant, name: str, role: str = Role.ADMIN, by: User | None = None) -> tuple[ApiToken, str]:
    """The row and the token itself, which nobody can read again."""
    plain = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        tenant=tenant, name=name, role=role, created_by=by, prefix=plain[:SHOWN], digest=_digest(plain)
    )
    return row, plain


def find(plain: str) -> ApiToken | None:
    """The token's row with its tenant, or None for one that is unknown or revoked. Remembers that it was used."""
    if not plain.startswith(PREFIX):
        return None
    token = ApiToken.objects.select_related("tenant").filter(digest=_digest(plain), revoked_at=None).first()
    if token:
        now = timezone.now()
        stale = Q(used_at=None) | Q(used_at__lt=now - USED_STEP)
        ApiToken.objects.filter(stale, pk=token.pk).update(used_at=now)
    return token


def revoke(tenant: Tenant, token_id: int) -> bool:
    """Ends the token at once; answers whether the tenant had such a living one."""
    living = ApiToken.objects.filter(tenant=tenant, pk=token_id, revoked_at=None)
    return bool(living.update(revoked_at=timezone.now()))


def _digest(plain: str) -> str:
    # A token has 256 random bits, so a plain hash is as good as a slow one.
    return hashlib.sha256(plain.encode()).hexdigest()
