"""From one host to a tenant's host without signing in again: a signed token, good for a minute and for one use."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.sessions.models import Session
from django.core import signing
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from tenants.models import HandOff, Membership, Tenant, User

SECONDS = 60
BACKEND = "django.contrib.auth.backends.ModelBackend"
_signer = signing.TimestampSigner(salt="tenants.hand_off")


def link(request: HttpRequest, user: User, tenant: Tenant, path: str = "/") -> str:
    """The address on the tenant's host that signs `user` in there and goes on to `path`."""
    oldest = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    HandOff.objects.filter(user=user, made_at__lt=oldest).delete()
    row = HandOff.objects.create(
        user=user, tenant=tenant, path=path[:2000], from_session=request.session.session_key or ""
    )
    enter = reverse("account:enter", urlconf=settings.ROOT_URLCONF)
    return f"{tenant.url}{enter}?{urlencode({'token': _signer.sign(str(row.pk))})}"


def enter(request: HttpRequest, token: str) -> str | None:
    """Sign the person in on this host and answer the path to go to; None for a token that is not good (any more)."""
    try:
        row_id = _signer.unsign(token, max_age=SECONDS)
    except signing.BadSignature:
        return None
    offered = HandOff.objects.filter(pk=row_id, tenant=request.tenant, used_at=None)
    if not offered.update(used_at=timezone.now()):  # of two who come with the same token, one gets in
        return None
    row = HandOff.objects.select_related("user").get(pk=row_id)
    if not row.user.is_active or not Membership.objects.filter(user=row.user, tenant=request.tenant).exists():
        return None
    login(request, row.user, backend=BACKEND)
    HandOff.objects.filter(pk=row_id).update(to_session=request.session.session_key)
    return row.path


def sign_out(request: HttpRequest) -> None:
    """End this session and all that were handed off from the same sign-in, on whatever host."""
    if request.user.is_authenticated and request.session.session_key:
        ended = _joined(request.user, request.session.session_key)
        Session.objects.filter(session_key__in=ended).delete()
    logout(request)


def _joined(user: User, session_key: str) -> set[str]:
    known, pairs = {session_key}, list(HandOff.objects.filter(user=user).values_list("from_session", "to_session"))
    while grown := {key for pair in pairs if known & set(pair) for key in pair if key} - known:
        known |= grown
    return known
