"""What every call passes: its id, who calls, the body's size, the idempotency key; and what every answer carries."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import uuid_utils
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from integrations.api import callers, idempotency, problems
from integrations.api.problems import Problem
from tenants.middleware import for_everybody

View = Callable[..., HttpResponse]
GIVEN_ID = re.compile(r"[\w.:-]{8,64}", re.ASCII)


def door(view: View) -> View:
    """For a tenant's host: only for members and tokens of the tenant. CSRF is checked for members in `callers`."""

    def known(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.caller = callers.identify(request)
        if request.content_type != "multipart/form-data":  # a file is looked at by whom it is for
            request.body  # noqa: B018 - read here, so that one that is too large is refused before anything is done
        return idempotency.once(request, request.caller, lambda: view(request, *args, **kwargs))

    return public_door(wraps(view)(known))


def public_door(view: View) -> View:
    """For anybody: the view brings its own credentials. Every answer is JSON, errors too."""

    @wraps(view)
    def through(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.api_id = given if GIVEN_ID.fullmatch(given) else str(uuid_utils.uuid7())
        try:
            response = view(request, *args, **kwargs)
        except Exception as error:  # the edge: everything becomes an answer, and what nobody foresaw is logged
            response = problems.answer(request, error)
        if response.status_code == 405 and response["Content-Type"] != problems.MEDIA_TYPE:
            response = _not_allowed(request, response)
        response["X-Request-Id"] = request.api_id
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return csrf_exempt(for_everybody(through))


def unknown(request: HttpRequest, **_path: str) -> HttpResponse:
    """An address that means nothing, also one with an id that is none."""
    raise Http404


def _not_allowed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    allowed = ", ".join(sorted(response["Allow"].split(", ")))
    detail = _("This address takes %(methods)s.") % {"methods": allowed}
    return problems.render(request, Problem("method_not_allowed", detail, headers={"Allow": allowed}))
