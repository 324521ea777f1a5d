"""How the views of this package answer: whole pages, partials for htmx, 303 after a change, messages in both cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from crm.feed import Actor
from integrations.services.connect import Refused

View = Callable[..., HttpResponse]


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def see_other(url: str) -> HttpResponseRedirect:
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def page(request: HttpRequest, name: str, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"integrations/{name}.html", dict(context), status=status)


def partial(request: HttpRequest, name: str, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """A part of a page without its frame: the frame's queries are not asked."""
    known = {"csrf_token": get_token(request), "may_manage": may(request, "admin"), "may_write": may(request, "member")}
    return HttpResponse(render_to_string(f"integrations/{name}.html", known | dict(context)), status=status)


def redrawn(request: HttpRequest, name: str, context: Mapping[str, Any]) -> HttpResponse:
    """For a part that asks for itself until it is done: the page whole, since its head says something else now.

    Only the page's own content is exchanged, so that what was just told to the person stays to be read.
    """
    response = page(request, name, context)
    for what, value in {"Retarget": "#content", "Reselect": "#content", "Reswap": "outerHTML"}.items():
        response.headers[f"HX-{what}"] = value
    return response


def may(request: HttpRequest, role: str) -> bool:
    return request.membership.may(role)


def actor(request: HttpRequest) -> Actor:
    return Actor("user", str(request.user.pk), str(request.user))


def back_to(request: HttpRequest, otherwise: str) -> str:
    """The page of ours that the form named, or the usual one."""
    asked = request.POST.get("back", "")
    return asked if asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None) else otherwise


def two_bodies(view: View) -> View:
    """One address, a page or a part of it: caches must know."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        patch_vary_headers(response, ["HX-Request"])
        return response

    return answered


def told(request: HttpRequest, act: Callable[[], object], success: str | Callable[[], str], back: str) -> HttpResponse:
    """Do it, say how it went, go back: a redirect, or for htmx a message and a hint that the page moved on.

    success: the words, or what finds them once it is done.
    """
    level = "success"
    try:
        act()
        text = success if isinstance(success, str) else success()
    except Refused as refused:
        level, text = "error", str(refused)
    if is_htmx(request):
        news = {"toast": {"level": level, "text": text}, "integration-changed": True}
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(news)})
    messages.add_message(request, messages.ERROR if level == "error" else messages.SUCCESS, text)
    return see_other(back)
