"""Which tenant a request is for, who may see it, and in which language."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django_tenants.middleware.main import TenantMainMiddleware

from tenants.models import Membership

GetResponse = Callable[[HttpRequest], HttpResponse]


class TenantHostMiddleware(TenantMainMiddleware):
    """The host name chooses the schema; an unknown host is a 404."""

    def no_tenant_found(self, request: HttpRequest, hostname: str) -> HttpResponse:
        connection.set_schema_to_public()
        request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
        raise Http404("no such host")


def is_public(request: HttpRequest) -> bool:
    return request.tenant.schema_name == "public"


class MembershipMiddleware:
    """On a tenant's host: sets `request.membership`; for anybody who is not a member the host does not exist.

    Views that bring their own credentials (API, webhooks) are marked `membership_exempt`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.membership = None
        if not is_public(request) and request.user.is_authenticated:
            request.membership = (
                Membership.objects.filter(user=request.user, tenant=request.tenant).select_related("tenant").first()
            )
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable, *_: object) -> HttpResponse | None:
        if is_public(request) or getattr(view, "membership_exempt", False):
            return None
        if not request.user.is_authenticated:
            return redirect(f"{settings.SIGN_IN_PATH}?next={request.get_full_path()}")
        if request.membership is None:
            raise Http404("not a member")
        return None


class PersonLocaleMiddleware:
    """The person's language, else the browser's, else the tenant's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = getattr(request.user, "language", "") if request.user.is_authenticated else ""
        if not language:
            language = translation.get_language_from_request(request) or request.tenant.language
        with translation.override(language):
            request.LANGUAGE_CODE = translation.get_language()
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response
