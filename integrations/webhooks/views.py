"""The door for providers' calls: HTTP in, a short answer out. What is refused hears nothing of why."""

from __future__ import annotations

import logging
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from limits import parse

from integrations.adapters import errors
from integrations.adapters.base import HookCall
from integrations.webhooks import intake
from integrations.webhooks.addresses import host
from tenants import throttle

log = logging.getLogger(__name__)

#: Larger than any documented call (a whole order of a restaurant: 600 KB).
BODY_BYTES = 1024 * 1024
#: Calls of one sender that nobody signed. Beyond, it is refused before anything is read or looked up.
UNSIGNED = parse("60/minute")
WAIT_SECONDS = "60"


@csrf_exempt
def hook(request: HttpRequest, provider: str, subscription: UUID | None = None) -> HttpResponse:
    if throttle.is_barred(request, "unsigned calls", UNSIGNED):
        return HttpResponse(status=429, headers={"Retry-After": WAIT_SECONDS})
    response, is_genuine = _answer(request, provider, subscription)
    if not is_genuine:
        throttle.note(request, "unsigned calls", UNSIGNED)
    return response


def _answer(request: HttpRequest, provider: str, subscription: UUID | None) -> tuple[HttpResponse, bool]:
    """And whether it was the provider who called."""
    sender = throttle.address(request)
    try:
        if request.method in ("HEAD", "GET"):  # some look whether somebody is there before they subscribe
            intake.expects(provider, subscription)
            return HttpResponse(), False
        if request.method != "POST":
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"]), False
        if _length(request) > BODY_BYTES:
            return HttpResponse(status=413), False
        said = intake.take(provider, subscription, _call(request), timezone.now(), sender)
    except intake.Unknown:
        return HttpResponse(status=404), False
    except intake.Ended:
        return HttpResponse(status=410), False
    except intake.Off:
        return HttpResponse(status=503, headers={"Retry-After": "3600"}), False
    except errors.Forged as error:
        log.info("refused a call for %s from %s: %s", provider, sender, error)
        return HttpResponse(status=401), False
    except UnreadablePostError:
        return HttpResponse(status=400), False
    body, content_type = said.answer
    return HttpResponse(body, content_type=content_type), not intake.is_handshake(said)


def _length(request: HttpRequest) -> int:
    told = request.META.get("CONTENT_LENGTH") or ""
    return int(told) if told.isdecimal() else 0


def _call(request: HttpRequest) -> HookCall:
    return HookCall(
        method=request.method or "",
        url=host() + request.get_full_path(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )
