"""Bearer tokens of a tenant: made here, shown once, kept as a hash only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.models import RANK, ApiToken, Role, Tenant, User

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token may do in one part of the API: as somebody of `role` may there. words: for people."""

    area: str
    role: Role
    words: StrPromise


#: Areas are records (with who is in them), syncs (everything about connections), webhooks (those that we send), settings.
SCOPES = {
    "records.read": Scope("records", Role.VIEWER, _("See records")),
    "records.write": Scope("records", Role.MEMBER, _("Add, change and delete records")),
    "syncs.read": Scope("syncs", Role.VIEWER, _("See connections, runs, conflicts and what is set aside")),
    "syncs.run": Scope("syncs", Role.MEMBER, _("Start syncs and decide conflicts")),
    "syncs.manage": Scope("syncs", Role.ADMIN, _("Connect tools and change what is kept in step")),
    "webhooks.manage": Scope("webhooks", Role.ADMIN, _("Manage webhooks")),
    "settings.manage": Scope("settings", Role.ADMIN, _("Change the organisation, its team and its added fields")),
}
PREFIX = "rac_"
SHOWN = 12  # characters that lists show so that a person recognises a token
USED_STEP = timedelta(minutes=1)  # `used_at` is kept to the minute, so that a busy client does not write at every call


def create_token(
    tenant: Tenant,
    name: str,
    role: str = "",
    by: User | None = None,
    scopes: Iterable[str] = (),
    days: int | None = None,
) -> tuple[ApiToken, str]:
    """The row and the token itself, which nobody can read again.

    scopes: names of SCOPES; none of them: everything that `role` may. days: how long it works; None: until it is revoked.
    """
    chosen = [name for name in SCOPES if name in set(scopes)]
    role = role or (max((SCOPES[name].role for name in chosen), key=RANK.__getitem__) if chosen else Role.ADMIN)
    plain = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        tenant=tenant,
        name=name,
        role=role,
        scopes=chosen,
        created_by=by,
        prefix=plain[:SHOWN],
        digest=_digest(plain),
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    return row, plain


def allows(role: str, scopes: Collection[str], area: str, needed: str) -> bool:
    """Whether a token of this role and these scopes may do in `area` what needs the role `needed`."""
    if not scopes:
        return RANK[Role(role)] >= RANK[Role(needed)]
    return any(SCOPES[name].area == area and RANK[SCOPES[name].role] >= RANK[Role(needed)] for name in scopes)


def find(plain: str) -> ApiToken | None:
    """The token's row with its tenant, or None for one that is unknown, expired or revoked. Remembers that it was used."""
    if not plain.startswith(PREFIX):
        return None
    now = timezone.now()
    living = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    token = ApiToken.objects.select_related("tenant").filter(living, digest=_digest(plain)).first()
    if token:
        stale = Q(used_at=None) | Q(used_at__lt=now - USED_STEP)
        ApiToken.objects.filter(stale, pk=token.pk).update(used_at=now)
    return token


def revoke(tenant: Tenant, token_id: int) -> bool:
    """Ends the token at once; answers whether the tenant had such a living one."""
    living = ApiToken.objects.filter(tenant=tenant, pk=token_id, revoked_at=None)
    return bool(living.update(revoked_at=timezone.now()))


def revoke_of(tenant: Tenant, user: User) -> int:
    """Ends what somebody made: who leaves shall have no way in left. Answers how many."""
    return ApiToken.objects.filter(tenant=tenant, created_by=user, revoked_at=None).update(revoked_at=timezone.now())


def _digest(plain: str) -> str:
    # A token has 256 random bits, so a plain hash is as good as a slow one.
    return hashlib.sha256(plain.encode()).hexdigest()
