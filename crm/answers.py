"""What the views of records share: who acts, which entity, how an answer goes back."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString

from crm import records, registry
from crm.feed import Actor
from crm.registry import Entity


def actor(request: HttpRequest) -> Actor:
    return Actor("user", str(request.user.pk), str(request.user))


def known(name: str) -> Entity:
    try:
        return records.describe(name)
    except records.Missing as error:
        raise Http404(name) from error


def reading_once(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page that is looked at asks for fields, options and people once; what is sent asks anew, around what it writes."""

    @wraps(view)
    def seen(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return view(request, *args, **kwargs)
        with registry.reading_once():
            return view(request, *args, **kwargs)

    return seen


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def see_other(path: str) -> HttpResponse:
    return HttpResponseRedirect(path, status=303)


def go(request: HttpRequest, path: str) -> HttpResponse:
    """To another page, also out of a dialog that htmx filled."""
    return HttpResponse(status=204, headers={"HX-Redirect": path}) if is_htmx(request) else see_other(path)


def back_to(request: HttpRequest, otherwise: str) -> str:
    """The page of ours that the form or the link named, or the usual one."""
    asked = request.POST.get("back") or request.GET.get("back", "")
    return asked if asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None) else otherwise


def in_dialog(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A form of its own: in the page's dialog where htmx asks, otherwise on a page (`crm/page.html`) around the same part."""
    context = context | {"part": f"crm/{name}.html", "in_dialog": is_htmx(request)}
    if status >= 400 and is_htmx(request):
        status = 422  # which raccord.js swaps in
    response = render(request, context["part"] if is_htmx(request) else "crm/page.html", context, status=status)
    response.headers["Vary"] = "HX-Request"
    return response


def tell(request: HttpRequest, text: str, action: str, url: str, level: int = messages.SUCCESS) -> None:
    """A message with one thing to do about it. url: where the page behind the link asks, and where htmx posts at once."""
    drawn = render_to_string("crm/_told.html", {"text": text, "action": action, "url": url})
    messages.add_message(request, level, SafeString(drawn.strip()))  # noqa: S308 - the template has escaped it
