"""Which tenant a request is for, who may see it, and in which language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.defaults import page_not_found
from django_tenants.middleware.main import TenantMainMiddleware

from tenants.models import Membership, User

SEEN_STEP = dt.timedelta(minutes=5)

View = Callable[..., HttpResponse]
GetResponse = Callable[[HttpRequest], HttpResponse]


class TenantHostMiddleware(TenantMainMiddleware):
    """The host name chooses the schema; an unknown host is a 404."""

    def no_tenant_found(self, request: HttpRequest, hostname: str) -> HttpResponse:
        connection.set_schema_to_public()
        request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
        return page_not_found(request, Http404("no such host"))  # our page with DEBUG, too


def is_public(request: HttpRequest) -> bool:
    return request.tenant.schema_name == "public"


def person(request: HttpRequest) -> User:
    """Whoever is signed in; behind the membership check that is always somebody."""
    assert isinstance(request.user, User)  # noqa: S101 - for the type checker
    return request.user


def for_everybody(view: View) -> View:
    """A page of a tenant's host that people see before they are in, or a view that brings its own credentials."""
    view.membership_exempt = True  # type: ignore[attr-defined]
    return view


class MembershipMiddleware:
    """On a tenant's host: sets `request.membership`; for anybody who is not a member the host does not exist.

    `request.memberships` are all of the person's, by the tenant's name: the frame of a page leads to the others.

    Views that bring their own credentials (API, webhooks) are marked `membership_exempt`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.membership, request.memberships = None, []
        if not is_public(request) and request.user.is_authenticated:
            mine = Membership.objects.filter(user=request.user).select_related("tenant")
            request.memberships = list(mine.order_by("tenant__name"))
            request.membership = next((one for one in request.memberships if one.tenant_id == request.tenant.pk), None)
            _seen(request.membership)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable, *_: object) -> HttpResponse | None:
        if is_public(request) or getattr(view, "membership_exempt", False):
            return None
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        if request.membership is None:
            return page_not_found(request, Http404("not a member"))
        return None


def _seen(membership: Membership | None) -> None:
    """Remember when somebody was last here, without a write for every page."""
    now = timezone.now()
    if membership and (membership.seen_at is None or now - membership.seen_at > SEEN_STEP):
        Membership.objects.filter(pk=membership.pk).update(seen_at=now)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page, which leads back here; a request of htmx takes the whole window there."""
    if request.headers.get("HX-Request"):
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = urlunsplit(("", "", page.path or "/", page.query, ""))
        return HttpResponse(headers={"HX-Redirect": f"{settings.SIGN_IN_PATH}?next={quote(back)}"})
    path = request.get_full_path() if request.method == "GET" else "/"
    return redirect(f"{settings.SIGN_IN_PATH}?next={quote(path)}")


class PersonLocaleMiddleware:
    """The person's language, else the browser's, else the tenant's; times by the person's clock, else the tenant's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = getattr(request.user, "language", "") if request.user.is_authenticated else ""
        language = language or _of_browser(request) or request.tenant.language
        zone = getattr(request.user, "timezone", None) or request.tenant.timezone
        with translation.override(language), timezone.override(zone):
            request.LANGUAGE_CODE = translation.get_language()
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


def _of_browser(request: HttpRequest) -> str:
    """The best language that the browser asks for and we have; empty when there is none."""
    if request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) in dict(settings.LANGUAGES):
        return request.COOKIES[settings.LANGUAGE_COOKIE_NAME]
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if code.partition("-")[0] in dict(settings.LANGUAGES):
            return code.partition("-")[0]
    return ""
