"""Pages that belong to no app."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import DataError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found

#: How psycopg and PostgreSQL name the one character that no text and no JSON there can hold.
NUL = ("NUL (0x00)", "\\u0000")


class OwnAnswers:
    """With DEBUG, too, what is not here has our page, whether a view says so or no pattern knows the address; Django's is left to
    what failed. And whatever was sent with NUL, to whichever address, is refused with words instead of failing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if settings.DEBUG and response.status_code == 404 and request.resolver_match is None:
            return page_not_found(request, Http404("no such address"))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Http404):
            return page_not_found(request, exception)
        if isinstance(exception, (DataError, ValueError)) and any(name in str(exception) for name in NUL):
            return _holds_nul(request)
        return None


def _holds_nul(request: HttpRequest) -> HttpResponse:
    title = _("This holds a character that cannot be stored")
    text = _("It is NUL, which is invisible and often comes with copied text. Type the text anew and send it again.")
    if "HX-Request" in request.headers:
        return HttpResponse(f"{title}. {text}", status=400, content_type="text/plain; charset=utf-8")
    return render(request, "errors/400.html", {"title": title, "text": text}, status=400)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open for too long, or sent from elsewhere."""
    return render(request, "403_csrf.html", status=403)


def alive(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """The process can serve: the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


alive.membership_exempt = True  # type: ignore[attr-defined]
ready.membership_exempt = True  # type: ignore[attr-defined]
