"""Who somebody is, and where they go from the public host."""

from __future__ import annotations

import math
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenants import hand_off, throttle
from tenants.models import Membership, Tenant, User


class Refused(Exception):
    """With words for a person. They never say whether the account exists."""


def check(request: HttpRequest, email: str, password: str, tenant: Tenant | None = None) -> User:
    """The person with this e-mail and password (and, with `tenant`, on its team). Raises Refused."""
    try:
        throttle.attempt(request, email)
    except throttle.TooMany as error:
        raise Refused(too_many(error)) from error
    user = authenticate(request, username=email, password=password)
    outside = tenant and user and not Membership.objects.filter(tenant=tenant, user=user).exists()
    if user is None or outside:
        throttle.failed(request)
        raise Refused(_("This e-mail and password do not go together here. Check both and try again."))
    throttle.succeeded(email)
    return user


def too_many(error: throttle.TooMany) -> str:
    minutes = math.ceil(error.seconds / 60)
    words = ngettext(
        "Too many attempts. For safety, the next one is heard in %(n)s minute.",
        "Too many attempts. For safety, the next one is heard in %(n)s minutes.",
        minutes,
    )
    return words % {"n": minutes}


def wanted_path(request: HttpRequest) -> str:
    """The `next` that the request names, when it is a page of this host; otherwise empty."""
    path = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(path, {request.get_host()}, require_https=request.is_secure())
    return path if is_ours and path.startswith("/") else ""


def after_sign_in(request: HttpRequest, user: User) -> str:
    """On the public host: staff to the admin, one organisation straight to it, several to the choice."""
    if path := wanted_path(request):
        return path
    if user.is_staff:
        return reverse("admin:index")
    tenants = [membership.tenant for membership in user.memberships.select_related("tenant")]
    if len(tenants) == 1:
        return hand_off.link(request, user, tenants[0])
    return reverse("account:choose_tenant")


def sign_in_address(path: str) -> str:
    return f"{settings.SIGN_IN_PATH}?next={quote(path)}"
